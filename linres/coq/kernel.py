"""Runs Coq on an exported file."""

import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from linres.errors import refuse

# What the real numbers of Coq's standard library rest on.
ALLOWED = frozenset({
    "ClassicalDedekindReals.sig_forall_dec", "ClassicalDedekindReals.sig_not_dec",
    "FunctionalExtensionality.functional_extensionality_dep",
})
AXIOMS, CLOSED = "Axioms:\n", "Closed under the global context"


@dataclass(frozen=True)
class Report:
    """What Coq says of a file.

    compiled: whether there is no error. assumptions: those that the file prints at its end. accepted: compiled, and no
    assumption but the ALLOWED. message: what Coq says is wrong, and within: what it was proving then. version: that of
    Coq. seconds: wall-clock time.
    """

    compiled: bool
    accepted: bool
    assumptions: tuple[str, ...]
    message: str
    within: str
    version: str
    seconds: float


def require_coqc() -> str:
    """The path of Coq's compiler. InputError if it is not installed."""
    program = shutil.which("coqc")
    if program is None:
        remedy = "Install Coq 8.16 or later; Debian's package is `coq`."
        raise refuse("the check", "run where coqc is installed", "no coqc on the PATH", remedy)
    return program


def check(text: str, *, timeout: float = 600) -> Report:
    """Compile the text of an exported file in a temporary folder.

    InputError if coqc is not installed or not done within `timeout` seconds.
    """
    program = require_coqc()
    with tempfile.TemporaryDirectory(prefix="linres-coq-") as folder:
        (Path(folder) / "exported.v").write_text(text, encoding="utf-8")
        start = time.perf_counter()
        try:
            done = _run(program, "-q", "exported.v", folder=folder, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise refuse("check(text)", f"decided by coqc within {timeout:g} s", "no answer") from None
        seconds = time.perf_counter() - start
    compiled, assumptions = done.returncode == 0, assumed(done.stdout)
    said = bool(assumptions) or CLOSED in done.stdout
    accepted = compiled and said and ALLOWED.issuperset(assumptions)
    version = _run(program, "--print-version", folder=None, timeout=timeout).stdout.split(" ")[0]
    message = done.stderr.strip()
    return Report(compiled, accepted, assumptions, message, asserted_at(text, message), version, seconds)


def _run(program: str, *arguments: str, folder: str | None, timeout: float) -> subprocess.CompletedProcess:
    return subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=timeout, check=False
    )


def assumed(output: str) -> tuple[str, ...]:
    """The names that `Print Assumptions` lists, in the output of coqc: each begins a line, its type follows a colon."""
    listed = output.partition(AXIOMS)[2]
    return tuple(re.findall(r"^(\S+)\s*(?=:|$)", listed, re.MULTILINE))


def asserted_at(text: str, message: str) -> str:
    """The assertion of the exported proof in which an error message finds an error, or else the theorem; "" if none."""
    place = re.search(r"line (\d+), characters", message)
    lines = text.splitlines()[: int(place[1])] if place else []
    found = (re.match(r"(?:  assert \(|Theorem )(\w+) :", line) for line in reversed(lines))
    return next((match[1] for match in found if match), "")
