"""Four numbers of as many samples as a vector has lanes, turned to a vector for each of the four."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .vectors import ir_vector, lane_mask, load_first, store_vector

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)


def _shuffled(builder: Any, a: Any, b: Any, lanes: list[int]) -> Any:
    """Lanes of a and b, those of b numbered on from those of a."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT32, len(lanes)), lanes))


def _joined(builder: Any, parts: list[Any]) -> Any:
    """One vector of several, the number of which is a power of 2."""
    while len(parts) > 1:
        both = list(range(2 * parts[0].type.count))
        parts = [_shuffled(builder, parts[i], parts[i + 1], both) for i in range(0, len(parts), 2)]
    return parts[0]


def _columns(builder: Any, rows: list[Any]) -> list[Any]:
    """Within each group of four lanes of four vectors: the transposed square."""
    n, groups = rows[0].type.count, range(0, rows[0].type.count, 4)
    low = [g + i + half for g in groups for i in (0, 1) for half in (0, n)]
    high = [lane + 2 for lane in low]
    first = [lane for g in groups for lane in (g, g + 1, n + g, n + g + 1)]
    second = [lane + 2 for lane in first]
    columns = []
    for pair in (low, high):
        upper, lower = _shuffled(builder, rows[0], rows[1], pair), _shuffled(builder, rows[2], rows[3], pair)
        columns += [_shuffled(builder, upper, lower, first), _shuffled(builder, upper, lower, second)]
    return columns


@intrinsic  # type: ignore[untyped-decorator]
def put_columns(typing_context: Any, to: Any, stride: Any, source: Any, places: Any, count: Any) -> Any:
    """to[c stride + lane] = source[places[lane] + c] for the columns c below ``count``, 1 to 4, and all lanes; at least
    four lanes. No memory behind the columns is read."""
    vector = ir_vector(to.dtype)
    four = ir.VectorType(vector.element, 4)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if vector.count < 4:  # the branch is compiled, too, where it is never taken
            return context.get_dummy_value()
        to, stride, source, places, count = values
        mask = lane_mask(builder, four, count)
        samples = []
        for lane in range(vector.count):
            place = builder.load(builder.gep(places, [ir.Constant(_INT64, lane)]))
            samples.append(load_first(builder, four, builder.gep(source, [place]), mask))
        # Lane 4 g + c of row k is number c of sample 4 g + k.
        columns = _columns(builder, [_joined(builder, samples[k::4]) for k in range(4)])
        for c, column in enumerate(columns):
            with cgutils.if_likely(builder, builder.icmp_signed(">", count, ir.Constant(_INT64, c))):
                store_vector(builder, column, builder.gep(to, [builder.mul(stride, ir.Constant(_INT64, c))]))
        return context.get_dummy_value()

    return types.void(to, types.intp, source, places, types.intp), codegen
