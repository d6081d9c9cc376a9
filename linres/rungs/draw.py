"""Instances from a Hypothesis strategy: drawn in a row for the ladder, and shrunk once one of them fails."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from linres.errors import kind_of
from linres.language import NotExact
from linres.rungs.rigorous import attempt


def strategy(instances: Callable[[], Any]) -> Any:
    """The strategy that the function gives. Raised if it raises, NotExact if that is no strategy."""
    import hypothesis

    made = attempt("instances", instances)
    if not isinstance(made, hypothesis.strategies.SearchStrategy):
        raise NotExact(f"instances should return a Hypothesis strategy, got {kind_of(made)}")
    return made


def instances(strategy: Any, count: int, *, seed: int) -> list[Any]:
    """count draws or fewer (a small space ends early, an empty one at once), the same for the same seed and code.

    Raised if the strategy raises.
    """
    import hypothesis

    drawn: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(_settings(count), phases=[hypothesis.Phase.generate])
    @hypothesis.given(strategy)
    def collect(instance):
        drawn.append(instance)

    def collect_all():
        with suppress(hypothesis.errors.Unsatisfiable):  # hardly any, or none: the ladder says how many it got
            collect()

    attempt("instances", collect_all)
    return drawn


def smallest(strategy: Any, fails: Callable[[Any], bool], original: Any, *, seed: int, attempts: int = 200) -> Any:
    """The simplest failing instance that Hypothesis finds within the attempts, else the original."""
    import hypothesis

    try:
        return hypothesis.find(strategy, fails, settings=_settings(attempts), random=Random(seed))
    except (hypothesis.errors.NoSuchExample, hypothesis.errors.Unsatisfiable):
        return original


def _settings(count: int):
    import hypothesis

    return hypothesis.settings(
        max_examples=count, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck),
        verbosity=hypothesis.Verbosity.quiet, report_multiple_bugs=False,
    )
