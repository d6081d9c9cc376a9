"""The compiled twins of the steps in methods/: float64 loops under Numba, arrays in and arrays out, no checks inside.

One file per method. A twin has to agree with the generic step run in NumPy; tests/test_kernels.py holds them together.
Each kernel compiles when it is first called and is cached on disk (see `_jit`); set NUMBA_DISABLE_JIT=1 to run it as
plain Python. Importing this package imports no Numba: import the kernel where it is used.
"""
