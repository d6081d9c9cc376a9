"""What the new block of a stage starts at: a multiple of the last one, random numbers, or what a function gives."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from linres import checks
from linres.errors import described, refuse
from linres.methods.residual import Grown

STARTS = ("stacking", "zero", "random")
METHODS = (*STARTS, "custom")  # what a run from such starts is called
SCALE = 0.1
STREAM = 2  # keeps the normals drawn here apart from those of data and of W_0, of the same seed

Start = Callable[[int, np.ndarray, np.ndarray, np.random.RandomState], Any]  # a user's w^0


def settings(start: str | Start, *, scale, seed) -> dict[str, Any]:
    """block_start, scale and seed as a run keeps them; None for what such starts have not. InputError for bad ones."""
    random = start == "random"
    if scale is not None and not random:
        raise refuse("grow(scale=...)", 'left out unless block_start="random"', scale)
    scale = checks.number(
        "grow(scale=...)", SCALE if scale is None else scale, wanted="a number > 0", holds=lambda v: v > 0
    )
    seed = checks.seed("grow", seed)
    name = start if isinstance(start, str) else getattr(start, "__qualname__", type(start).__name__)
    drawn = {"scale": scale if random else None, "seed": seed if random or callable(start) else None}
    return {"block_start": name, **drawn}


def choose(start: str | Start, *, scale: float | None, seed: int | None) -> Callable[[int, Grown, float], np.ndarray]:
    """w^0 (d, d) of stage 1, 2, ..., given the stage, W_t with w_t, and the momentum; scale, seed as `settings` has."""
    if not callable(start) and start != "random":
        return lambda stage, grown, momentum: momentum * grown.block
    generator = np.random.RandomState([seed or 0, STREAM])  # NumPy has frozen its stream
    if callable(start):
        return lambda stage, grown, _: _asked(start, stage, grown, generator)

    def draw(stage: int, grown: Grown, _: float) -> np.ndarray:
        return generator.standard_normal(grown.block.shape) * ((scale or 0.0) / math.sqrt(len(grown.block)))

    return draw


def _asked(start: Start, stage: int, grown: Grown, generator) -> np.ndarray:
    """w^0 that a user's function gives. InputError if it is no block."""
    block, network = grown.block.view(), grown.network.view()
    for shown in (block, network):
        shown.flags.writeable = False
    try:
        given = start(stage, block, network, generator)
    except np.linalg.LinAlgError as error:  # would be taken for a singular W_t
        got = f"{described(error)} at stage {stage}"
        raise refuse("grow(block_start=...)", "a function that gives w^0", got) from None
    return checks.matrix(f"grow(block_start=...) at stage {stage}", given, shape=block.shape)
