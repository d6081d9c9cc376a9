"""The benchmark that changes the source: that it changes all there is, and has somebody look at each change."""

import ast
import importlib.util
from pathlib import Path

import pytest

from linres.theorems import NAMES

_PATH = Path(__file__).parents[1] / "benchmarks" / "mutation.py"  # benchmarks are not installed
_SPEC = importlib.util.spec_from_file_location("mutation_benchmark", _PATH)
mutation = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(mutation)

GENERIC = {"step", "stage", "begin"}  # what the steps of methods are called


def functions(path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_every_generic_step_is_changed():
    for path in (mutation.ROOT / "linres" / "methods").glob("*.py"):
        if path.name != "wrong.py":  # wrong already
            defined, changed = functions(path), mutation.STEPS.get(f"methods/{path.name}", set())
            assert changed <= defined, path.name
            assert defined & GENERIC <= changed, path.name


def test_every_theorem_is_changed_and_every_concerned_one_exists():
    assert {f"theorems/{name.replace('-', '_')}.py" for name in NAMES} < {*mutation.every_file()}
    assert mutation.CONCERNED.keys() == mutation.STEPS.keys()
    assert {name for names in mutation.CONCERNED.values() for name in names} <= {*NAMES}


@pytest.mark.parametrize("file", mutation.every_file())
def test_every_file_has_mutants_that_parse_and_tests_that_look(file):
    source = (mutation.ROOT / "linres" / file).read_bytes()
    made = list(mutation.mutants(file))
    assert bool(made) == (file not in UNCHANGED)
    for mutant in made[:: max(1, len(made) // 5)]:
        changed = source[: mutant.start] + mutant.new.encode() + source[mutant.end :]
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)) and mutant.before != mutant.after
    assert mutation.tests_of(file, mutation.CONCERNED.get(file, ()))


UNCHANGED = ("methods/end_to_end.py",)
