"""The scripts of benchmarks/, which is not installed, loaded without putting the checkout on the import path."""

import importlib
import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"


def script(name):
    """The module benchmarks.NAME."""
    if "benchmarks" not in sys.modules:
        place = importlib.util.spec_from_file_location(
            "benchmarks", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)])
        package = importlib.util.module_from_spec(place)
        sys.modules["benchmarks"] = package
        place.loader.exec_module(package)
    return importlib.import_module(f"benchmarks.{name}")
