"""Coq identifiers: every name safe, and no two the same."""

import re
from collections.abc import Iterable, Iterator
from itertools import count

# Coq's keywords, and what the exported files mention beside the prelude: a symbol may have none of these names.
KEYWORDS = """
    as at cofix else end exists exists2 fix for forall fun if IF in let match mod Prop return Set SProp then Type using
    where with by
"""
MENTIONED = """
    R Z IZR sqrt powerRZ andb nat S O eq_refl conj proj2 below below_end within from_here Rminus_diag_uniq Rle_refl
    Rgt_lt Rge_le sqrt_sqrt plus_IZR minus_IZR
"""
RESERVED = frozenset(f"{KEYWORDS} {MENTIONED}".split())
# The names that proofs give to what they assert: such a word, an underscore and a number.
SCRIPT = (
    "fact", "def", "sign", "nonzero", "gram", "line", "square", "power", "term", "nat", "now", "later", "other",
    "invariant",
)


def comment(text: str) -> str:
    """Text as a comment of Coq, whatever it is."""
    safe = " ".join(text.split()).replace('"', "'").replace("(*", "( *").replace("*)", "* )")
    return f"(* {safe} *)"


def defined_in(prelude: str) -> set[str]:
    """The identifiers that a Coq text defines: theorems, functions, structures and their fields, tactics."""
    patterns = (
        r"^(?:Lemma|Theorem|Definition|Fixpoint|Inductive|Record|Ltac)\s+(\w+)", r"^  (\w+) :>? ", r"\| ([A-Z]\w*) \(",
    )
    return {name for pattern in patterns for name in re.findall(pattern, prelude, re.MULTILINE)}


class Names:
    """Hands out identifiers, each once, and none that is taken."""

    def __init__(self, taken: Iterable[str] = ()):
        self._taken = {*taken, *RESERVED}
        self._counts: dict[str, int] = {}

    def fresh(self, wanted: str) -> str:
        """An identifier like `wanted`, which may be any text."""
        base = re.sub(r"[^A-Za-z0-9_]", "_", wanted)
        base = base if re.match(r"[A-Za-z]", base) else f"v{base}"
        base = f"{base}_" if re.fullmatch(rf"({'|'.join(SCRIPT)})(_\d+)?", base) else base
        name = next(name for name in self._variants(base) if name not in self._taken)
        self._taken.add(name)
        return name

    @staticmethod
    def _variants(base: str) -> Iterator[str]:
        yield base
        yield from (f"{base}_{k}" for k in count(2))

    def numbered(self, word: str) -> str:
        """The next of word_1, word_2, ...; word is one of SCRIPT."""
        self._counts[word] = self._counts.get(word, 0) + 1
        return f"{word}_{self._counts[word]}"
