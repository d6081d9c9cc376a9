"""The embedded tasks: restore blurred and noisy 8 x 8 digits (see README.md beside this file).

y is the clean image, grey levels divided by 16; x is y blurred by a separable 3 x 3 kernel, zero outside the image,
plus independent Gaussian noise of half a grey level (1/32).

digits      blur with weights 1 1 1 (a box); x and y each on its own 10 leading principal components.
            kappa = 15, W* is invertible: what the theorems ask for.
digits-raw  blur with weights 1 3 1; all 64 pixels. Three pixels of the clean images are constant, so W* has three zero
            rows and is singular, while the noise keeps Sigma > 0.

The two blurs differ because stacking starts at W_0 = I and must not meet singular maps on its way. In the pixel basis
the box blur is indefinite, and stacking on all pixels diverges within some 20 stages. The blur 1 3 1 is positive
definite: stacking gains six digits in about 175 stages. Past some 200, with W_t close to the singular W*, its blocks
may explode all the same, depending on the noise drawn: there is no theorem without the hypothesis.
"""

from importlib import resources

import numpy as np

from linres.problem import Problem

GREY_LEVELS = 16
NOISE = 0.5 / GREY_LEVELS
KERNELS = {"digits": (1, 1, 1), "digits-raw": (1, 3, 1)}
COMPONENTS = {"digits": 10, "digits-raw": None}


def pixels() -> np.ndarray:
    """The images as they are: (1797, 64), uint8, grey levels 0..16, each image row by row."""
    with (
        resources.files("linres.data").joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        return archive["pixels"]


def blur(images: np.ndarray, kernel: tuple[int, int, int]) -> np.ndarray:
    """images (n, 64) convolved with the outer product of kernel / sum(kernel) with itself, zero outside the image."""
    weights = np.outer(kernel, kernel) / sum(kernel) ** 2
    padded = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    shifted = (weights[i, j] * padded[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3))
    return sum(shifted, start=np.zeros(())).reshape(-1, 64)


def samples(name: str, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of a task, (1797, 64) each. The noise is a legacy RandomState's, whose stream NumPy has frozen."""
    clean = pixels() / GREY_LEVELS
    noise = NOISE * np.random.RandomState(seed).standard_normal(clean.shape)
    return blur(clean, KERNELS[name]) + noise, clean


def problem(name: str, *, components=None, ridge=0.0, seed=0) -> Problem:
    """The task as a problem; components: see the module's docstring for the default."""
    x, y = samples(name, seed=seed)
    kept = COMPONENTS[name] if components is None else components
    return Problem.from_data(x, y, components=kept, ridge=ridge, name=name)
