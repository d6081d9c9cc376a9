"""Whatever bytes a file holds, a command reads it rightly or says in one line why not: never a traceback, never a
pickle run, never more memory than the file is worth.
"""

import contextlib
import csv
import io
import json
import os
import pickle
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from linres import archive
from linres.cli import main
from linres.theorems import load

SAMPLES = np.random.default_rng(0).standard_normal((20, 3))
QUICK = settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.nested_given],  # replay draws instances
)

SLOWER = settings(QUICK, max_examples=15)


@pytest.fixture(scope="module", autouse=True)
def folder() -> Iterator[Path]:
    """The folder that files are made in and commands run in."""
    with tempfile.TemporaryDirectory() as path, contextlib.chdir(path):
        yield Path(path)


def run(*arguments) -> tuple[int, str, str]:
    """The exit code of a command, and what it wrote to stdout and to stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([*map(str, arguments)])
        except SystemExit as error:  # argparse
            code = error.code
    return code, out.getvalue(), err.getvalue()


def refusal(*arguments) -> str:
    """The one line on stderr with which a command refuses its input."""
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n"), "Traceback" in err) == (2, "", 1, False), (code, err)
    return err


def trained_or_refused(*arguments) -> dict | None:
    """The report of `linres train`, None where it refused."""
    code, out, err = run("train", *arguments, "--stages", 3, "--json")
    if code == 2:
        assert (out, err.count("\n"), "Traceback" in err) == ("", 1, False), err
        return None
    assert (code, err) == (0, "")
    return json.loads(out)


def written(name: str, content: bytes) -> str:
    Path(name).write_bytes(content)
    return name


class Payload:
    """Unpickled, it makes the file "ran"."""

    def __reduce__(self):
        return Path("ran").touch, ()


PICKLE = pickle.dumps(Payload())


@pytest.fixture(autouse=True)
def nothing_ran() -> Iterator[None]:
    yield
    assert not Path("ran").exists()


def test_the_payload_would_be_noticed():
    pickle.loads(PICKLE)
    assert Path("ran").exists()
    Path("ran").unlink()


# Arrays


def npy(array, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(descr: str, shape, *, version=1) -> bytes:
    """The header of a .npy file of that type and shape, and no data."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return magic(text + b" " * (63 - (len(text) + 10) % 64) + b"\n", version=version)


def magic(text: bytes, *, version=1) -> bytes:
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text


def npz(members: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


GOOD = npz({"X.npy": npy(SAMPLES), "Y.npy": npy(SAMPLES * [1, 2, 3])}, zipfile.ZIP_STORED)
PACKED = npz({"X.npy": npy(SAMPLES), "Y.npy": npy(SAMPLES * [1, 2, 3])})
OBJECTS = npy(np.array([[Payload()]], dtype=object), allow_pickle=True)
# what stands for X
UNFIT = {
    "pickled objects": OBJECTS, "a pickle": PICKLE, "bytes": b"hello", "nothing": b"", "an archive": GOOD,
    "an archive in an archive": npz({"X.npy": GOOD}), "more than there is": header("<f8", (10**9, 8)),
    "a negative shape": header("<f8", (-1, 3)), "a shape beyond 2^64": header("<f8", (2**62, 2**62)),
    "a shape of floats": header("<f8", (3.0, 3)), "entries of no bytes": header("V0", (10**18, 3)),
    "texts of no bytes": header("|S0", (10**18, 3)), "an expression": magic(b"1+1\n"),
    "a call": magic(b"__import__('pathlib').Path('ran').touch()\n"), "endless brackets": magic(b"[" * 9000),
    "endless signs": magic(b"-" * 9000, version=2), "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
    "an unknown version": b"\x93NUMPY\x09\x00" + npy(SAMPLES)[8:], "half an array": npy(SAMPLES)[:200],
    "complex numbers": npy(SAMPLES + 1j), "texts": npy(SAMPLES.astype(str)), "dates": npy(SAMPLES.astype("M8[s]")),
    "records": npy(np.zeros(20, dtype=[("a", "f8")])), "raw bytes": npy(np.zeros((20, 3), dtype="V8")),
    "three axes": npy(SAMPLES[None]), "no axis": npy(np.array(3.0)), "no sample": npy(SAMPLES[:0]),
    "nan": npy(SAMPLES * np.nan), "infinity": npy(np.full((20, 3), np.inf)), "a constant": npy(np.ones((20, 3))),
    "one sample": npy(SAMPLES[:1]), "beyond float64": npy(np.sign(SAMPLES) * 1e308), "no number": npy(SAMPLES * 1e-320),
}
# what is refused for its numbers, not for its file
IN_NUMBERS = {"a constant", "one sample", "beyond float64", "no number"}
TAKEN = {
    "halves": npy(SAMPLES.astype("f2")), "long doubles": npy(SAMPLES.astype("g")),
    "big endian": npy(SAMPLES.astype(">f8")), "integers": npy((99 * SAMPLES).astype("i4")),
    "truth values": npy(SAMPLES > 0), "columns": npy(np.asfortranarray(SAMPLES)),
    "1e-150": npy(SAMPLES * 1e-150), "1e150": npy(SAMPLES * 1e150),
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_npz_without_numbers_is_refused(name):
    refusal("train", written("x.npz", npz({"X.npy": UNFIT[name], "Y.npy": npy(SAMPLES)})))
    refusal("train", written("x.npz", npz({"X.npy": npy(SAMPLES), "Y.npy": UNFIT[name]})[:-1]))


@pytest.mark.parametrize("name", [name for name in UNFIT if name != "an archive"])
def test_one_array_is_no_archive(name):
    assert "x.npz" in refusal("train", written("x.npz", UNFIT[name]))


@pytest.mark.parametrize("name", UNFIT)
def test_an_npy_without_numbers_is_refused(name):
    good, bad = written("good.npy", npy(SAMPLES)), written("bad.npy", UNFIT[name])
    assert "bad.npy" in refusal("train", bad, good) or name in IN_NUMBERS
    if name not in IN_NUMBERS:  # of a constant Y, say, there is nothing to learn, and no harm
        assert "bad.npy" in refusal("train", good, bad)


@pytest.mark.parametrize("name", TAKEN)
def test_an_npy_of_any_kind_of_numbers_is_read(name):
    report = trained_or_refused(written("x.npy", TAKEN[name]), written("y.npy", npy(SAMPLES * [1, 2, 3])))
    assert report is not None and report["mu"] > 0


@pytest.mark.parametrize("name", TAKEN)
def test_an_npz_of_any_kind_of_numbers_is_read(name):
    report = trained_or_refused(written("x.npz", npz({"X.npy": TAKEN[name], "Y.npy": npy(SAMPLES)})))
    assert report is not None and report["mu"] > 0


@pytest.mark.parametrize("name", ["pickled objects", "a pickle", "bytes", "nothing", "an archive", "more than there is",
                                  "a call", "endless brackets", "entries of no bytes", "nan", "texts", "no axis"])
def test_a_start_without_numbers_is_refused(name):
    assert "--start" in refusal("train", written("good.npz", GOOD), "--start", written("w.npy", UNFIT[name]))


def test_an_array_that_unpacks_to_gigabytes_is_refused_unread():
    with zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as made:
        with made.open("X.npy", "w", force_zip64=True) as member:
            member.write(header("<f8", (2**22, 10)))
            for _ in range(320):
                member.write(bytes(2**20))
        made.writestr("Y.npy", npy(SAMPLES))
    assert Path("bomb.npz").stat().st_size < 2**19
    assert "X in bomb.npz unpacks to 336 MB, from 0.3" in refusal("train", "bomb.npz")


def test_an_array_that_is_well_compressed_for_a_reason_is_read():
    sparse = np.zeros((4000, 3))
    sparse[:20] = SAMPLES
    report = trained_or_refused(written("x.npz", npz({"X.npy": npy(sparse), "Y.npy": npy(sparse)})))
    assert report is not None


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".csv"])
def test_what_never_ends_is_refused(suffix):
    pipe, endless = f"pipe{suffix}", f"endless{suffix}"
    for name, make in ((pipe, os.mkfifo), (endless, lambda name: os.symlink("/dev/zero", name))):
        if not os.path.lexists(name):
            make(name)
        assert "is not a regular file" in refusal("train", *[name] * (1 if suffix == ".npz" else 2))


@QUICK
@given(st.binary(max_size=400))
@example(b"PK\x03\x04")
@example(b"PK\x05\x06" + bytes(18))
@example(b"\x93NUMPY")
def test_any_bytes_are_no_archive(content):
    refusal("train", written("x.npz", content))


@QUICK
@given(
    st.sampled_from([GOOD, PACKED]), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6),
    st.integers(0, 5000), st.booleans(),
)
def test_a_damaged_npz_is_read_or_refused(content, changes, cut, shortened):
    damaged = bytearray(content)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    report = trained_or_refused(written("x.npz", bytes(damaged[:cut] if shortened else damaged)))
    assert report is None or (report["kappa"] or 1) >= 1


@QUICK
@given(
    st.sampled_from([npy(SAMPLES), npy(np.asfortranarray(SAMPLES)), npy(SAMPLES.astype("f4"))]), st.integers(0, 700),
    st.binary(max_size=40), st.integers(0, 900), st.booleans(),
)
def test_a_damaged_npy_is_read_or_refused(content, place, inserted, cut, dropping):
    damaged = written("x.npy", (content[:place] + inserted + content[place + len(inserted):])[:cut])
    report = trained_or_refused(damaged, damaged, *["--drop-bad-rows"] * dropping)
    assert report is None or (report["kappa"] or 1) >= 1


@QUICK
@given(st.sampled_from([npy(np.eye(3)), npy(SAMPLES)]), st.integers(0, 300), st.binary(max_size=40))
def test_a_damaged_start_is_read_or_refused(content, place, inserted):
    start = written("w.npy", content[:place] + inserted + content[place + len(inserted):])
    trained_or_refused(written("good.npz", GOOD), "--start", start)


# Tables

CELLS = st.one_of(
    st.floats(width=64).map(str), st.integers(-(10**30), 10**30).map(str), st.text(max_size=6),
    st.sampled_from(["", " ", '"', '""', "nan", "-inf", "1e999", "1_0", "0x1p3", "1,5", "1;5", "\x00", "\ufeff1",
                     "=1+1", "\u0661", "1\n2", "'1'", "1e-400", "-0"]),
)
TABLES = st.lists(st.lists(CELLS, max_size=4), max_size=6)


@QUICK
@given(TABLES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]), st.sampled_from([",", ";", "\t"]))
def test_any_table_is_read_as_it_is_or_refused(rows, encoding, delimiter):
    text = io.StringIO()
    with contextlib.suppress(csv.Error):
        csv.writer(text, delimiter=delimiter).writerows(rows)
    content = text.getvalue().encode(encoding, errors="replace")
    report = trained_or_refused(written("x.csv", content), written("y.csv", content))
    assert report is None or report["mu"] > 0


@QUICK
@given(st.binary(max_size=300))
@example(b"1," * 20_000 + b"1\n")
@example(b'"1,2\n3,4')
@example(b"9" * 200_000 + b"\n")
@example(b"\xff\xfe1\x00,\x002\x00")
def test_any_bytes_are_a_table_or_refused(content):
    trained_or_refused(written("x.csv", content), written("y.csv", content))


def test_a_table_of_too_many_columns_is_refused_before_its_moments_are_made():
    name = written("x.csv", b"1," * 20_000 + b"1\n")
    assert "at most 16384 columns" in refusal("train", name, name)


@QUICK
@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2), min_size=3, max_size=8), st.booleans())
def test_a_table_that_is_read_has_the_numbers_written_in_it(rows, heading):
    text = "a,b\n" * heading + "".join(f'{first!r},"{second!r}"\r\n' for first, second in rows)
    name = written("x.csv", text.encode())
    report, expected = trained_or_refused(name, name), np.array(rows)
    spread = expected - expected.mean(axis=0)
    if report is not None:
        assert report["L"] == pytest.approx(np.linalg.eigvalsh(spread.T @ spread / len(rows))[-1], rel=1e-6)


# Instances as JSON


def saved(name="nesterov-step") -> dict:
    theorem = load(name)
    return archive.document(theorem, theorem.extremal[0])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["nesterov-step", "instance", "1/0", "1/2", "0x1p+5000", "NesterovRun", "__class__",
                       "control:x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["fraction", "float", "array", "of", "list", "dict", "class", "fields", "q", "L"]), inner,
        max_size=3),
    max_leaves=12,
)


def replayed_or_refused(content: bytes) -> dict | None:
    code, out, err = run("replay", written("instance.json", content), "--json")
    if code == 2:
        assert (out, err.count("\n"), "Traceback" in err) == ("", 1, False), err
        return None
    assert code in {0, 1, 3} and "Traceback" not in err
    return json.loads(out)


def test_a_saved_instance_is_replayed():
    report = replayed_or_refused(json.dumps(saved()).encode())
    assert report is not None and report["outcome"] == "holds"


@QUICK
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"linres": "0", "linres": "1"}')
@example(b"9" * 10_000)
@example(b"NaN")
def test_any_bytes_are_no_instance(content):
    assert replayed_or_refused(content) is None


@SLOWER
@given(st.sampled_from(["linres", "kind", "theorem", "variant", "instance", "found"]), JSON)
@example("instance", {"class": "Path", "fields": {}})
@example("instance", {"class": "NesterovRun", "fields": {"__init__": None}})
@example("instance", {"fraction": "1/0"})
@example("instance", {"array": [10**9, 10**9], "of": []})
@example("theorem", "../../etc/passwd")
@example("theorem", "os")
def test_an_instance_with_another_part_is_replayed_or_refused(part, value):
    replayed_or_refused(json.dumps(saved() | {part: value}).encode())


@SLOWER
@given(st.data(), JSON)
def test_an_instance_with_another_field_is_replayed_or_refused(data, value):
    document = saved()
    fields = document["instance"]["fields"]
    fields[data.draw(st.sampled_from(sorted(fields)))] = value
    report = replayed_or_refused(json.dumps(document).encode())
    assert report is None or report["outcome"] != "fails"  # the theorem is proved


@SLOWER
@given(st.fractions(), st.fractions())
def test_the_numbers_of_an_instance_are_read_exactly(q, L):
    document = saved()
    document["instance"]["fields"] |= {"q": {"fraction": str(q)}, "L": {"fraction": str(L)}}
    report = replayed_or_refused(json.dumps(document).encode())
    assert report is None or report["outcome"] != "fails"


# Theorem files: code, which is run, and may do anything that code can

PREAMBLE = b"""
import hypothesis.strategies as st, sympy, linres
from sympy import Ge, symbols
x = symbols("x", real=True)
with sympy.evaluate(False):
    square = Ge(x**2, 0)
parts = dict(name="mine", title="", provenance="user", symbols={x: ""}, hypotheses=(), conclusion=square,
             instances=lambda: st.integers(-3, 3), measure=lambda k, arithmetic: [{x: arithmetic.number(k)}])
"""
REFUSED_FILES = {
    "nothing": b"", "no theorem": b"x = 1\n", "no Python": b"this is no Python\n", "null bytes": b"x = 1\x00\n",
    "bytes of no encoding": b"\xff\xfe\x00", "an encoding that is none": b"# -*- coding: klingon -*-\n",
    "an exception": b"1 / 0\n", "an exit": b"import sys; sys.exit(0)\n", "an exit by name": b"raise SystemExit\n",
    "an exception of its own": b"class Mine(BaseException): pass\nraise Mine('a\\nb')\n",
    "an exception without words": b"class Mine(Exception):\n    def __str__(self): 1 / 0\nraise Mine\n",
    "a recursion": b"def f(): f()\nf()\n", "nesting without end": b"(" * 5000 + b")" * 5000,
    "a module that is not there": b"import not_a_module_of_anybody\n", "an import of itself": b"import mine\n",
    "an import of itself, for what is not there yet": b"from mine import a\n",
    "a generator that is stopped": b"raise StopIteration\n", "an assertion": b"assert False, 'no'\n",
    "a theorem of floats": PREAMBLE + b"linres.Theorem(**parts | {'conclusion': Ge(x, 0.5)})\n",
    "a theorem of truth": PREAMBLE + b"linres.Theorem(**parts | {'conclusion': sympy.true})\n",
    "two of one name": PREAMBLE + b"a, b = linres.Theorem(**parts), linres.Theorem(**parts)\n",
    "a statement nested without end": PREAMBLE + b"deep = x\nfor _ in range(5000):\n"
    b"    deep = sympy.Add(sympy.Mul(deep, 2, evaluate=False), 1, evaluate=False)\n"
    b"a = linres.Theorem(**parts | {'conclusion': Ge(deep, 0, evaluate=False)})\n",
}
# what stands in the file after the preamble, and the exit code
JUDGED_FILES = {
    "a theorem": (b"a = linres.Theorem(**parts)\n", 0),
    "a false one": (b"a = linres.Theorem(**parts | {'conclusion': Ge(x, 0, evaluate=False)})\n", 1),
    "a measure that raises": (
        b"def bad(*_): raise RuntimeError('x')\na = linres.Theorem(**parts | {'measure': bad})\n", 3),
    "a measure that exits": (
        b"import sys\na = linres.Theorem(**parts | {'measure': lambda *_: sys.exit(0)})\n", 3),
    "a measure that raises what is no exception": (
        b"class Mine(BaseException): pass\ndef bad(*_): raise Mine\n"
        b"a = linres.Theorem(**parts | {'measure': bad})\n", 3),
    "a measure that recurs": (b"def bad(*_): return bad()\na = linres.Theorem(**parts | {'measure': bad})\n", 3),
    "a measure of floats": (b"a = linres.Theorem(**parts | {'measure': lambda k, _: [{x: float(k)}]})\n", 3),
    "no strategy": (b"a = linres.Theorem(**parts | {'instances': lambda: 3})\n", 3),
    "a strategy that raises": (
        b"a = linres.Theorem(**parts | {'instances': lambda: st.integers().map(lambda k: k / 0)})\n", 3),
    "nothing to draw": (b"a = linres.Theorem(**parts | {'instances': st.nothing})\n", 3),
    "a theorem of a class of its own": (
        b"class Lying(linres.Theorem):\n    def __getattribute__(self, name):\n"
        b"        return 'proved' if name == 'verdict' else super().__getattribute__(name)\n"
        b"certificate = linres.Certificate(linres.Term(1, square=x))\n"
        b"a = Lying(**parts | {'proof': (linres.Step('square', square, certificate),)})\n", 3),
    "an instance that lies about itself": (
        b"class Int(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\n"
        b"a = linres.Theorem(**parts | {'instances': lambda: st.integers(-3, 3).map(Int)})\n", 0),
    "a statement nested deeply": (
        b"deep = x\nfor _ in range(350): deep = sympy.Add(deep, 1, evaluate=False)\n"
        b"a = linres.Theorem(**parts | {'conclusion': Ge(deep, x, evaluate=False)})\n", 3),
}


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_a_file_that_gives_no_theorem_is_refused(name):
    assert "mine" in refusal("verify", "--file", written("mine.py", REFUSED_FILES[name]))


@pytest.mark.parametrize("name", JUDGED_FILES)
def test_a_file_with_a_theorem_is_judged(name):
    content, expected = JUDGED_FILES[name]
    code, out, err = run("verify", "--file", written("mine.py", PREAMBLE + content), "--json")
    assert (code, "Traceback" in err) == (expected, False), err
    [verdict] = json.loads(out)["theorems"]
    assert verdict["verdict"] == {0: "supported", 1: "refuted", 3: "inconclusive"}[code]


@QUICK
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"# {text!r}\nx = {text}\n".encode()))
def test_any_bytes_are_no_theorem(content):
    if b"import" not in content and b"(" not in content:  # what is called could do anything
        refusal("verify", "--file", written("mine.py", content))
