"""What is shipped, and how quickly it starts."""

import configparser
import importlib.metadata
import os
import re
import resource
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import linres

ROOT = Path(__file__).parents[1]
INSTALLED = Path(linres.__path__[0]).parent  # where the package under test lies: site-packages, or the checkout
HEAVY = ("scipy", "sympy", "numba", "matplotlib", "hypothesis", "sklearn")
SETUP = configparser.ConfigParser(interpolation=None)
SETUP.read(ROOT / "setup.cfg")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names in a wheel built from a copy of the checkout, free of what earlier builds left there.

    With a recent setuptools at hand nothing is downloaded; else pip fetches one from the package index.
    """
    folder = tmp_path_factory.mktemp("wheel")
    left_behind = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "checkout", ignore=left_behind)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *isolation(), "--wheel-dir", folder, "."],
        cwd=folder / "checkout", check=True, timeout=300,
    )
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def isolation():
    try:
        recent = int(importlib.metadata.version("setuptools").split(".")[0]) >= 77
    except importlib.metadata.PackageNotFoundError:
        recent = False
    return ["--no-build-isolation"] if recent else []


def python(*arguments):
    """The finished process and its seconds of the processor, run outside the checkout on the package under test."""
    begun = children_seconds()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=INSTALLED, env=os.environ | {"PYTHONPATH": str(INSTALLED)},
        capture_output=True, text=True, check=False,
    )
    return done, children_seconds() - begun


def children_seconds():
    """Of the processor: a busy machine does not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_wheel_holds_the_package_and_its_metadata_alone(wheel):
    top = {name.split("/")[0] for name in wheel}
    assert top == {"linres", f"linres-{SETUP['metadata']['version']}.dist-info"}


def test_the_wheel_holds_every_file_of_the_package(wheel):
    package = ROOT / "linres"
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in files} <= set(wheel)


def test_the_wheel_holds_the_licence(wheel):
    assert any(re.fullmatch(r"linres-[^/]+\.dist-info/(licenses/)?LICENSE", name) for name in wheel)


def test_pyproject_holds_the_build_system_alone():
    assert list(tomllib.loads((ROOT / "pyproject.toml").read_text())) == ["build-system"]


def test_importing_linres_takes_less_than_three_tenths_of_a_second():
    clock = "import time; begun = time.process_time(); import linres; print(time.process_time() - begun)"
    assert min(float(python("-c", clock)[0].stdout) for _ in range(5)) < 0.3


def test_importing_linres_imports_nothing_heavy():
    done, _ = python("-c", f"import linres, sys; print([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout == "[]\n", done.stderr


def entry_point():
    module, function = SETUP["options.entry_points"]["console_scripts"].split("=")[1].strip().split(":")
    return f"import sys; from {module} import {function}; sys.exit({function}())"


@pytest.mark.parametrize("command", [("-m", "linres"), ("-c", entry_point())], ids=["python -m linres", "linres"])
def test_help_comes_within_four_tenths_of_a_second(command):
    runs = [python(*command, "--help") for _ in range(5)]
    assert all(done.returncode == 0 and "usage: linres" in done.stdout for done, _ in runs), runs[0][0].stderr
    assert min(seconds for _, seconds in runs) < 0.4


def test_ci_runs_the_test_command_of_the_readme():
    readme = re.search(r"python3 -m venv \.venv && .*pytest", (ROOT / "README.md").read_text())
    assert readme, "the README should give the test command on one line, from `python3 -m venv .venv &&` to `pytest`"
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    for command in readme[0].split(" && "):
        assert any(line == command or line.startswith(f"{command} 2>&1 |") for line in ci), command


def test_what_the_tests_lack_is_told_in_one_line():
    program = "import sys, pytest; sys.modules['sybil'] = None; sys.exit(pytest.main(['tests', 'proofs']))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 4
    said = [line for line in (done.stdout + done.stderr).splitlines() if line]
    assert said == ["ERROR: the tests need sybil. pip install '.[test]' brings all of it."]
