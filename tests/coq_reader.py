"""Reads the statement of an exported theorem back into SymPy relations, by the precedences of Coq."""

import re
from dataclasses import dataclass, field

import sympy
from sympy import IndexedBase, Integer

from linres.language import Det, GeometricSum, Inner
from linres.theorem import Theorem

TOKEN = re.compile(r"\s*(<\||\|>|\*\*|\*:|<=|>=|<>|=>|%[ZV]|[A-Za-z_]\w*|\d+|[-+*/^()=<>,:])")
RELATIONS = {
    "<=": sympy.Le, "<": sympy.Lt, ">=": sympy.Ge, ">": sympy.Gt, "=": sympy.Eq, "<>": sympy.Ne,
}


@dataclass
class Reader:
    """Names of Coq -> symbols, or labels of sequences."""

    names: dict
    tokens: list[str] = field(default_factory=list)

    def relation(self, text):
        """A relation, SymPy's own simplifications switched off for the relation itself."""
        text = re.sub(r"^\((.*)\)%Z$", r"\1", text)
        self.tokens = TOKEN.findall(text)
        left = self.sum()
        sign = RELATIONS[self.tokens.pop(0)]
        right = self.sum()
        assert not self.tokens, self.tokens
        return sign(left, right, evaluate=False)

    def next(self):
        return self.tokens[0] if self.tokens else ""

    def take(self, token):
        assert self.next() == token, (token, self.tokens)
        return self.tokens.pop(0)

    def sum(self):
        total = self.product()
        while self.next() in {"+", "-"}:
            sign = 1 if self.tokens.pop(0) == "+" else -1
            total = total + sign * self.product()
        return total

    def product(self):
        total = self.opposite()
        while self.next() in {"*", "**", "*:", "/"}:
            divided = self.tokens.pop(0) == "/"
            total = total / self.opposite() if divided else total * self.opposite()
        return total

    def opposite(self):
        if self.next() == "-":
            self.tokens.pop(0)
            return -self.opposite()
        return self.power()

    def power(self):
        base = self.application()
        if self.next() != "^":
            return base
        self.tokens.pop(0)
        return base ** self.power()

    def application(self):
        head = self.next()
        functions = {"sqrt": sympy.sqrt, "IZR": lambda n: n, "powerRZ": lambda b, n: b**n, "det": Det,
                     "inverse": lambda a: a**-1, "transpose": sympy.transpose}
        if head == "geometric_sum":
            self.tokens.pop(0)
            return GeometricSum(self.atom(), self.atom(), *self.forcing(), self.atom())
        if head in functions:
            self.tokens.pop(0)
            count = 2 if head == "powerRZ" else 1
            return functions[head](*(self.atom() for _ in range(count)))
        if isinstance(self.names.get(head), IndexedBase):
            self.tokens.pop(0)
            return self.names[head][self.atom()]
        return self.atom()

    def forcing(self):
        """(fun t : Z => e), as e and t."""
        for token in "(", "fun":
            self.take(token)
        bound = self.names[self.tokens.pop(0)]
        for token in ":", "Z", "=>":
            self.take(token)
        terms = self.sum()
        self.take(")")
        return terms, bound

    def atom(self):
        token = self.tokens.pop(0)
        if token == "(":
            inside = self.sum()
            self.take(")")
        elif token == "<|":
            u = self.sum()
            self.take(",")
            inside = Inner(u, self.sum())
            self.take("|>")
        elif token.isdigit():
            inside = Integer(token)
        else:
            inside = Integer(1) if token == "one" else self.names[token]
        if self.next() in {"%Z", "%V"}:
            self.tokens.pop(0)
        return inside


def statement(text, name):
    """(binders, definitions, hypotheses, conclusion) of the theorem `name` in a Coq file, as texts."""
    body = text.partition(f"Theorem {name} :\n")[2].partition("\nProof.")[0]
    binders, _, rest = body.partition(",\n  (*")
    parts = {"definitions": [], "hypotheses": [], "conclusion": []}
    part = ""
    for line in f"  (*{rest}".splitlines():
        heading = re.fullmatch(r"  \(\* (\w+) \*\)", line)
        if heading:
            part = heading[1]
        else:
            parts[part].append(line.strip().removesuffix(" ->").removesuffix("."))
    (conclusion,) = parts["conclusion"]
    return binders, parts["definitions"], parts["hypotheses"], conclusion


def bare(line):
    """(whether it is said for every stage, the relation)."""
    match = re.fullmatch(r"\(forall (\w+) : Z, at_stage \w+ \1 -> (.*)\)", line)
    return (True, match[2]) if match else (False, line)


def named(binders, theorem):
    """Identifier -> symbol, by the order in which the statement binds them; the stage is bound where it is used."""
    groups = re.findall(r"\(([^:()]*) : ([^()]*)\)", " ".join(binders.split()))
    of_symbols = [names for names, kind in groups if kind not in {"Space", "Algebra", "Matrices"}]
    identifiers = " ".join(of_symbols).split()
    bound = [symbol for symbol in theorem.symbols if symbol not in theorem.over[:1]]
    assert len(identifiers) == len(bound)
    return {stage.name: stage for stage in theorem.over[:1]} | dict(zip(identifiers, bound, strict=True))


def read(theorem: Theorem, text: str):
    """The definitions, hypotheses and conclusion of an exported theorem, each with whether it is said of all stages."""
    binders, definitions, hypotheses, conclusion = statement(text, theorem.name.replace("-", "_"))
    reader = Reader(named(binders, theorem))

    def relations(lines):
        return [(staged, reader.relation(line)) for staged, line in map(bare, lines)]

    return relations(definitions), relations(hypotheses), reader.relation(conclusion)
