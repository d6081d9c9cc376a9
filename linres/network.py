"""The deep linear residual network: end-to-end map and per-block gradients, in every arithmetic.

Blocks w_1, ..., w_n (each d x d, the first applied first) make W = (I + w_n) ... (I + w_1). For a loss of W with
gradient N there, the gradient in block i is G_i = A_i^T N B_i^T, A_i the product above the block and B_i the one below.
Only +, @ and .T are used, so that NumPy arrays, `Matrix` and `Symbolic` all go through the same lines.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple


class Link(NamedTuple):
    """One factor of a gradient: x before, what the factor adds to it, and so x + added after."""

    before: Any
    added: Any

    @property
    def after(self) -> Any:
        return self.before + self.added


def end_to_end(blocks: Iterable[Any], start: Any) -> Any:
    """(I + w_n) ... (I + w_1) start; the identity as start gives the map W itself."""
    for block in blocks:
        start = start + block @ start
    return start


def links(blocks: Sequence[Any], position: int, slope: Any) -> Iterator[Link]:
    """How A_i^T N B_i^T comes about, a factor at a time, for the block at `position` (0 the first) and N = slope.

    First the blocks above, from the last one down, then those below, from the first one up: len(blocks) - 1 links.
    """
    for block in reversed(blocks[position + 1 :]):
        yield (link := Link(slope, block.T @ slope))
        slope = link.after
    for block in blocks[:position]:
        yield (link := Link(slope, slope @ block.T))
        slope = link.after


def block_gradients(blocks: Sequence[Any], slope: Any) -> list[Any]:
    """G_1, ..., G_n for the gradient N = slope (d x d) of the loss at the end-to-end map, in at most 3 n products.

    One pass down makes every A_i^T N, one pass up every B_i - I, of which small blocks lose no digits.
    """
    if len(blocks) == 0:
        return []
    above = list(accumulate(reversed(blocks[1:]), lambda made, block: made + block.T @ made, initial=slope))[::-1]
    below = accumulate(blocks[:-1], lambda made, block: made + block + block @ made)
    return [above[0], *(made + made @ product.T for made, product in zip(above[1:], below, strict=True))]


def imbalances(blocks: Sequence[Any]) -> list[Any]:
    """A_{i+1}^T A_{i+1} - A_i A_i^T of neighbouring factors A_i = I + w_i, n - 1 of them; all zero if balanced.

    Balanced in the sense of Arora, Cohen, Golowich and Hu (2019). A_{i+1}^T G_{i+1} = G_i A_i^T for the gradients of
    any loss of the end-to-end map, so that gradient flow conserves each of them, and a gradient step of size s changes
    it by s^2 (G_{i+1}^T G_{i+1} - G_i G_i^T) exactly.
    """
    return [
        (after + after.T + after.T @ after) - (before + before.T + before @ before.T)
        for before, after in pairwise(blocks)
    ]


def backpropagate(blocks: Sequence[Any], start: Any, gradient: Callable[[Any], Any]) -> list[Any]:
    """The gradients in the n blocks of (I + w_n) ... (I + w_1) start, at the cost of at most 4 n products.

    gradient maps the end-to-end map (d x d) to the gradient N of the loss in it; start (d x d) is not trained. Below
    block i there is B_i start, so that its gradient is A_i^T (N start^T) B_i^T.
    """
    return block_gradients(blocks, gradient(end_to_end(blocks, start)) @ start.T)
