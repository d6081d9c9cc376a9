"""Long studies run when they are asked for; otherwise they are skipped by name, never silently."""

import pytest


def pytest_collection_modifyitems(config, items):
    if "slow" in config.getoption("-m"):
        return
    skip = pytest.mark.skip(reason="a long study: run it by `pytest -m slow`")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
