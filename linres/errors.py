"""How linres refuses bad input: one line that names the argument, what was got, and what to do."""


class InputError(ValueError):
    """Bad input to a public function. The command line prints the message alone and exits with 2."""


def refuse(call: str, wanted: str, got: object, remedy: str = "") -> InputError:
    """The error "`call` should be `wanted`, got `got`. `remedy`", ready to raise."""
    advice = f" {remedy}" if remedy else ""
    return InputError(f"{call} should be {wanted}, got {got}.{advice}")
