"""The algorithms. One file each: the generic step, written once for every arithmetic, and the public solver."""
