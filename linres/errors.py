"""How linres refuses bad input: one line that names the argument, what was got, and what to do."""

from collections.abc import Iterable, Mapping

CLOSE = 0.75  # how alike names are, by difflib, of which several are offered
MOST = 400  # characters of what was got, as a message shows it


class InputError(ValueError):
    """Bad input to a public function. The command line prints the message alone and exits with 2.

    The message is one line: which argument should be what, what it was, and what to do.

    Attributes
    ----------
    subject : str
        What the message begins with, such as "grow(stages=...)"; "" where `refuse` did not make it.

    Examples
    --------
    >>> import linres
    >>> try:
    ...     linres.grow(linres.Problem.from_spectrum([1, 2]), stages=-1)
    ... except linres.InputError as error:
    ...     print(error)
    grow(stages=...) should be an integer >= 0, got -1.
    """

    subject = ""


def refuse(call: str, wanted: str, got: object, remedy: str = "") -> InputError:
    """The error "`call` should be `wanted`, got `got`. `remedy`", ready to raise."""
    advice = f" {remedy}" if remedy else ""
    error = InputError(f"{call} should be {wanted}, got {_shortened(str(got))}.{advice}")
    error.subject = call
    return error


def _shortened(text: str) -> str:
    """In one line, without the middle of what is long."""
    line = " ".join(text.split())
    return line if len(line) <= MOST else f"{line[: MOST // 2]} ... {line[-MOST // 4 :]}"


def with_article(noun: str) -> str:
    """The noun with a or an before it, as it is spoken."""
    return f"{'an' if noun[:1].lower() in {*'aeio'} or noun.startswith('nd') else 'a'} {noun}"


def kind_of(value: object) -> str:
    """How an error says of what type a value is: "an int", "a list", None itself."""
    return "None" if value is None else with_article(type(value).__name__)


def nearest(name: object, names: Iterable[str]) -> str:
    """The remedy "Did you mean a, b or c?" for a name that is not among the names, or "" where none of them is near."""
    from difflib import get_close_matches

    if not isinstance(name, str):
        return ""
    names = [*names]
    *others, last = get_close_matches(name, names, 3, CLOSE) or get_close_matches(name, names, 1) or [""]
    return f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if last else ""


def described(error: BaseException, most: int = 300) -> str:
    """The type and message of somebody else's error in one line; the message alone if it is an InputError."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # somebody else's __str__
        message = "an error that cannot be put into words"
    message = message if len(message) <= most else f"{message[:most]} ..."
    return message if isinstance(error, InputError) else f"{type(error).__name__}: {message}".removesuffix(": ")


def renamed(error: InputError, names: Mapping[str, str]) -> InputError:
    """The error with "call(argument=...)" or "call(argument)" at its front replaced by names[argument], if given.

    So the command line says --stages where Python says grow(stages=...).
    """
    argument = error.subject.partition("(")[2].removesuffix(")").removesuffix("=...")
    name = names.get(argument)
    return error if name is None else InputError(name + str(error).removeprefix(error.subject))
