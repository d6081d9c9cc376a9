"""Verification: one rung per file, and the ladder that runs them. `verify` works on anyone's `Theorem`."""

from linres.verify.ladder import LEVELS, refuted, verify, wanting

__all__ = ["LEVELS", "refuted", "verify", "wanting"]
