"""Samples from files, shards and iterables: the numbers that are in them, or one line that says what is wrong where."""

import json
import os
import subprocess
import sys
import warnings
import zipfile
from contextlib import closing

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linres import sources
from linres.data import load
from linres.errors import InputError
from linres.moments import BLOCK
from linres.problem import Problem

N = 2 * BLOCK + 100
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((N, 3)) * [1, 2, 3] + 7
Y = X[:, ::-1] + RANDOM.standard_normal((N, 3))
WHOLE = Problem.from_data(X, Y)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder that files are made in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_left_open():
    """A file left open is a warning, and here an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        yield


def saved(name, array):
    np.save(name, array)
    return name


def pair(x=X, y=Y):
    return saved("X.npy", x), saved("Y.npy", y)


def chunked(size, x=X, y=Y):
    return ((x[first : first + size], y[first : first + size]) for first in range(0, len(x), size))


def shards(name, array, cuts):
    return [saved(f"{name}{number}.npy", part) for number, part in enumerate(np.split(array, cuts))]


def csv(name, array):
    np.savetxt(name, array, delimiter=",", fmt="%.17g")
    return name


def npz(x=X, y=Y, save=np.savez):
    save("data.npz", X=x, Y=y)
    return ("data.npz",)


SOURCES = {
    "arrays": lambda: (X, Y), "npy": pair, "npy and an array": lambda: (pair()[0], Y),
    "columns": lambda: pair(np.asfortranarray(X), Y), "big endian": lambda: pair(X.astype(">f8"), Y),
    "big endian columns": lambda: pair(np.asfortranarray(X.astype(">f8")), np.asfortranarray(Y)),
    "npz": npz, "npz, compressed": lambda: npz(save=np.savez_compressed),
    "npz of columns": lambda: npz(np.asfortranarray(X), np.asfortranarray(Y), np.savez_compressed),
    "csv": lambda: (csv("x.csv", X), csv("y.csv", Y)), "csv and npy": lambda: (csv("x.csv", X), pair()[1]),
    "shards": lambda: (shards("X", X, [1, 17, BLOCK, BLOCK + 9]), shards("Y", Y, [5000])),
    "shards of csv and npy": lambda: ([csv("x.csv", X[:999]), saved("X.npy", X[999:])], Y),
    "chunks": lambda: (chunked(1000),), "a list of chunks": lambda: (list(chunked(5000)),),
    "rows one by one": lambda: (chunked(1),),
    "lists": lambda: (X.tolist(), Y.tolist()),
    "strides": lambda: (np.repeat(X, 2, axis=0)[::2], np.hstack([Y, Y])[:, :3]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_numbers_give_the_same_bits_wherever_they_are(name):
    problem = Problem.from_data(*SOURCES[name]())
    assert np.array_equal(problem.sigma, WHOLE.sigma) and np.array_equal(problem.cross, WHOLE.cross)
    assert (problem.y_squared, problem.samples, problem.dropped) == (WHOLE.y_squared, N, 0)
    assert (problem.sigma_error, problem.cross_error) == (WHOLE.sigma_error, WHOLE.cross_error)


@pytest.mark.parametrize("name", ["npy", "columns", "shards", "npz", "csv"])
def test_the_bits_do_not_depend_on_how_much_is_read_at_a_time(name, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK", 24 * 77)
    assert np.array_equal(Problem.from_data(*SOURCES[name]()).sigma, WHOLE.sigma)


def test_options_stay_what_they_were():
    paths = pair()
    for options in ({"centre": False}, {"components": 2}, {"ridge": 0.5}, {"name": "mine"}):
        found, wanted = Problem.from_data(*paths, **options), Problem.from_data(X, Y, **options)
        assert np.array_equal(found.sigma, wanted.sigma) and np.array_equal(found.cross, wanted.cross)
        assert found.name == wanted.name
    np.testing.assert_allclose(Problem.from_data(*paths, centre=False).sigma, X.T @ X / N, rtol=1e-12)


@pytest.mark.parametrize("kind", ["f2", "f4", "g", "i4", ">i2", "u8", "?"])
@pytest.mark.parametrize("order", "CF")
def test_files_of_any_kind_of_numbers_are_read(kind, order):
    values = (RANDOM.standard_normal((500, 3)) * 50).astype(kind)
    found = Problem.from_data(*pair(np.array(values, order=order), Y[:500]))
    assert np.array_equal(found.sigma, Problem.from_data(values.astype(float), Y[:500]).sigma)


class TestWatching:
    def test_tells_the_rows_done_of_all(self):
        told = []
        Problem.from_data(*pair(), watch=lambda *rows: told.append(rows))
        assert told[-1] == (N, N) and all(total == N for _, total in told)
        assert [done for done, _ in told] == sorted({done for done, _ in told})

    @pytest.mark.parametrize("name", ["chunks", "csv"])
    def test_tells_no_total_where_there_is_none(self, name):
        told = []
        Problem.from_data(*SOURCES[name](), watch=lambda *rows: told.append(rows))
        assert told[-1] == (N, None)

    @pytest.mark.parametrize("name", ["npy", "shards", "npz", "csv"])
    def test_what_it_raises_passes_and_closes_the_files(self, name):
        def watch(*_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Problem.from_data(*SOURCES[name](), watch=watch)


def holed(*rows):
    x = X.copy()
    x[list(rows), 1] = np.nan
    return x


class TestBadRows:
    def test_are_refused_with_their_count_positions_and_files(self):
        y = Y.copy()
        y[N - 1, 2] = -np.inf
        with pytest.raises(InputError) as refused:
            Problem.from_data(*pair(holed(3, BLOCK), y))
        assert str(refused.value) == (
            f"Problem.from_data(x, y) should be finite numbers, got 3 of {N} rows with a nan or an infinity: "
            f"row 3 of X.npy (nan in column 1), row {BLOCK} of X.npy (nan in column 1), "
            f"row {N - 1} of Y.npy (-inf in column 2), counting from 0. "
            'Drop these rows (bad_rows="drop", --drop-bad-rows), or fill them.'
        )

    def test_of_shards_are_named_by_the_row_in_their_own_file(self):
        paths = shards("X", holed(3, 17, BLOCK), [10, 20, 3000])
        message = rf"row 3 of X0\.npy .*, row 7 of X1\.npy .*, row {BLOCK - 3000} of X3\.npy"
        with pytest.raises(InputError, match=message):
            Problem.from_data(paths, Y)

    @pytest.mark.parametrize(
        ("source", "place"),
        [
            (lambda x: (x, Y), "row 9 of x "), (lambda x: (chunked(4, x),), "row 9 of x "),
            (npz, r"row 9 of X in data\.npz "), (lambda x: (np.asfortranarray(x), Y), "row 9 of x "),
        ],
    )
    def test_are_named_wherever_they_are(self, source, place):
        with pytest.raises(InputError, match=f"1 of {N} rows .*: {place}"):
            Problem.from_data(*source(holed(9)))

    def test_are_listed_up_to_five(self):
        with pytest.raises(InputError, match=r"row 4 of x \(nan in column 1\) and 95 more, counting from 0"):
            Problem.from_data(holed(*range(100)), Y)

    @pytest.mark.parametrize("name", ["arrays", "npy", "columns", "npz", "shards", "csv", "chunks"])
    def test_are_dropped_and_counted_if_told(self, name, monkeypatch):
        rows = (0, 5, BLOCK, BLOCK + 1, N - 1)
        with monkeypatch.context() as patched:
            patched.setitem(globals(), "X", holed(*rows))
            source = (chunked(1000, X, Y),) if name == "chunks" else npz(X) if name == "npz" else SOURCES[name]()
            if name in ("npy", "columns"):
                source = pair(X if name == "npy" else np.asfortranarray(X))
            problem = Problem.from_data(*source, bad_rows="drop")
        without = Problem.from_data(np.delete(X, rows, axis=0), np.delete(Y, rows, axis=0))
        assert (problem.samples, problem.dropped) == (N - 5, 5)
        error = problem.sigma_error + without.sigma_error
        np.testing.assert_allclose(problem.sigma, without.sigma, rtol=0, atol=error)

    def test_that_leave_no_row_are_refused_even_then(self):
        with pytest.raises(InputError, match=r"got 7 of 7 rows .* and 2 more, .* No row is left\.$"):
            Problem.from_data(np.full((7, 2), np.nan), np.ones((7, 2)), bad_rows="drop")

    def test_of_a_table_are_refused_by_line_and_column_at_once(self):
        paths = csv("x.csv", holed(7)), csv("y.csv", Y)
        with pytest.raises(InputError, match=r"x\.csv, line 8, column 2 should be a finite number, got 'nan'"):
            Problem.from_data(*paths)

    def test_know_two_ways(self):
        with pytest.raises(InputError, match=r'bad_rows=\.\.\.\) should be "refuse" or "drop", got \'keep\''):
            Problem.from_data(X, Y, bad_rows="keep")


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (lambda good: good[:-1], rf"X\.npy is cut short: {N} rows by its header, bytes for {N - 1}\. Write it"),
            (lambda good: good[: len(good) // 2], "is cut short"),
            (lambda good: good[:100], r"X\.npy is not a readable \.npy file\. Write it by np\.save\(path, x\)\.$"),
            (lambda good: b"", "is not a readable"), (lambda good: b"1,2\n3,4\n", "is not a readable"),
            (lambda good: b"PK\x03\x04" + good, "is not a readable"),
            (lambda good: b"cos\nsystem\n(S'false'\ntR.", "is not a readable"),
        ],
    )
    def test_that_are_damaged_are_refused(self, folder, content, message):
        x, y = pair()
        (folder / x).write_bytes(content((folder / x).read_bytes()))
        with pytest.raises(InputError, match=message):
            Problem.from_data(x, y)

    def test_with_more_behind_the_array_are_read(self, folder):
        x, y = pair()
        with open(x, "ab") as file:
            file.write(b"more")
        assert np.array_equal(Problem.from_data(x, y).sigma, WHOLE.sigma)

    def test_that_are_cut_while_they_are_read_are_refused(self, monkeypatch):
        monkeypatch.setattr(sources, "CHUNK", 24 * 1000)
        x, y = pair()
        with pytest.raises(InputError, match=r"Y\.npy is not a readable \.npy file"):
            Problem.from_data(x, y, watch=lambda *_: os.truncate(y, 30_000))

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.array([[None]]), r"X\.npy holds Python objects\. Save numbers"),
            (np.ones(3), r"X\.npy should be a real matrix, got an array with 1 axes\. Write a single column"),
            (np.ones((2, 2, 2)), "an array with 3 axes"), (np.ones((0, 3)), r"at least one row .* got shape \(0, 3\)"),
            (np.ones((3, 0)), r"got shape \(3, 0\)"), (np.ones((2, 2)) * 1j, "dtype complex128"),
            (np.array([["a"]]), "dtype <U1"), (np.zeros(2, dtype=[("a", "f8")]), r"dtype \[\('a', '<f8'\)\]"),
        ],
    )
    def test_without_a_matrix_of_numbers_are_refused(self, array, message):
        with pytest.raises(InputError, match=message) as refused:
            Problem.from_data(saved("X.npy", array), Y)
        assert "\n" not in str(refused.value)

    def test_that_are_none_are_refused(self, folder):
        (folder / "folder.npy").mkdir()
        os.mkfifo(folder / "pipe.npy")
        for name, message in (("none", "No such file"), ("folder", "Is a directory"), ("pipe", "not a regular file")):
            with pytest.raises(InputError, match=message):
                Problem.from_data(f"{name}.npy", Y)

    def test_of_an_archive_with_a_wrong_sum_are_refused(self, folder):
        npz()
        content = bytearray((folder / "data.npz").read_bytes())
        content[5000] ^= 1
        (folder / "data.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"is not a readable \.npz archive"):
            Problem.from_data("data.npz")

    def test_are_never_loaded_as_a_whole(self, monkeypatch):
        """Not a row more than a chunk is held, but of columns in an archive."""
        monkeypatch.setattr(sources, "CHUNK", 24 * 500)
        for name in ("npy", "columns", "npz", "npz, compressed", "shards"):
            assert 0 < max(held(SOURCES[name]())) <= 500 * 3

    def test_with_too_many_columns_are_refused_before_memory_is_taken(self):
        name = saved("X.npy", np.ones((2, 20_000)))
        with pytest.raises(InputError, match="at most 16384 columns wide, got 20000"):
            Problem.from_data(name, name)


def held(given):
    """The sizes of the buffers of all .npy tables while a problem is made of the sources."""
    with closing(sources.samples(*given)) as samples:
        return [
            one.raw.size for _ in samples.chunks() for table in samples.tables.values()
            for one in getattr(table, "tables", [table])
        ]


class TestShards:
    def test_of_unlike_width_are_refused(self):
        paths = [saved("a.npy", X), saved("b.npy", X[:, :2])]
        with pytest.raises(InputError, match=r"b\.npy should be 3 columns wide, as a\.npy is, got 2 columns"):
            Problem.from_data(paths, Y)

    def test_are_counted_together(self):
        with pytest.raises(InputError, match=f"one row per sample in both, got {N - 1} rows of x, {N} of y"):
            Problem.from_data(shards("X", X[1:], [100]), Y)

    def test_may_be_many(self):
        paths = shards("X", X, range(5, N, 5))
        assert len(paths) > 1024  # more than may be open at once
        assert np.array_equal(Problem.from_data(paths, Y).sigma, WHOLE.sigma)


def failing():
    yield X[:5], Y[:5]
    raise ZeroDivisionError("mine")


class TestChunks:
    @pytest.mark.parametrize(
        ("chunks", "message"),
        [
            ([], "at least one row, got no chunk that has one"), ([(X[:0], Y[:0])], "got no chunk that has one"),
            ([(X, Y), (X[:, :2], Y)], r"chunk 1 of Problem\.from_data\(x\) should be as wide as chunk 0: 3 columns of "
             r"x, 3 of y, got 2 of x, 3 of y"),
            ([(X, Y), (X, Y), (X, Y[1:])], "chunk 2 of .* one row per sample in both"),
            ([X], r"chunk 0 of .* a pair \(x_chunk, y_chunk\), got an ndarray"), ([(X, Y, Y)], "a pair"),
            ([(X, Y), 3], "chunk 1 of .* got an int"), ([(X, Y), (X, None)], "y in chunk 1 of .* got None"),
            ([(X[:, 0], Y)], r"x in chunk 0 of .* 1 axes\. Write a single column"),
            ([(X, Y[:, :2])], "3 columns of x, 2 of y"),
        ],
    )
    def test_that_do_not_fit_are_named(self, chunks, message):
        with pytest.raises(InputError, match=message) as refused:
            Problem.from_data(iter(chunks))
        assert "\n" not in str(refused.value)

    def test_what_the_iterator_raises_is_not_caught(self):
        with pytest.raises(ZeroDivisionError, match="mine"):
            Problem.from_data(failing())

    def test_may_be_overwritten_once_the_next_is_asked_for(self):
        x, y = np.empty((1000, 3)), np.empty((1000, 3))

        def chunks():
            for first in range(0, 2 * BLOCK - 192, 1000):
                x[:], y[:] = X[first : first + 1000], Y[first : first + 1000]
                yield x, y

        assert np.array_equal(Problem.from_data(chunks()).sigma, Problem.from_data(X[:8000], Y[:8000]).sigma)

    def test_may_be_empty_in_between(self):
        problem = Problem.from_data([(X[:9], Y[:9]), (X[:0], Y[:0]), (X[9:], Y[9:])])
        assert np.array_equal(problem.sigma, WHOLE.sigma)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X,), "one .npz file or an iterable of .* where there is no y, got an ndarray"),
        ((3,), "where there is no y, got an int"), (("X.npy",), r"one \.npz file where there is no y, got 'X\.npy'"),
        ((["a.npy", "b.npy"],), "got paths"), ((iter([X]), Y), "got an iterator. Pass one iterator alone"),
        (("x.txt", Y), r"from_data\(x=\.\.\.\) should be numbers, or a \.npy or \.csv file, got 'x\.txt'"),
        (((X, Y),), r"from_data\(x, y\) should be given x and y as two arguments, got a tuple of both\. Write Problem"),
        (([X, Y],), "got a list of both"),
        ((X, "d.npz"), r"from_data\(y=.*'d\.npz'\. It holds X and Y: leave y out\."),
        ((X, Y[1:]), f"one row per sample in both, got {N} rows of x, {N - 1} of y. Samples are rows: transpose"),
    ],
)
def test_other_sources_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Problem.from_data(*arguments)


@pytest.mark.parametrize("missing", [1, 5000])
def test_tables_of_unlike_length_are_counted_to_the_end(missing, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK", 24 * 500)
    with pytest.raises(InputError, match=f"got {N - missing} rows of x, {N} of y"):
        Problem.from_data(csv("x.csv", X[missing:]), csv("y.csv", Y))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=6), st.integers(0, 700), st.booleans(),
       st.booleans())
def test_any_damage_to_a_file_is_read_or_refused(folder, changes, cut, shortened, columns):
    values = np.arange(60.0).reshape(20, 3) ** 2
    saved("x.npy", np.asfortranarray(values) if columns else values)
    content = bytearray((folder / "x.npy").read_bytes())
    for place, byte in changes:
        content[place % len(content)] = byte
    (folder / "x.npy").write_bytes(content[:cut] if shortened else content)
    try:
        assert Problem.from_data("x.npy", "x.npy", bad_rows="drop").samples > 0
    except InputError as refused:
        assert "\n" not in str(refused)


class TestLoad:
    def test_reads_npy_files(self):
        problem = load(*pair())
        assert np.array_equal(problem.sigma, WHOLE.sigma) and problem.name == "X.npy + Y.npy"

    def test_wants_two(self):
        with pytest.raises(InputError, match=r"two \.npy files, X and then Y, got only 'X\.npy'"):
            load("X.npy")

    def test_refuses_to_load_pickles(self):
        with zipfile.ZipFile("data.npz", "w") as archive:
            for name in "XY":
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.array([[print]], dtype=object))
        with pytest.raises(InputError, match=r"X in data\.npz holds Python objects"):
            load("data.npz")


MEMORY = """
import json, numpy as np
def peak():  # getrusage would tell that of the parent
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
before = peak()
from linres.problem import Problem
problem = Problem.from_data("X.npy", "Y.npy")
print(json.dumps([peak() - before, problem.samples]))
"""


def memory_of(rows, order):
    """MB above the interpreter with NumPy imported, at most, for 64 columns each."""
    rng = np.random.default_rng(0)
    head = {"descr": "<f8", "fortran_order": order == "F", "shape": (rows, 64)}
    for name in ("X.npy", "Y.npy"):
        with open(name, "wb") as file:
            np.lib.format.write_array_header_1_0(file, head)
            for _ in range(8):
                rng.standard_normal((rows // 8, 64)).tofile(file)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=True,
    )
    used, samples = json.loads(done.stdout)
    assert samples == rows
    return used


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system does not tell a process its peak")
class TestMemory:
    @pytest.mark.parametrize("order", "CF")
    def test_of_150_000_rows_is_that_of_a_few_blocks(self, order):
        """The files have 154 MB."""
        assert memory_of(150_000, order) < 60

    @pytest.mark.slow
    def test_of_a_million_rows_is_no_more(self):
        """The files have 1 GB."""
        assert memory_of(1_000_000, "C") < 60


def test_a_first_line_that_is_no_header_of_the_rows_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("0.5;0.2\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1 should have 2 columns, as the rows below, got 1"):
        Problem.from_data(path, path)
