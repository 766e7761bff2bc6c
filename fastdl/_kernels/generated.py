"""Functions written in LLVM's own language, one for each size of a block, and the call of the one that fits."""

from collections.abc import Iterable, Sequence
from typing import Any

from llvmlite import ir

from .bands import whole


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
