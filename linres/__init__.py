"""linres: theory verification for deep linear residual networks.

>>> import linres
>>> print(linres.verify(linres.load("stacking-residual")))
stacking-residual: proved (5 steps checked by the trusted core, every identity by the second checker too)
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("linres")

# Where each public name lives; its module is imported when the name is first used, so that importing linres is quick.
_HOMES = {
    "linres.theorem": (
        "Batch", "Certificate", "Control", "GenericStep", "Induction", "Lemma", "Limit", "Prose", "Refutation", "Rule",
        "Step", "Theorem", "Verdict", "anything",
    ),
    "linres.certificate": ("Term",),
    "linres.chance": ("Chance",),
    "linres.language": ("Det", "GeometricSum", "Inner", "Refused", "norm", "substitute"),
    "linres.arithmetic": ("BALL", "EXACT", "FLOAT", "Matrix", "Symbolic", "divide", "inner"),
    "linres.coq": ("export",),
    "linres.errors": ("InputError",),
    "linres.instances": ("NesterovRun", "RecordedRun", "StackingRun"),
    "linres.near_target": ("PerturbedStackingRun", "RecordedStackingRun"),
    "linres.mutants": ("mutant",),
    "linres.theorems": ("NAMES", "REFUTED", "load", "load_refutations"),
    "linres.loading": ("load_file",),
    "linres.rungs": ("check", "refuted", "verify"),
    "linres.problem": ("Problem",),
    "linres.trajectory": ("Trajectory",),
    "linres.methods.boosting": ("Boosted", "boost"),
    "linres.methods.descent": ("descend",),
    "linres.methods.end_to_end": ("train",),
    "linres.methods.nesterov": ("accelerate",),
    "linres.methods.chebyshev": ("chebyshev",),
    "linres.methods.conjugate_gradient": ("conjugate_gradient",),
    "linres.methods.propagation": ("propagate",),
    "linres.methods.stacking": ("grow",),
    "linres.methods.stacking_batch": ("stacking_batch",),
}
_MODULES = ("data", "guarantee", "limits", "losses", "starts", "strategies")
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"linres.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'linres' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return ["__version__", *sorted((*_HOME, *_MODULES))]
