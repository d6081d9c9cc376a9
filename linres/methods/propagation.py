"""Propagation through a random residual network: h_{k+1} = h_k + scale V_{k+1} h_k, one layer after the other.

scale = L^{-exponent} for L layers; the gradient of what comes out goes back through the transposed layers by the same
step.
"""


def step(state, layer, *, scale):
    """state + scale * layer(state), in any arithmetic. layer maps a state to what the layer makes of it, V h say."""
    return state + scale * layer(state)
