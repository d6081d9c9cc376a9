"""Says what to install where the tests and pages cannot run, before pytest stumbles over it."""

from importlib.util import find_spec

import pytest

NEEDED = {"xdist": "pytest-xdist", "sybil": "sybil", "linres": "linres"}  # by module


def pytest_addoption(parser):
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise pytest.UsageError(f"the tests need {' and '.join(missing)}. pip install '.[test]' brings all of it.")
