"""Long studies run when they are asked for; otherwise they are skipped by name, never silently.

Hypothesis fails no test for the time it takes, which says more of the machine than of us, and draws new examples each
time. Under LINRES_DERANDOMIZE=1, as in `.ci/run`, it draws those that follow from the test: what fails then, fails for
what was changed.
"""

import os
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "linres", deadline=None, suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("LINRES_DERANDOMIZE") == "1",
)
settings.load_profile("linres")


NEEDED = {"xdist": "pytest-xdist", "sybil": "sybil", "linres": "linres"}  # by module


def pytest_addoption(parser):
    """Say what to install where the tests and pages cannot run, before pytest stumbles over it."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise pytest.UsageError(f"the tests need {' and '.join(missing)}. pip install '.[test]' brings all of it.")


LONGEST = ("test_every_theorem.py", "test_coq.py")  # minutes each: started last, one would keep a core waiting for it


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: item.path.name not in LONGEST)
    if "slow" in config.getoption("-m"):
        return
    skip = pytest.mark.skip(reason="a long study: run it by `pytest -m slow`")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
