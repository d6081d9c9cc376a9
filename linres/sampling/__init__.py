"""Instances in bulk for the sampled rung: parameters from one block of integers, measured by the compiled kernels.

Every number drawn is a dyadic rational that float64 holds exactly, so the k-th instance can be handed to exact
arithmetic as it stands.
"""
