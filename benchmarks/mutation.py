"""Every constant and exponent of the theorems and of the methods changed in turn: who notices?

    python -m benchmarks.mutation [--only FILE ...] [--jobs N] [--json FILE]

A mutant is a copy of the package in which one integer n of a statement, of a proof or of a generic step has become
n + 1, one square root has gone, or (methods only) one sign has flipped. Three judges look at it, in this order: the
trusted core (is every theorem concerned still proved?), the rungs without the proof (do its instances still hold, do
all false variants still fall and all true ones stand?), and the tests, only if both others saw nothing. "error" counts
those that raise or hang.

The score is the share of mutants noticed; survivors are listed with the line as it was and as it became. The files as
they stand must go unnoticed, or nothing is counted. From a checkout with linres installed with its tests; it takes
hours on two cores, a method or a short theorem minutes.
"""

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from linres.theorems import NAMES

ROOT = Path(__file__).resolve().parent.parent
STEPS = {
    "methods/descent.py": {"step"},
    "methods/nesterov.py": {
        "momentum", "step", "auxiliary", "potential", "convex_momentum", "convex_auxiliary", "convex_potential",
    },
    "methods/stacking.py": {"stage", "train_block"},
    "methods/additive.py": {"stage"},
    "methods/boosting.py": {"stage", "growing_momentum"},
    "methods/random_start.py": {"stage"},
    "methods/chebyshev.py": {"weight", "step", "lower_bound"},
    "methods/conjugate_gradient.py": {"begin", "step"},
    "methods/end_to_end.py": {"gradients", "step", "nesterov_step"},
    "methods/propagation.py": {"step"},
}
CONCERNED = {  # by the methods: the theorems whose statements they make
    "methods/descent.py": ("nesterov-step", "gradient-step", "nesterov-quadratic"),
    "methods/nesterov.py": (
        "nesterov-step", "nesterov-quadratic", "nesterov-quadratic-step", "nesterov-convex-step", "stacking-residual",
    ),
    "methods/stacking.py": ("stacking-residual", "stacking-acceleration", "stacking-parameter-step"),
    "methods/additive.py": ("stacking-additive",),
    "methods/boosting.py": (),
    "methods/random_start.py": ("stacking-random-start",),
    "methods/chebyshev.py": ("chebyshev-iteration", "chebyshev-lower-bound"),
    "methods/conjugate_gradient.py": ("first-order-lower-bound",),
    "methods/end_to_end.py": (),
    "methods/propagation.py": ("scaling-second-moment", "scaling-strong-error"),
}
TESTED_IN = {  # where a file has no tests of its name
    "theorems/block_gradient.py": ("tests/test_network.py",),
    "theorems/near_identity_blocks.py": ("tests/test_orientation.py",),
    "theorems/scaling_tail_above.py": ("tests/test_scaling_chances.py",),
    "theorems/scaling_tail_below.py": ("tests/test_scaling_chances.py",),
    "theorems/scaling_tail_lowest.py": ("tests/test_scaling_chances.py",),
    "theorems/scaling_displacement_above.py": ("tests/test_scaling_chances.py",),
    "theorems/scaling_displacement_below.py": ("tests/test_scaling_chances.py",),
    "theorems/scaling_lognormal.py": ("tests/test_scaling_chances.py",),
}
STATED_IN = {
    "interpolation", "absorbing", "at_stage", "moved", "square", "_square", "_potential", "at", "added", "of_edge",
    "_gradient", "along", "_squared_length", "value", "_loss",
}
SECONDS = 300  # for one judge
JUDGE = """
import sys
from dataclasses import replace
import linres
from linres import load, verify
from linres.rungs import controls, symbolic

def judge(name):
    theorem = load(name)
    proof = symbolic.check(theorem)
    if proof.refusal or not proof.complete and theorem.expect == "proved":
        print("core:", name, (proof.refusal or "not complete").splitlines()[0][:150])
    verdict = verify(replace(theorem, proof=()))
    missed = controls.missed(verdict.evidence["controls"])
    if verdict.verdict != "supported" or missed:
        print("rungs:", name, verdict.verdict, *missed[:3])

if not linres.__file__.startswith(sys.argv[1]):
    raise SystemExit(f"{linres.__file__} is not the mutant")
for name in sys.argv[2:]:
    try:
        judge(name)
    except Exception as fault:  # a mutant may break anything, at any place
        print("error:", name, type(fault).__name__, str(fault).splitlines()[0][:150] if str(fault) else "")
"""


@dataclass(frozen=True)
class Mutant:
    """One change of one file of the package; start and end are offsets into its source."""

    file: str
    line: int
    start: int
    end: int
    new: str
    before: str = ""
    after: str = ""
    noticed: tuple[str, ...] = ()
    why: str = ""


def mutants(file: str) -> Iterator[Mutant]:
    """Every mutant of a file of the package, in the order of its lines."""
    source = (ROOT / "linres" / file).read_text()
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text.encode()))
    encoded = source.encode()
    for node in _parts(ast.parse(source), file):
        for place, new in _changes(node, encoded, starts, signs=file in STEPS):
            start, end = place
            line = encoded[: start].count(b"\n") + 1
            changed = encoded[:start] + new.encode() + encoded[end:]
            before, after = (text.decode().splitlines()[line - 1].strip() for text in (encoded, changed))
            yield Mutant(file, line, start, end, new, before, after)


def _parts(tree: ast.Module, file: str) -> Iterator[ast.AST]:
    """The generic steps of a method; of a theorem what makes its statement and its proof."""
    functions = STEPS.get(file, STATED_IN)
    for node in tree.body:
        if node.name in functions if isinstance(node, ast.FunctionDef) else file not in STEPS and _states(node):
            yield node


def _states(node: ast.stmt) -> bool:
    """Whether a statement of a theorem's file may say something: THEOREM itself adds instances and names only."""
    named = isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "THEOREM" for target in node.targets)
    return not (named or isinstance(node, ast.ClassDef | ast.Import | ast.ImportFrom))


def _changes(part: ast.AST, source: bytes, starts: list[int], *, signs: bool) -> Iterator[tuple[tuple[int, int], str]]:
    """The places to change, as offsets, and what to write there."""

    def span(node) -> tuple[int, int]:
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    for node in ast.walk(part):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield span(node), str(node.value + 1)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sqrt":
            yield span(node.func), ""
        elif signs and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            between = span(node.left)[1], span(node.right)[0]
            text = source[slice(*between)].decode()
            yield between, text.translate(str.maketrans("+-", "-+"))


def judged(mutant: Mutant) -> Mutant:
    """The mutant with who noticed it: "core", "rungs", "tests"; and the first thing said."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "linres", Path(folder) / "linres", ignore=shutil.ignore_patterns("__pycache__"))
        path = Path(folder) / "linres" / mutant.file
        source = path.read_bytes()
        path.write_bytes(source[: mutant.start] + mutant.new.encode() + source[mutant.end :])
        names = CONCERNED.get(mutant.file, (Path(mutant.file).stem.replace("_", "-"),))
        judgement = _run(folder, "-c", JUDGE, os.path.realpath(folder), *names)
        if "is not the mutant" in judgement.stderr:
            raise SystemExit(judgement.stderr)
        said = judgement.stdout.splitlines()
        noticed = tuple(dict.fromkeys(line.split(":")[0] for line in said))
        if noticed:
            return replace(mutant, noticed=noticed, why=said[0])
        tests = tests_of(mutant.file, names)
        # -P keeps the working directory off the path: the package tested has to be the mutant.
        outcome = _run(folder, "-P", "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests)
        if outcome.returncode:
            last = (outcome.stdout.strip().splitlines() or [outcome.stderr[-150:]])[-1]
            return replace(mutant, noticed=("tests",), why=last)
    return mutant


def tests_of(file: str, names: tuple[str, ...]) -> list[str]:
    """The tests of a file of the package and of the theorems it concerns, those that know it best first."""
    stem = Path(file).stem
    tests = [f"tests/test_{stem}.py", *(f"tests/test_{name.replace('-', '_')}.py" for name in names)]
    tests += TESTED_IN.get(file, ())
    tests += ["tests/test_methods.py", "tests/test_kernels.py"] if file in STEPS else []
    return [test for test in dict.fromkeys(tests) if (ROOT / test).exists()]


def _run(folder: str, *arguments: str) -> subprocess.CompletedProcess:
    """A fresh interpreter with the mutated package first on its path; one that hangs has noticed."""
    environment = os.environ | {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    try:
        return subprocess.run(
            command, cwd=ROOT if "pytest" in arguments else folder, env=environment, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "error: no answer in time", "")


def every_file() -> list[str]:
    """Every file of the package that is changed: the theorems and the methods."""
    return [f"theorems/{name.replace('-', '_')}.py" for name in NAMES] + [*STEPS]


def main(argv: list[str] | None = None) -> int:
    files = every_file()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=files, metavar="FILE", help=f"of {', '.join(files)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="mutants at a time")
    parser.add_argument("--json", metavar="FILE", help="write every mutant with who noticed it")
    arguments = parser.parse_args(argv)
    for file in arguments.only or files:
        unchanged = judged(Mutant(file, 0, 0, 0, ""))
        if unchanged.noticed:
            print(f"{file} is noticed as it stands: {unchanged.why}", file=sys.stderr)
            return 1
    todo = [mutant for file in arguments.only or files for mutant in mutants(file)]
    done = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for mutant in pool.map(judged, todo):
            done.append(mutant)
            if not mutant.noticed:  # told at once: the whole takes hours
                print(f"\r{_survivor(mutant)}", file=sys.stderr)
            print(f"\r{len(done)} of {len(todo)} mutants", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([asdict(mutant) for mutant in done], indent=1))
    _report(done)
    return 0


def _report(done: list[Mutant]) -> None:
    print(f"{'file':<52}{'mutants':>8}{'noticed':>9}{'core':>6}{'rungs':>7}{'tests':>7}{'error':>7}")
    for file in dict.fromkeys(mutant.file for mutant in done):
        _row(file, [mutant for mutant in done if mutant.file == file])
    _row("all", done)
    for mutant in done:
        if not mutant.noticed:
            print(f"\n{_survivor(mutant)}")


def _survivor(mutant: Mutant) -> str:
    return f"survives: {mutant.file}:{mutant.line}\n  - {mutant.before}\n  + {mutant.after}"


def _row(label: str, some: list[Mutant]) -> None:
    counts = [sum(who in mutant.noticed for mutant in some) for who in ("core", "rungs", "tests", "error")]
    noticed = sum(bool(mutant.noticed) for mutant in some)
    print(f"{label:<52}{len(some):>8}{noticed:>9}{counts[0]:>6}" + "".join(f"{n:>7}" for n in counts[1:]))


if __name__ == "__main__":
    sys.exit(main())
