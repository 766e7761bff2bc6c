"""Two bands of rows, one beside the other: code for each range of rows that meet. Used while kernels are compiled."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from .block import INT64


def whole(value: int) -> Any:
    """An integer of the compiled code."""
    return ir.Constant(INT64, value)


def for_meeting_rows(builder: Any, rows: Any, others: Any, most: int, code: Callable[[Any, range], None]) -> None:
    """``code(t, range)`` for each t = r + s of the ``rows`` r, at most ``most`` of them, and the ``others`` s.

    The range holds the r with 0 <= t - r < others. It is known where the code is written, so that it may go straight
    through the rows; there is one piece of code for each range.
    """
    with cgutils.for_range(builder, builder.sub(builder.add(rows, others), whole(1))) as loop:
        t = loop.index
        low = builder.add(builder.sub(t, others), whole(1))
        low = builder.select(builder.icmp_signed("<", low, whole(0)), whole(0), low)
        high = builder.sub(rows, whole(1))
        high = builder.select(builder.icmp_signed("<", high, t), high, t)
        end = builder.append_basic_block("row_end")
        switch = builder.switch(builder.add(builder.mul(low, whole(most)), high), end)
        for first in range(most):
            for last in range(first, most):
                block = builder.append_basic_block(f"rows_{first}_to_{last}")
                switch.add_case(whole(first * most + last), block)
                with builder.goto_block(block):
                    code(t, range(first, last + 1))
                    builder.branch(end)
        builder.position_at_end(end)
