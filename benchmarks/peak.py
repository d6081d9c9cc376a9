"""The most that a core's fused multiply-adds can do: `python -m benchmarks.peak [--jobs N]`, in GFLOP/s.

Sixteen independent chains of them on vector registers, with nothing loaded or stored: what any kernel is measured by.
Eight doubles a vector; LLVM splits them where the processor's vectors are shorter.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from benchmarks import frame

LANES, CHAINS, UNROLLED = 8, 16, 4


@intrinsic
def _chains(context, steps):
    """The sum of all entries of CHAINS vectors after so many times UNROLLED multiply-adds of each."""

    def emit(target, builder, signature, arguments):
        double, index = ir.DoubleType(), ir.IntType(64)
        vector = ir.VectorType(double, LANES)
        name = f"llvm.fma.v{LANES}f64"
        fma = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(vector, [vector] * 3), name
        )
        spread = lambda value: ir.Constant(vector, [value] * LANES)  # noqa: E731
        entry, loop, done = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(index)
        step.add_incoming(index(0), entry)
        begun = [builder.phi(vector) for _ in range(CHAINS)]
        for chain, phi in enumerate(begun):
            phi.add_incoming(spread(3.0 + chain), entry)  # at 2 a chain would stand still, and be left out
        grown = begun
        for _ in range(UNROLLED):
            grown = [builder.call(fma, [phi, spread(0.5), spread(1.0)]) for phi in grown]
        after = builder.add(step, index(1))
        step.add_incoming(after, loop)
        for phi, value in zip(begun, grown, strict=True):
            phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", after, arguments[0]), loop, done)
        builder.position_at_end(done)
        total = grown[0]
        for value in grown[1:]:
            total = builder.fadd(total, value)
        sums = [builder.extract_element(total, ir.IntType(32)(lane)) for lane in range(LANES)]
        for value in sums[1:]:
            sums[0] = builder.fadd(sums[0], value)
        return sums[0]

    return types.float64(types.int64), emit


@numba.njit(nogil=True)
def _run(steps):
    return _chains(steps)


def operations(steps: int) -> int:
    """Floating-point operations of `_run`, a multiply-add counted as two."""
    return 2 * steps * UNROLLED * CHAINS * LANES


def peak(jobs: int = 1, *, steps: int = 20_000, repeats: int = 50) -> float:
    """Operations a second of `jobs` threads at once, the quickest of so many runs; call it inside `frame.on(jobs)`.

    The quickest, by the processor time of each thread: what else the machine does must not make a kernel look good.
    """
    _run(1)
    with ThreadPoolExecutor(jobs) as pool:
        return max(sum(pool.map(_rate, [steps] * jobs)) for _ in range(repeats))


def _rate(steps: int) -> float:
    begun = time.thread_time()
    _run(steps)
    return operations(steps) / (time.thread_time() - begun)


def main() -> None:
    jobs = frame.parser(__doc__, sizes=["register"]).parse_args().jobs
    with frame.on(jobs):
        print(f"{peak(jobs) / 1e9:.1f} GFLOP/s on {jobs} of {frame.machine()['processor']}'s cores")


if __name__ == "__main__":
    main()
