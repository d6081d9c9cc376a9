"""Docstrings of public names are in numpydoc form and say what signatures say; examples run as they stand."""

import ast
import dataclasses
import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, settings
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import linres
from linres.book import reference
from linres.book.reference import defined, in_markdown, members, returned

PACKAGE = Path(linres.__path__[0])
# Of what numpydoc validates: only its sections, in its order; a summary in one line; a type, and a description that
# ends with a period, for each parameter; Returns or Yields where something is returned.
ASKED = {
    "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "SS01", "SS03", "SS04", "SS06", "PR04", "PR05", "PR06", "PR07",
    "PR09", "PR10", "RT01", "RT03", "RT05", "YD01",
}


def public(module):
    """The names of a module of `_HOMES` or `_MODULES` as linres has them, or of what is returned, with the objects."""
    if module in linres._HOMES:
        return [(name, getattr(linres, name)) for name in linres._HOMES[module]]
    if module == "returned":
        return [*returned()]
    return [(f"{module}.{name}", value) for name, value in defined(import_module(f"linres.{module}"))]


def expected(value):
    """The parameters that are to be documented, in their order: those of a call, or the fields that a class adds."""
    if dataclasses.is_dataclass(value) and "def __init__(" not in inspect.getsource(value):
        return [field.name for field in dataclasses.fields(value) if field.name in value.__annotations__]
    if hasattr(value, "_fields"):
        return list(value._fields)
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(value).parameters.values()
    return [stars.get(each.kind, "") + each.name for each in parameters if each.name not in ("self", "cls")]


def disagreements(name, value):
    """Where the sections Parameters and Raises of a function or class say something else than its code."""
    told = NumpyDocString(inspect.getdoc(value) or "")
    given = [each.name for each in told["Parameters"]] or [each.name for each in told["Attributes"]]
    if not getattr(value, "_is_protocol", False) and not is_error(value) and given != expected(value):
        yield f"{name}: documents {given} of {expected(value)}"
    refuses = inspect.isfunction(value) and re.search(r"\b(refuse|checks\.\w+)\(", source(value))
    if refuses and "InputError" not in [each.type for each in told["Raises"]]:
        yield f"{name}: does not say that it raises InputError"


def source(function):
    """The text of the function; "" for one that Hypothesis made."""
    return "" if function.__code__.co_filename == "<string>" else inspect.getsource(function)


def is_error(value):
    return inspect.isclass(value) and issubclass(value, Exception)


def out_of_form(name):
    """What numpydoc finds in the docstring of linres.NAME."""
    return [f"{name}: {code} {found}" for code, found in validate(f"linres.{name}")["errors"] if code in ASKED]


@pytest.mark.parametrize("module", [*linres._HOMES, *linres._MODULES, "returned"])
def test_docstrings_say_what_signatures_say_in_numpydoc_form(module):
    faults = []
    for name, value in public(module):
        if not callable(value):
            continue
        faults += [*out_of_form(name), *disagreements(name, value)]
        if inspect.isclass(value):
            for member, part in members(value):
                faults += out_of_form(f"{name}.{member}")
                function = getattr(part, "__func__", part)
                faults += disagreements(f"{name}.{member}", function) if inspect.isfunction(function) else []
    assert faults == []


@pytest.mark.parametrize("module", [*linres._HOMES, *linres._MODULES])
def test_what_a_user_calls_has_an_example(module):
    """Every function, and every class but those that functions return, which document attributes."""
    called = [
        (name, inspect.getdoc(value)) for name, value in public(module)
        if callable(value) and (inspect.isfunction(value) or NumpyDocString(inspect.getdoc(value))["Parameters"])
    ]
    bases = ("losses.DataLoss",)  # which nobody makes
    assert [name for name, told in called if ">>>" not in told and name not in bases] == []


def test_each_public_name_is_in_one_group_of_the_book_theorems_first_and_errors_last(monkeypatch):
    titles, page = [*reference.GROUPS], "\n".join(reference._everything())
    shown = re.findall(r"^:::::\{py:\w+\} linres\.(\w+)(?=[ (\n])", page, re.MULTILINE)
    assert sorted(shown) == sorted(name for name in linres._HOME)
    assert shown[:2] == ["Theorem", "verify"] and shown[-2:] == ["InputError", "Refused"]
    assert shown.index("Problem") < shown.index("accelerate") < shown.index("propagate")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [*titles, "What these return, and take"]
    assert {*re.findall(r"^### The module linres\.(\w+)$", page, re.MULTILINE)} == {*linres._MODULES}
    for groups in ({"All": ()}, reference.GROUPS | {"Twice": ("verify",)}, reference.GROUPS | {"More": ("nothing",)}):
        monkeypatch.setattr(reference, "GROUPS", groups)
        with pytest.raises(linres.InputError, match="should be each public name once, and nothing else, got"):
            [*reference._everything()]


def test_members_are_those_of_the_class_with_cached_properties():
    names = [name for name, _ in members(linres.Problem)]
    assert {"from_data", "target", "mu", "gradient", "hypotheses"} <= {*names}
    assert not any(name.startswith("_") for name in names)


def test_the_book_makes_lists_and_code_of_sections():
    """Names of ours are links, quoted words code; what Markdown would read as its own is escaped."""
    text = inspect.cleandoc("""Take a step.

        Parameters
        ----------
        start : {"zero", "near"} or Problem
            W_0.

            - "zero": 0
              itself.
            - "near": by `linres.starts.near`.

        Returns
        -------
        (n,) ndarray
            |x|^2.

        Notes
        -----
        The bound is

            a_t <= "b"

        Examples
        --------
        >>> 1
        1
        """)
    assert in_markdown(text).split("\n\n") == [
        "Take a step\\.", "**Parameters**",
        '`start` *\\{`"zero"`, `"near"`\\} or {py:obj}`Problem <linres.Problem>`*\n: W\\_0\\.',
        '  - `"zero"`: 0 itself\\.\n  - `"near"`: by {py:obj}`linres.starts.near <linres.starts.near>`\\.',
        "**Returns**", "*\\(n,\\) ndarray*\n: \\|x\\|^2\\.", "**Notes**", "The bound is",
        '```text\na_t <= "b"\n```', "**Examples**", "```pycon\n>>> 1\n1\n```",
    ]


# That the checks above can fail


def scaled(x, factor=2):
    """Multiply.

    Parameters
    ----------
    factor : int, default 2
        What with.
    x : float
        What.

    Returns
    -------
    float
        The product.
    """
    return factor * x


def incomplete(x, factor=2):
    """Multiply.

    Parameters
    ----------
    x : float
        What.
    """
    return factor * x


def refusing(x):
    """Refuse.

    Parameters
    ----------
    x : float
        What.
    """
    raise refuse(x)  # noqa: F821


@pytest.mark.parametrize("function, found", [
    (scaled, "documents ['factor', 'x'] of ['x', 'factor']"), (incomplete, "documents ['x'] of ['x', 'factor']"),
    (refusing, "InputError"),
])
def test_a_docstring_that_disagrees_with_its_function_is_found(function, found):
    assert found in "".join(disagreements("it", function))


def test_a_field_that_is_not_documented_is_found():
    @dataclasses.dataclass
    class Pair:
        """Two numbers.

        Attributes
        ----------
        first : int
            One.
        """

        first: int
        second: int

    assert [*disagreements("Pair", Pair)] == ["Pair: documents ['first'] of ['first', 'second']"]


def test_a_missing_section_and_a_wrong_order_are_found(monkeypatch):
    def unordered():
        """Say nothing.

        Notes
        -----
        None.

        Parameters
        ----------
        """
        return 1

    monkeypatch.setattr(linres, "unordered", unordered, raising=False)
    assert {fault.split()[1] for fault in out_of_form("unordered")} == {"GL07", "RT01"}


# Examples


class Example(NamedTuple):
    where: str
    line: int
    docstring: str


def examples():
    """All docstrings of linres with an example, read from the sources: nothing is imported to find them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if ">>> " in text:
            module = path.relative_to(PACKAGE.parent).with_suffix("").as_posix().removesuffix("/__init__")
            yield from in_tree(ast.parse(text), module.replace("/", "."))


def in_tree(node, where):
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        docstring = ast.get_docstring(node)
        if docstring and ">>> " in docstring:
            yield Example(where, getattr(node, "lineno", 1), docstring)
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef):
                yield from in_tree(child, f"{where}.{child.name}")


def failures(example):
    """How many parts of an example do not print what stands there; alone, with nothing imported but by itself."""
    test = doctest.DocTestParser().get_doctest(example.docstring, {}, example.where, example.where, example.line)
    return doctest.DocTestRunner().run(test).failed


EXAMPLES = [*examples()]


@pytest.fixture
def unshrunk():
    """What `hypothesis.find` tries first is the simplest: seeing that nothing is simpler takes it seconds."""
    before = settings.get_current_profile_name()
    settings.register_profile("unshrunk", settings.get_profile(before), phases=[Phase.generate])
    settings.load_profile("unshrunk")
    yield
    settings.load_profile(before)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.where)
def test_an_example_prints_what_stands_there(example, monkeypatch, tmp_path, unshrunk):
    monkeypatch.chdir(tmp_path)
    assert "+SKIP" not in example.docstring
    assert failures(example) == 0


def test_there_are_examples_and_a_wrong_one_is_found(capsys):
    assert len(EXAMPLES) > 90
    assert failures(Example("it", 1, ">>> 1 + 1\n3\n")) == 1
    assert failures(Example("it", 1, ">>> np.eye(1)\narray([[1.]])\n")) == 1  # not imported there
