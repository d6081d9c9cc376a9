"""The figure `heatmap` at the size of a paper: `python -m benchmarks.heat_map [--out DIR]`.

70 Hurst indices, 51 exponents, width 40, depth 1000, 5 networks with 10 inputs each, as in Marion et al., "Scaling
ResNets in the large-depth regime" (arXiv 2206.06929). Networks have the same weights for all exponents. Some minutes.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from linres import plotting
from linres.figures import heatmap

PAPER = {"hursts": tuple(np.linspace(0.05, 0.97, 70)), "exponents": tuple(np.linspace(0, 1.25, 51)), "depth": 1000,
         "networks": 5, "inputs": 10}


def main(arguments: Sequence[str] | None = None, size: dict | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("figures"), metavar="DIR", help="where to (default: figures)")
    out = options.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    data = heatmap.compute(**(size or PAPER))
    print(f"{time.perf_counter() - begun:.0f} s: {data.summary()}")
    for suffix in ("svg", "png"):
        plotting.save(heatmap.draw(data), out / f"heatmap-paper.{suffix}")
        print(out / f"heatmap-paper.{suffix}")


if __name__ == "__main__":
    main()
