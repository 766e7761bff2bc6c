"""The launches of a program one at a time, and the processor's clock around each."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .block import INT64, address, call, integer, integers
from .words import FIRST, STOP


@intrinsic
def _clock(typing_context):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, values):  # type: ignore[no-untyped-def]
        counter = builder.module.declare_intrinsic("llvm.readcyclecounter", fnty=ir.FunctionType(INT64, []))
        return builder.call(counter, [])

    return types.int64(), codegen


def timed(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """A cell is a launch. Slots: the driver's block, where ticks of each launch go, ``walk``."""
    block, ticks, walk = integers(args, 0), integers(args, 1), integer(args, 2)
    for i in range(lo, hi):
        block[FIRST], block[STOP] = i, i + 1
        start = _clock()
        call(walk, address(block), 0, 1, 0)
        ticks[i] = _clock() - start
