"""The loss of least squares: ell(W) - ell* = 1/2 tr((W - W*) Sigma (W - W*)^T), with gradient (W - W*) Sigma."""

from linres.kernels._jit import compiled
from linres.kernels.matrices import multiply


@compiled
def gradient(sigma, target, point, residual, slope):
    """slope <- the gradient at the point; returns the excess loss there, 1/2 <residual, slope>.

    sigma (d, d); target = W*, point, slope and the work array residual (k, d).
    """
    rows, columns = point.shape
    for i in range(rows):
        for j in range(columns):
            residual[i, j] = point[i, j] - target[i, j]
    multiply(residual, sigma, slope)
    total = 0.0
    for i in range(rows):
        for j in range(columns):
            total += residual[i, j] * slope[i, j]
    return total / 2
