"""The embedded tasks, and files: read as they are, or refused in one line."""

import io
import warnings
import zipfile
from importlib import resources

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from linres.data import EMBEDDED, digits, load
from linres.errors import InputError
from linres.methods import nesterov, stacking
from linres.problem import Problem

X = np.array([[1.0, 2.0], [3.5, -4.0], [0.25, 1e3], [2.0, 7.0]])
Y = X[:, ::-1] + 1


class TestDigits:
    def test_are_those_of_scikit_learn_pixel_for_pixel(self):
        from sklearn import datasets

        assert np.array_equal(digits.pixels(), datasets.load_digits().data)

    def test_are_small_plain_bytes_with_their_attribution_beside_them(self):
        folder = resources.files("linres.data")
        assert len(folder.joinpath("digits.npz").read_bytes()) < 150_000
        assert digits.pixels().dtype == np.uint8
        readme = folder.joinpath("README.md").read_text("utf-8")
        for words in ("Alpaydin", "Kaynak", "1998", "CC BY 4.0", "BSD-3", "scikit-learn"):
            assert words in readme

    def test_meet_the_hypotheses_with_a_moderate_condition_number(self):
        problem = load("digits")
        assert (problem.name, problem.samples, problem.dimension) == ("digits", 1797, 10)
        assert 10 < problem.kappa < 100
        assert problem.target_invertible is True
        assert problem.sigma_min > 0.5

    def test_numbers_in_the_readme_are_those_measured(self):
        readme = resources.files("linres.data").joinpath("README.md").read_text("utf-8")
        problem, raw = load("digits"), load("digits-raw")
        assert f"| {problem.kappa:.1f} | {problem.sigma_min:.3f}".replace(" 0.", " .") in readme
        assert f"| {raw.kappa:.0f} |" in readme
        stages = (
            stacking.grow(problem, stages=100).stages_to(1e-6),
            stacking.grow(problem, block_start="zero", stages=100).stages_to(1e-6),
            stacking.grow(raw, stages=200).stages_to(1e-6),
        )
        text = " ".join(readme.split())
        assert f"stacking needs {stages[0]} stages on `digits`" in text
        assert f"zero start {stages[1]};" in text
        assert f"on `digits-raw` stacking needs {stages[2]}," in text

    def test_raw_has_a_singular_target_and_invertible_moments(self):
        problem = load("digits-raw")
        assert (problem.dimension, problem.rank) == (64, 64)
        assert np.flatnonzero(np.all(problem.target == 0, axis=1)).tolist() == [0, 32, 39]
        assert problem.target_invertible is False

    def test_raw_is_mended_by_the_components_its_hypothesis_names(self):
        report = {entry["name"]: entry for entry in load("digits-raw").hypotheses(momentum=0.5, step_size=1)}
        assert "--components 61" in report["target-invertible"]["remedy"]
        assert load("digits-raw", components=61).target_invertible is True

    def test_noise_is_of_half_a_grey_level_and_follows_the_seed(self):
        clean = digits.pixels() / 16
        for name, kernel in digits.KERNELS.items():
            noise = digits.samples(name, seed=1)[0] - digits.blur(clean, kernel)
            assert noise.std() == pytest.approx(1 / 32, rel=0.01)
        assert load("digits", seed=1).kappa == load("digits", seed=1).kappa != load("digits", seed=2).kappa

    def test_noise_comes_from_the_frozen_stream(self):
        noise = digits.samples("digits", seed=0)[0][0] - digits.blur(digits.pixels()[:1] / 16, (1, 1, 1))[0]
        # The first normals of RandomState(0), known since 2011.
        np.testing.assert_allclose(32 * noise[:3], [1.76405235, 0.40015721, 0.97873798], rtol=1e-7)

    def test_blur_keeps_the_mean_inside_and_is_zero_outside(self):
        dot = np.zeros((1, 64))
        dot[0, 9] = 1  # row 1, column 1
        spread = digits.blur(dot, (1, 3, 1)).reshape(8, 8)
        np.testing.assert_allclose(spread[:3, :3], np.outer([1, 3, 1], [1, 3, 1]) / 25)
        assert spread.sum() == pytest.approx(1)
        corner = np.zeros((1, 64))
        corner[0, 0] = 9
        assert digits.blur(corner, (1, 1, 1)).sum() == pytest.approx(4)

    @pytest.mark.parametrize("bad", [-1, 2**32, 1.0, None])
    def test_seed_is_a_32_bit_integer(self, bad):
        with pytest.raises(InputError, match=r"load\(seed="):
            load("digits", seed=bad)


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return write


@pytest.fixture
def csv(tmp_path):
    def write(text, name="x.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


class TestFiles:
    def test_npz_and_csv_give_the_same_problem(self, npz, csv):
        rows = "\n".join(",".join(map(repr, row)) for row in X.tolist())
        header = "one,two\n" + "\n".join(",".join(map(repr, row)) for row in Y.tolist()) + "\n\n"
        packed, text = load(npz(X=X, Y=Y)), load(csv(rows), csv(header, "y.csv"))
        assert np.array_equal(packed.sigma, text.sigma)
        assert np.array_equal(packed.cross, text.cross)
        assert packed.samples == 4

    def test_components_and_ridge_reach_the_problem(self, npz):
        path = npz(X=np.column_stack([X, X[:, 0]]), Y=Y)
        assert load(path, components=2).dimension == 2
        assert load(npz(X=X, Y=Y), ridge=3.0).mu == pytest.approx(load(npz(X=X, Y=Y)).mu + 3)

    def test_byte_order_mark_quotes_and_carriage_returns_are_no_text(self, csv):
        problem = load(csv(b'\xef\xbb\xbf"1", 2\r\n3,5\r\n4,9\r\n'), csv("1,2\n3,5\n4,9", "y.csv"))
        assert problem.excess_loss(np.eye(2)) == pytest.approx(0, abs=1e-20)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1 2\n3 4\n", r"x\.csv, line 2, column 1 should be a number, got '3 4'\. Separate columns by commas\.$"),
            ("1,2\n3,4 m\n", r"line 2, column 2 should be a number, got '4 m'\. Correct or drop the line\.$"),
            ("1,2\n3,four\n", r"x\.csv, line 2, column 2 should be a number, got 'four'\. Correct or drop the line\.$"),
            ("a,b\n1,2\n3,\n", r"line 3, column 2 should be a finite number, got an empty cell\. Correct it, or drop"),
            ("1,b\n1,2\n", r"line 1, column 2 should be a number, got 'b'"),
            ("1,2\n3,4,5\n", r"line 2 should have 2 columns, got 3"),
            ("", "has no rows of numbers"),
            ("a,b\n", "has no rows of numbers"),
            ("\n\n", "has no rows of numbers"),
            ("1;2\n3;4\n", r"line 2, column 1 should be a number, got '3;4'"),
            ("1,2\n3,nan\n", r"line 2, column 2 should be a finite number, got 'nan'\. Correct it, or drop such rows "),
            ("a,b\n\n1,2\n1e999,4\n", r"line 4, column 1 should be a finite number, got '1e999'"),
            (b"\xff\xfe1\x00", "not a text file in UTF-8"),
            ("1,2\n" + "9" * 200_000, "field larger than field limit"),
            ("1,2\n" + "x" * 1000 + ",1", r"got 'x{37}\.\.\.'"),
            ("1,2\n3,1_0\n", r"line 2, column 2 should be a number, got '1_0'"),
            ("1_0,2_0\n3,4\n", r"line 1, column 1 should be a number, got '1_0'"),
            ("\uff11,\uff12\n3,4\n", r"line 1, column 1 should be a number, got '\uff11'"),
            ("1,2\n3,\u0664\n", r"line 2, column 2 should be a number, got '\u0664'"),
            ("0x1F,0b1\n3,4\n", r"line 1, column 1 should be a number, got '0x1F'"),
            ("1,2\n3,0x10\n", r"line 2, column 2 should be a number, got '0x10'"),
            ("1,2\n3,Infinity\n", r"line 2, column 2 should be a finite number, got 'Infinity'"),
            ("1,2\n3,1.5d0\n", r"line 2, column 2 should be a number, got '1\.5d0'"),
            ("a,b\n ,4\n", r"line 2, column 1 should be a finite number, got an empty cell"),
            ("1,2\n,\n", r"line 2, column 1 should be a finite number, got an empty cell"),
            (",\n3,4\n", r"line 1, column 1 should be a finite number, got an empty cell"),
        ],
    )
    def test_csv_that_is_not_numbers_is_refused_where_it_is_wrong(self, csv, text, message):
        with pytest.raises(InputError, match=message) as refused:
            load(csv(text), csv("1,2\n3,4\n", "y.csv"))
        assert "\n" not in str(refused.value)

    def test_csv_takes_every_usual_spelling_of_a_decimal_number(self, csv):
        text = "pc_1,pc_2\n 1. , +.5\n-2E-1,1e+1\n007,-0\n"
        values = np.array([[1.0, 0.5], [-0.2, 10.0], [7.0, 0.0]])
        given = load(csv(text), csv(text, "y.csv"))
        np.testing.assert_array_equal(given.sigma, Problem.from_data(values, values).sigma)

    @pytest.mark.parametrize("hole", [",2", "1,", " ,2", ",", '"",2', "nan,2"])
    def test_a_row_with_an_empty_cell_is_dropped_with_its_other_half_and_counted(self, csv, hole):
        given = load(csv(f"a,b\n1,2\n{hole}\n3,5\n4,9\n"), csv("1,2\n9,9\n3,5\n4,7\n", "y.csv"), bad_rows="drop")
        kept = Problem.from_data([[1, 2], [3, 5], [4, 9]], [[1, 2], [3, 5], [4, 7]])
        assert (given.dropped, given.samples) == (1, 3)
        np.testing.assert_array_equal(given.cross, kept.cross)

    def test_a_first_row_of_empty_cells_is_a_bad_row_and_no_header(self, csv):
        assert load(csv(",\n1,2\n3,5\n4,9\n"), csv("1,2\n1,2\n3,5\n4,7\n", "y.csv"), bad_rows="drop").dropped == 1

    def test_an_empty_cell_alone_on_a_line_is_a_bad_row(self, csv):
        x, y = csv('\nx\n1\n""\n2\n4\n\n  \n'), csv("y\n1\n7\n3\n5\n", "y.csv")
        given = load(x, y, bad_rows="drop")
        assert (given.dropped, given.samples) == (1, 3)

    @pytest.mark.parametrize("text", ["1\n2\n\n4\n", "x\n1\n2\n  \n4\n", "\n\n1\n", "x\n\n1\n"])
    def test_a_blank_line_before_a_row_of_a_single_column_may_be_a_missing_number(self, csv, text):
        with pytest.raises(InputError, match=r"line \d should be a number, or .* missing one, got a blank line"):
            load(csv(text), csv("1\n\n3\n4\n", "y.csv"), bad_rows="drop")

    def test_empty_cells_in_different_rows_of_two_files_never_pair_the_wrong_rows(self, csv):
        with pytest.raises(InputError, match=r"x\.csv, line 1, column 1 should be a finite number, got an empty cell"):
            load(csv(",\n1,2\n3,5\n"), csv("1,2\n3,5\n,\n", "y.csv"))

    def test_text_in_a_cell_is_refused_though_bad_rows_are_dropped(self, csv):
        with pytest.raises(InputError, match=r"x\.csv, line 2, column 2 should be a number, got 'n/a'"):
            load(csv("1,2\n3,n/a\n"), csv("1,2\n3,4\n", "y.csv"), bad_rows="drop")

    def test_npz_without_the_arrays_lists_those_found(self, npz):
        with pytest.raises(InputError, match="has no array Y; the arrays found are: X, labels"):
            load(npz(X=X, labels=Y))
        with pytest.raises(InputError, match="has no array X; the arrays found are: none"):
            load(npz())

    def test_names_of_arrays_cannot_break_the_line(self, npz):
        with pytest.raises(InputError, match=r"found are: 'X\\nX'\.") as refused:
            load(npz(**{"X\nX": X}))
        assert "\n" not in str(refused.value)

    def test_object_arrays_are_never_unpickled(self, npz):
        class Trap:
            def __reduce__(self):
                return (pytest.fail, ("unpickled",))

        with pytest.raises(InputError, match=r"X in .* holds Python objects"):
            load(npz(X=np.array([[Trap()]], dtype=object), Y=Y))

    def test_a_pickle_called_npz_is_never_unpickled(self, tmp_path):
        (tmp_path / "data.npz").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
        with pytest.raises(InputError, match=r"not a readable \.npz archive"):
            load(tmp_path / "data.npz")

    def test_a_single_array_called_npz_is_named_as_such(self, tmp_path):
        with open(tmp_path / "data.npz", "wb") as file:
            np.save(file, X)
        with pytest.raises(InputError, match="holds a single array"):
            load(tmp_path / "data.npz")

    def test_arrays_of_wrong_shape_are_named_by_file(self, npz):
        with pytest.raises(InputError, match=r"Y in .*data\.npz should be a real matrix, got an array with 1 axes"):
            load(npz(X=X, Y=Y[:, 0]))

    def test_encrypted_members_are_refused(self, npz):
        path = npz(X=X, Y=Y)
        content = bytearray(path.read_bytes())
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.find(signature) + offset] |= 1
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"not a readable \.npz archive"):
            load(path)

    @pytest.mark.parametrize("names", [("no.npz",), ("no.csv", "no.csv")])
    def test_missing_files_are_refused(self, names):
        with pytest.raises(InputError, match=r"no\.... cannot be read: No such file"):
            load(*names)

    @pytest.mark.parametrize("suffix", ["npz", "csv"])
    def test_directories_are_refused(self, tmp_path, suffix):
        path = tmp_path / f"folder.{suffix}"
        path.mkdir()
        with pytest.raises(InputError, match="cannot be read: Is a directory"):
            load(*[path] * (1 if suffix == "npz" else 2))

    @pytest.mark.parametrize(
        ("sources", "message"),
        [
            (("mnist",), r"no embedded data are called 'mnist'\. There are: digits, digits-raw\."),
            ((), "got nothing"),
            (("x.csv",), r"two \.csv files, X and then Y, got only 'x\.csv'"),
            (("digits", "digits-raw"), r"one \.npz file, or two \.npy or \.csv files, got 'digits' 'digits-raw'"),
            (("x.npz", "y.npz"), "got 'x.npz' 'y.npz'"),
            (("x.csv", "y.csv", "z.csv"), "got"),
            (("table.parquet",), "got 'table.parquet'"),
        ],
    )
    def test_other_sources_are_refused(self, sources, message):
        with pytest.raises(InputError, match=message):
            load(*sources)

    def test_a_name_with_a_line_break_does_not_break_the_message(self, tmp_path):
        with pytest.raises(InputError) as refused:
            load(tmp_path / "a\nb.npz")
        assert "\n" not in str(refused.value)


def archive(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, value in members.items():
            file.writestr(f"{name}.npy", value)
    return content.getvalue()


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def altered(original):
    """Strategies for `original` with some bytes replaced."""
    changes = st.lists(st.tuples(st.integers(0, len(original) - 1), st.integers(0, 255)), min_size=1, max_size=6)

    def apply(changes):
        content = bytearray(original)
        for position, byte in changes:
            content[position] = byte
        return bytes(content)

    return changes.map(apply)


fuzzed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load_or_refuse(*paths):
    """What a reader may do with any bytes: a result or one line, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            load(*paths)
        except InputError as error:
            assert "\n" not in str(error)


@fuzzed
@given(
    st.binary(max_size=200) | altered(archive(X=npy(X), Y=npy(Y))) | altered(npy(X))
    | altered(npy(X)[:128]).map(lambda header: archive(X=header + npy(X)[128:], Y=npy(Y)))
)
@example(archive(X=npy(X)[:10] + npy(X)[10:128].replace(b" 'fortran", b"}'fortran") + npy(X)[128:], Y=npy(Y)))
def test_any_bytes_called_npz_give_a_problem_or_one_line(tmp_path, content):
    (tmp_path / "fuzz.npz").write_bytes(content)
    load_or_refuse(tmp_path / "fuzz.npz")


@fuzzed
@given(st.binary(max_size=80) | st.text('0123456789.,,,\n\n"eE+-naif ;\t\r\0', max_size=60).map(str.encode))
def test_any_bytes_called_csv_give_a_problem_or_one_line(tmp_path, content):
    (tmp_path / "fuzz.csv").write_bytes(content)
    load_or_refuse(tmp_path / "fuzz.csv", tmp_path / "fuzz.csv")


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_embedded_task_can_be_trained_on(name):
    run = nesterov.accelerate(load(name), stages=150)
    assert run.excess_loss[-1] < 1e-6 * run.excess_loss[0]
