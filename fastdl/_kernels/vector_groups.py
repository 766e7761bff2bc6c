"""Several vectors as one value, which go through a long formula side by side (``machine.side_by_side`` says why).

A group is a ``Vector`` of several registers: the arithmetic of ``vectors.py`` and the functions of ``vector_exp.py``,
``vector_erf.py`` and ``vector_squashing.py`` take it as they take one, lane by lane with the same bits; so do ``store``
and ``stream``. ``load_group`` and ``spread_group`` make one, ``group_width`` has its lanes,
``folded`` adds its vectors; ``kept`` cuts the end of a sum's last vector off. A loop may not carry a group from round
to round: LLVM takes three registers that it joins at the loop's head apart into single numbers.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .machine import lanes, side_by_side
from .vectors import Vector, ir_vector, lane_mask, load_vector, splat

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)


@intrinsic  # type: ignore[untyped-decorator]
def group_width(typing_context: Any, like: Any) -> Any:
    """Lanes of a group of what ``like`` points at: a constant to the compiler."""
    count = side_by_side() * lanes(like.dtype.bitwidth // 8)
    return types.intp(like), lambda context, builder, signature, values: ir.Constant(_INT64, count)


@intrinsic  # type: ignore[untyped-decorator]
def load_group(typing_context: Any, place: Any) -> Any:
    """The group that starts at ``place``."""
    vector = ir_vector(place.dtype, side_by_side())
    return (
        Vector(place.dtype, side_by_side())(place),
        lambda context, builder, signature, values: load_vector(builder, vector, values[0]),
    )


@intrinsic  # type: ignore[untyped-decorator]
def spread_group(typing_context: Any, number: Any) -> Any:
    """The group with ``number`` in every lane."""
    vector = ir_vector(number, side_by_side())
    kind = Vector(number, side_by_side())
    return kind(number), lambda context, builder, signature, values: splat(builder, vector, values[0])


@intrinsic  # type: ignore[untyped-decorator]
def folded(typing_context: Any, group: Any) -> Any:
    """The sum of a group's vectors, in their order."""
    one = ir_vector(group.element)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        undefined, found = ir.Constant(values[0].type, ir.Undefined), None
        for start in range(0, values[0].type.count, one.count):
            places = ir.Constant(ir.VectorType(_INT32, one.count), list(range(start, start + one.count)))
            part = builder.shuffle_vector(values[0], undefined, places)
            found = part if found is None else builder.fadd(found, part)
        return found

    return Vector(group.element)(group), codegen


@intrinsic  # type: ignore[untyped-decorator]
def kept(typing_context: Any, value: Any, count: Any) -> Any:
    """The first ``count`` lanes of a vector, zeros behind them."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector = values[0].type
        zeros = ir.Constant(vector, [0.0] * vector.count)
        return builder.select(lane_mask(builder, vector, values[1]), values[0], zeros)

    return value(value, types.intp), codegen
