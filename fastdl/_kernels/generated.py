"""Functions written in LLVM's own language, one for each size of a block: their loops and branches over values that
stay in registers, and the call of the one that fits."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from llvmlite import ir

from .bands import whole
from .block import INT64


def internal_function(module: Any, name: str, kinds: Sequence[Any]) -> Any:
    """A function of a kernel's own, which is called: as part of its caller its block would not stay in registers."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    return function


def call_one_of(builder: Any, choice: Any, functions: Iterable[tuple[int, Any]], arguments: Sequence[Any]) -> None:
    """Call the function whose number ``choice`` is; nothing if there is none. ``functions``: (number, function)."""
    end = builder.append_basic_block("chosen")
    switch = builder.switch(choice, end)
    for number, function in functions:
        here = builder.append_basic_block(f"choice_{number}")
        switch.add_case(whole(number), here)
        builder.position_at_end(here)
        builder.call(function, arguments)
        builder.branch(end)
    builder.position_at_end(end)


def loop(builder: Any, count: Any, values: Sequence[Any], body: Callable[[Any, list[Any]], Sequence[Any]]) -> list[Any]:
    """``values`` after ``count`` (at least one) rounds of ``body(index, values)``."""
    before, start = builder.block, builder.append_basic_block("loop")
    builder.branch(start)
    builder.position_at_end(start)
    index = builder.phi(INT64)
    index.add_incoming(whole(0), before)
    inside = []
    for value in values:
        phi = builder.phi(value.type)
        phi.add_incoming(value, before)
        inside.append(phi)
    results = body(index, inside)
    # LLVM would unroll the loop and run out of registers for addresses; a "convergent" piece of code, here an empty
    # one, may not be copied.
    nothing = ir.InlineAsm(ir.FunctionType(ir.VoidType(), []), "", "", side_effect=True)
    builder.call(nothing, [], attrs=("convergent",))
    following = builder.add(index, whole(1))
    index.add_incoming(following, builder.block)
    for phi, value in zip(inside, results, strict=True):
        phi.add_incoming(value, builder.block)
    end = builder.append_basic_block("end")
    builder.cbranch(builder.icmp_signed("<", following, count), start, end)
    builder.position_at_end(end)
    return list(results)


def branch(builder: Any, condition: Any, values: Sequence[Any], change: Callable[[Any], Sequence[Any]]) -> list[Any]:
    """``change(values)`` if the condition holds, else the values."""
    before, then, end = builder.block, builder.append_basic_block("then"), builder.append_basic_block("end")
    builder.cbranch(condition, then, end)
    builder.position_at_end(then)
    changed = change(values)
    after = builder.block
    builder.branch(end)
    builder.position_at_end(end)
    results = []
    for value, other in zip(values, changed, strict=True):
        phi = builder.phi(value.type)
        phi.add_incoming(value, before)
        phi.add_incoming(other, after)
        results.append(phi)
    return results
