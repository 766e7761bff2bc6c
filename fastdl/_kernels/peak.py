"""How fast this core multiplies and adds, at most: the measure for what kernels reach.

Twelve independent chains of fused multiply-adds on vectors, none of which touches memory: more chains than the latency
of the units times their number, and few enough for the registers. Vectors are LLVM's own type, because LLVM would
choose narrower ones for a loop. There are two kernels, for vectors of 64 and of 32 bytes; the quicker one is the
measure.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .block import integer, pointer

CHAINS = 12


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _chains(typing_context: Any, args: Any, count: Any, width: Any) -> Any:
    """``count`` rounds of one multiply-add in each chain of ``width`` bytes; a number that depends on all of them."""
    element = args.dtypes[0]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        scalar = context.get_value_type(element)
        lanes = width.literal_value * 8 // element.bitwidth
        vector = ir.VectorType(scalar, lanes)
        name = f"llvm.fmuladd.v{lanes}f{element.bitwidth}"
        fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
        start, index = builder.block, ir.IntType(64)
        loop, end = builder.append_basic_block("chains"), builder.append_basic_block("chains_end")
        builder.branch(loop)
        builder.position_at_end(loop)
        counter = builder.phi(index)
        counter.add_incoming(ir.Constant(index, 0), start)
        factor, addend = (ir.Constant(vector, [number] * lanes) for number in (0.999, 0.001))
        chains = []
        for i in range(CHAINS):
            chain = builder.phi(vector)
            # None starts at 1, where 0.999 x + 0.001 stands still: LLVM would leave that chain out.
            chain.add_incoming(ir.Constant(vector, [-float(i)] * lanes), start)
            chains.append(chain)
        results = [builder.call(fma, [chain, factor, addend]) for chain in chains]
        for chain, result in zip(chains, results, strict=True):
            chain.add_incoming(result, loop)
        following = builder.add(counter, ir.Constant(index, 1))
        counter.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, values[1]), loop, end)
        builder.position_at_end(end)
        total = results[0]
        for result in results[1:]:
            total = builder.fadd(total, result)
        number = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
        for lane in range(1, lanes):
            number = builder.fadd(number, builder.extract_element(total, ir.Constant(ir.IntType(32), lane)))
        return number

    return element(args, types.intp, width), codegen


def wide(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: a number for each cell, rounds."""
    sums, rounds = pointer(args, 0), integer(args, 1)
    for cell in range(lo, hi):
        sums[cell] = _chains(args, rounds, 64)


def narrow(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Slots: a number for each cell, rounds."""
    sums, rounds = pointer(args, 0), integer(args, 1)
    for cell in range(lo, hi):
        sums[cell] = _chains(args, rounds, 32)
