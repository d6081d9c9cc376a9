"""The cache of compiled kernels, each time in new processes that run a copy of the kernels."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import linres.kernels

KERNELS = Path(linres.kernels.__file__).parent
RECURRENCE = "from linres.kernels import recurrence; print(recurrence.run(1, .5, [1, 1])); "
HITS = RECURRENCE + "print(sum(recurrence._iterate.stats.cache_hits.values()))"


@pytest.fixture
def package(tmp_path):
    """A folder that holds a package linres with nothing but a copy of the kernels in it."""
    shutil.copytree(KERNELS, tmp_path / "linres" / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "linres" / "__init__.py").touch()
    (tmp_path / "home").mkdir()
    return tmp_path


def python(package, code, **environment):
    """What the code prints, with no Numba settings and no cache but those given; warnings are errors."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "XDG_"))}
    given = {
        "PYTHONPATH": str(package), "HOME": str(package / "home"), "LOCALAPPDATA": str(package / "home"),
        "PYTHONDONTWRITEBYTECODE": "1", **{key: str(value) for key, value in environment.items()},
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=package, env=inherited | given, capture_output=True, text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def machine_code(folder):
    return sorted(folder.rglob("*.nbc"))


def test_an_edit_in_a_called_module_reaches_its_callers_in_the_next_process(package):
    code = "from linres.kernels import descent; print(descent.run([[2.]], [[0.]], [[1.]], .25, 0)[0])"
    assert python(package, code) == ["[1.]"]
    called = package / "linres" / "kernels" / "least_squares.py"
    called.write_text(called.read_text().replace("return total / 2", "return total * 50"))
    assert python(package, code) == ["[100.]"]


def test_a_second_process_loads_what_the_first_one_compiled(package):
    assert python(package, HITS) == ["[1.   1.5  1.75]", "0"]
    assert python(package, HITS) == ["[1.   1.5  1.75]", "1"]


def test_the_cache_lies_where_numba_is_told_to_put_it(package):
    python(package, RECURRENCE, NUMBA_CACHE_DIR=package / "chosen", XDG_CACHE_HOME=package / "home")
    (found,) = machine_code(package)
    assert found.relative_to(package).parts[:2] == ("chosen", "linres")


def test_the_cache_lies_in_the_xdg_folder_if_there_is_one(package):
    python(package, RECURRENCE, XDG_CACHE_HOME=package / "xdg")
    (found,) = machine_code(package)
    assert found.relative_to(package).parts[:2] == ("xdg", "linres")


def test_the_cache_lies_in_the_home_folder_otherwise(package):
    python(package, RECURRENCE, XDG_CACHE_HOME="relative/paths/are/ignored")
    (found,) = machine_code(package)
    assert "home" in found.relative_to(package).parts
    assert "linres" in found.relative_to(package / "home").parts


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"])
def test_kernels_run_uncached_where_nothing_can_be_written(package, variable):
    (package / "file").touch()  # no folder can be made below a file, whoever asks; permission bits do not stop root
    unwritable = {variable: package / "file" / "below"} | ({"LOCALAPPDATA": ""} if variable == "HOME" else {})
    assert python(package, RECURRENCE, **unwritable) == ["[1.   1.5  1.75]"]
    assert machine_code(package) == []


def test_caches_of_other_packages_stay_where_they_were(package):
    code = "import numba; from linres.kernels import recurrence; print(repr(numba.config.CACHE_DIR))"
    assert python(package, code) == ["''"]
    assert python(package, code, NUMBA_CACHE_DIR="elsewhere") == ["'elsewhere'"]


def test_the_fingerprint_changes_with_any_edit_and_any_rename(package):
    folder = package / "linres" / "kernels"
    python(package, RECURRENCE, NUMBA_CACHE_DIR=package / "cache")
    with open(folder / "piecewise.py", "a") as file:
        file.write("# edited\n")
    python(package, RECURRENCE, NUMBA_CACHE_DIR=package / "cache")
    (folder / "piecewise.py").rename(folder / "piecewise_.py")  # in the same place among the others
    python(package, RECURRENCE, NUMBA_CACHE_DIR=package / "cache")
    assert len(list((package / "cache" / "linres").iterdir())) == 3


def test_kernels_are_plain_python_when_numba_is_switched_off(package):
    code = RECURRENCE + "print(type(recurrence._iterate).__name__)"
    assert python(package, code, NUMBA_DISABLE_JIT=1) == ["[1.   1.5  1.75]", "function"]
    assert list((package / "home").iterdir()) == []


WATCHED = """
import gc
from numba import extending
from numba.core.errors import TypingError
from linres.kernels._jit import compiled

def seen(x):
    pass

@extending.overload(seen)
def _(x):
    print(gc.isenabled())
    return lambda x: x

@compiled
def inner(x):
    return seen(x)

@compiled
def outer(x):
    return seen(inner(x) + 1.0)

@compiled
def untypable(x):
    return seen(x) + "no sum"
"""


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_rests_while_kernels_are_compiled_and_no_longer(package, enabled):
    (package / "linres" / "kernels" / "watched.py").write_text(WATCHED)
    code = (
        f"import gc\nfrom linres.kernels.watched import *\ngc.{'enable' if enabled else 'disable'}()\n"
        "outer(1)\nprint('then', gc.isenabled())\n"
        "try:\n    untypable(True)\nexcept TypingError:\n    print('then', gc.isenabled())"
    )
    *during, after = python(package, code)
    assert after == f"then {enabled}" and f"then {enabled}" in during
    assert len(during) > 3 and {*during} == {"False", f"then {enabled}"}


def test_importing_the_kernels_package_imports_no_numba(package):
    assert python(package, "import sys, linres.kernels; print('numba' in sys.modules)") == ["False"]
