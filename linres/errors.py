"""How linres refuses bad input: one line that names the argument, what was got, and what to do."""

from collections.abc import Mapping


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
    error = InputError(f"{call} should be {wanted}, got {got}.{advice}")
    error.subject = call
    return error


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
