"""Instances to JSON and back: exactly, or refused in one line. A file never makes anything but what it should."""

import dataclasses
import json
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings
from sympy import Ge, symbols

import linres
from linres import archive, near_target
from linres.errors import InputError
from linres.rungs import draw
from linres.theorem import Theorem

ABSORPTION = linres.load("absorption")
KNOWN = archive.classes(ABSORPTION)
a = symbols("a", real=True)


class Pair(NamedTuple):
    """A user's own kind of instance."""

    left: Fraction
    count: int
    entries: tuple[Fraction, ...] = ()


@dataclasses.dataclass(frozen=True)
class Picky:
    """One that refuses some numbers, and has a field that is not for its maker."""

    share: Fraction
    derived: Fraction = dataclasses.field(init=False, default=Fraction(0))

    def __post_init__(self):
        if self.share < 0:
            raise ValueError("a share\nbelow 0")


def theorem(*extremal, name="mine"):
    return Theorem(
        name=name, title="", provenance="user", symbols={a: ""}, hypotheses=(), conclusion=Ge(a, a, evaluate=False),
        instances=lambda: st.just(extremal[0]), measure=lambda instance, arithmetic: [{a: arithmetic.number(0)}],
        extremal=extremal,
    )


def through_json(theorem, instance, known=None):
    saved = archive.parse(json.dumps(archive.document(theorem, instance)))
    return archive.decode(theorem, saved.instance, known=known)


@pytest.mark.parametrize("name", linres.NAMES)
def test_extremal_instances_witnesses_and_draws_come_back_exactly(name):
    of = linres.load(name)
    known = archive.classes(of)
    witnesses = (control.witness for control in of.controls if control.witness is not None)
    for instance in (*of.extremal, *witnesses, *draw.instances(of.instances(), 20, seed=5)):
        again = through_json(of, instance, known)
        assert again == instance
        assert repr(again) == repr(instance)
        assert type(again) is type(instance)


def test_recorded_runs_in_float64_come_back_bit_by_bit():
    sigma, target = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[2.0, 1.0], [-1.0, 3.0]])
    run = near_target.recorded(sigma, target, target + np.array([[0.01, 0.0], [0.0, -0.0]]), 4)
    again = through_json(linres.load("stacking-acceleration-with-errors"), run)
    for each in dataclasses.fields(run):
        mine, its = getattr(run, each.name), getattr(again, each.name)
        assert np.array_equal(mine, its)
        if isinstance(mine, np.ndarray):
            assert mine.tobytes() == its.tobytes()
            assert mine.shape == its.shape


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.fractions(), st.text(),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple), st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=3),
        st.builds(Pair, st.fractions(), st.integers(), st.lists(st.fractions(), max_size=3).map(tuple)),
    ), max_leaves=12,
)


@given(VALUES)
@example((0.0, -0.0, 5e-324, 1.7976931348623157e308, Fraction(-1, 3), True, 1, [], (), {}))
@settings(max_examples=150)
def test_any_numbers_text_and_containers_come_back(value):
    again = through_json(theorem(value), value, {"Pair": Pair})
    assert repr(again) == repr(value)


def test_the_document_says_what_it_is():
    document = archive.document(ABSORPTION, ABSORPTION.extremal[0], "control:x", {"by": "me"})
    assert document == {
        "linres": linres.__version__, "kind": "instance", "theorem": "absorption", "variant": "control:x",
        "instance": archive.encode(ABSORPTION.extremal[0]), "found": {"by": "me"},
    }


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    archive.save(path, ABSORPTION, ABSORPTION.extremal[0], found={"by": "me"})
    saved = archive.read(path)
    assert (saved.theorem, saved.variant, saved.found) == ("absorption", None, {"by": "me"})
    assert archive.decode(ABSORPTION, saved.instance) == ABSORPTION.extremal[0]
    before = path.read_bytes()
    with pytest.raises(InputError):
        archive.save(path, ABSORPTION, object())
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(InputError, match="cannot be written"):
        archive.save(tmp_path / "none" / "a.json", ABSORPTION, ABSORPTION.extremal[0])


@pytest.mark.parametrize(("value", "place"), [
    ((1, (object(),)), r"instance\[1\]\[0\]"), (float("nan"), "finite"), (np.array([1.0, np.inf]), "finite"),
    (np.array([1, 2]), "int64"), (10**5000, "digits"), (Fraction(1, 10**5000), "digits"), ({1, 2}, "a set"),
    (Pair(Fraction(1), 2, (object(),)), r"instance\.entries\[0\]"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_has_no_exact_form_is_refused_by_place(value, place):
    with pytest.raises(InputError, match=place):
        archive.encode(value)


def test_nesting_without_end_is_refused():
    deep: tuple = ()
    for _ in range(2 * archive.DEPTH):
        deep = (deep,)
    with pytest.raises(InputError, match="deep"):
        archive.encode(deep)
    data: list = []
    for _ in range(2 * archive.DEPTH):
        data = [data]
    with pytest.raises(InputError, match="deep"):
        archive.decode(ABSORPTION, data, known=KNOWN)


GOOD = archive.encode(ABSORPTION.extremal[0])


def changed(**fields):
    return {**GOOD, "fields": {**GOOD["fields"], **fields}}


def without(name):
    return {**GOOD, "fields": {key: value for key, value in GOOD["fields"].items() if key != name}}


@pytest.mark.parametrize(("data", "message"), [
    (changed(X={"fraction": "1/0"}), r"instance\.X should be a fraction with a denominator that is not 0"),
    (changed(X="1/2"), r"instance\.X should be of the type Fraction"),
    (changed(X={"fraction": 1}), r"instance\.X should be a fraction"),
    (changed(X={"fraction": "1/2 "}), r"instance\.X should be a fraction"),
    (changed(X={"fraction": "0.5"}), r"instance\.X should be a fraction"),
    (changed(X={"fraction": "1e9"}), r"instance\.X should be a fraction"),
    (changed(X={"fraction": "١/٢"}), r"instance\.X should be a fraction"),
    (changed(X={"fraction": "9" * 5000}), r"instance\.X should be a fraction"),
    (changed(X=[]), r"instance\.X should be of the type Fraction"),
    (changed(X=True), r"instance\.X should be of the type Fraction"),
    (changed(X={}), r"instance\.X should be an integer, text, an array or a tagged object"),
    (changed(X={"fraction": "1/2", "more": 1}), "tagged object"),
    (changed(X=0.5), "tagged object"),
    (changed(X={"float": "nan"}), r"instance\.X should be a finite float"),
    (changed(X={"float": "0x1p+5000"}), r"instance\.X should be a finite float"),
    (changed(more=1), 'has no "more"'),
    (without("X"), 'misses "X"'),
    ({**GOOD, "class": "Popen"}, "a class among Numbers, Reading, RecordedRun, RecordedStackingRun, Witness"),
    ({**GOOD, "class": "NesterovRun"}, "a class among"),
    ({**GOOD, "class": ["Numbers"]}, "a class among"),
    ({**GOOD, "fields": []}, "should be an object"),
    ({"array": [2], "of": ["0x1p+0"]}, "2 floats"),
    ({"array": [-1], "of": []}, "a shape"),
    ({"array": [1], "of": [1.0]}, "finite float"),
    ({"array": 1, "of": []}, "a shape"),
    ({"dict": [1]}, "pairs"),
    ({"dict": [[{"list": []}, 1]]}, "hashed"),
    ({"list": 1}, "an array"),
    (10**5000, "digits"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_malformed_instance_is_refused_by_place(data, message):
    with pytest.raises(InputError, match=message) as caught:
        archive.decode(ABSORPTION, data, label="found.json", known=KNOWN)
    assert str(caught.value).startswith("found.json: ")
    assert "\n" not in str(caught.value)


def test_what_a_class_refuses_is_said():
    good = archive.encode(Picky(Fraction(1)))
    assert good == {"class": "Picky", "fields": {"share": {"fraction": "1"}}}
    of = theorem(Picky(Fraction(1)))
    assert archive.decode(of, good) == Picky(Fraction(1))
    good["fields"]["share"]["fraction"] = "-1"
    with pytest.raises(InputError, match="instance is refused by Picky: a share below 0"):
        archive.decode(of, good)


def test_two_classes_of_one_name_are_refused():
    other = dataclasses.make_dataclass("Pair", ["left"])
    with pytest.raises(InputError, match="two classes named Pair"):
        archive.classes(theorem((Pair(Fraction(1), 1), other(1))))


def test_no_class_is_learnt_from_a_file_and_nothing_is_imported(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a file made linres import something")

    monkeypatch.setattr("builtins.__import__", forbidden)
    for name in ("os.system", "subprocess.Popen", "__builtins__", "Fraction", "dict"):
        with pytest.raises(InputError, match="a class among"):
            archive.decode(ABSORPTION, {"class": name, "fields": {"args": "true"}}, known=KNOWN)


DOCUMENT = archive.document(ABSORPTION, ABSORPTION.extremal[0])


@pytest.mark.parametrize(("content", "message"), [
    (b"", "no JSON"), (b"\xff\xfe\x00", "no JSON"), (b"{", "no JSON"), (json.dumps(DOCUMENT)[:-9].encode(), "no JSON"),
    (b"[" * 100_000, "no JSON"), (b'{"a": NaN}', "NaN is no number"), (b'{"a": -Infinity}', "no number"),
    (b'{"a": 1, "a": 1}', "twice"), (b"9" * 10_000, "no JSON"), (b"[]", "should be an object"), (b"null", "an object"),
    (json.dumps(DOCUMENT | {"kind": "run"}).encode(), "kind should be 'instance'"),
    (json.dumps(DOCUMENT | {"theorem": 1}).encode(), "theorem should be text"),
    (json.dumps(DOCUMENT | {"variant": "x"}).encode(), "variant should be"),
    (json.dumps(DOCUMENT | {"found": []}).encode(), "found should be an object"),
    (json.dumps(DOCUMENT | {"more": 1}).encode(), 'has no "more"'),
    (json.dumps({k: v for k, v in DOCUMENT.items() if k != "instance"}).encode(), 'misses "instance"'),
])
def test_a_malformed_file_is_refused_with_its_name(tmp_path, content, message):
    path = tmp_path / "found.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        archive.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_a_folder_and_a_null_byte_are_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path, f"{tmp_path}/\0"):
        with pytest.raises(InputError, match="cannot be read"):
            archive.read(path)
    with pytest.raises(InputError, match=r"Is a directory\. Name the files in it: .*/\*\.json\.$"):
        archive.read(tmp_path)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
              st.sampled_from(["Numbers", "1/2", "1/0", "0x1p+0", "class", "fields"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=3),
        st.fixed_dictionaries({"fraction": inner}), st.fixed_dictionaries({"float": inner}),
        st.fixed_dictionaries({"list": inner}), st.fixed_dictionaries({"dict": inner}),
        st.fixed_dictionaries({"array": inner, "of": inner}), st.fixed_dictionaries({"class": inner, "fields": inner}),
        st.fixed_dictionaries({"class": st.just("Numbers"), "fields": st.dictionaries(
            st.sampled_from("XYcsmG"), inner, max_size=6)}),
    ), max_leaves=25,
)


@given(JSON)
@settings(max_examples=300)
def test_any_json_is_decoded_or_refused(data):
    try:
        instance = archive.decode(ABSORPTION, data, known=KNOWN)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        archive.encode(instance)


@given(st.one_of(st.binary(max_size=60), JSON.map(json.dumps)))
@settings(max_examples=200)
def test_any_file_content_is_read_or_refused(content):
    try:
        saved = archive.parse(content)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(saved.found, Mapping)


@given(st.data())
@settings(max_examples=200)
def test_a_good_document_with_a_part_replaced_is_decoded_or_refused(data):
    def places(node, path=()):
        yield path
        if isinstance(node, dict | list):
            for key, part in node.items() if isinstance(node, dict) else enumerate(node):
                yield from places(part, (*path, key))

    def put(node, path, new):
        if not path:
            return new
        if isinstance(node, dict):
            return {**node, path[0]: put(node[path[0]], path[1:], new)}
        return [put(part, path[1:], new) if k == path[0] else part for k, part in enumerate(node)]

    document = archive.document(RUN, RUN.extremal[0])
    path = data.draw(st.sampled_from(list(places(document))))
    broken = put(document, path, data.draw(JSON))
    try:
        saved = archive.parse(json.dumps(broken))
        archive.encode(archive.decode(RUN, saved.instance, known=RUNS))
    except InputError as error:
        assert "\n" not in str(error)


RUN = linres.load("nesterov-step")
RUNS = archive.classes(RUN)
