"""Verification: one rung per file, and the ladder that runs them. `verify` works on anyone's `Theorem`."""

from linres.rungs.ladder import LEVELS, preload, refuted, verify, wanting
from linres.rungs.steps import check

__all__ = ["LEVELS", "check", "preload", "refuted", "verify", "wanting"]
