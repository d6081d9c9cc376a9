"""Verification: one rung per file, and the ladder that runs them. `verify` works on anyone's `Theorem`."""

from linres.rungs.ladder import LEVELS, refuted, verify, wanting

__all__ = ["LEVELS", "refuted", "verify", "wanting"]
