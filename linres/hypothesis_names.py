"""What hypotheses of theorems are called where they are measured of a run, beside their numbers on the page.

`linres train` and `linres.guarantee` decide some hypotheses of the theorem that speaks of a run, each under a name:
these are given here. The others hold of every such run by the method, or follow from the loss being least squares.
`linres show` and the book show the name beside the number.
"""

NUMBERS: dict[str, dict[str, tuple[int, ...]]] = {  # of the hypotheses that a name stands for, from 1, by theorem
    "gradient-step": {"moments-invertible": (1,), "conditioned": (2,)},
    "nesterov-with-errors": {"moments-invertible": (2,)},
    "random-start-noise-floor": {"moments-invertible": (2,), "conditioned": (3,), "centred": (8,)},
    "stacking-acceleration": {
        "moments-invertible": (2,), "conditioned": (9,), "target-invertible": (10,), "basin": (18,),
    },
    "stacking-parameter-acceleration": {"margin": (5, 6, 7, 8, 9), "basin": (16,)},
}


def names(theorem: str) -> dict[int, str]:
    """{number: name} of the hypotheses of a theorem that have a name."""
    return {number: name for name, numbers in NUMBERS.get(theorem, {}).items() for number in numbers}


def numbers(theorem: str | None, name: str) -> str:
    """The numbers that a name stands for, as "H18" or "H5-H9"; "" where there are none."""
    found = NUMBERS.get(theorem or "", {}).get(name, ())
    return "-".join(f"H{number}" for number in (found if len(found) < 2 else (found[0], found[-1])))
