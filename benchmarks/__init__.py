"""Measurements, one script per job: `python -m benchmarks.NAME`. Not part of the installed package."""
