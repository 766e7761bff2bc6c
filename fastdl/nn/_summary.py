"""Showing models: a layer as the code that makes it, and the table of ``model.summary()``."""

import inspect
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..graph import Graph
from ..ops import Spec
from ..tree import flatten
from . import _options
from ._frame import Frame, running

if TYPE_CHECKING:
    from .module import Module

_BATCH = 7  # stands for N while shapes are found: a number that layers seldom make


class Summary(str):
    """Text that a Python prompt shows as it is printed."""

    def __repr__(self) -> str:
        return str(self)


def describe(layer: "Module") -> str:
    """``Conv2d(1, 16, 3, padding=1)``: options without default by place, others by name where they differ from it."""
    parts = []
    options = layer.config()
    known = inspect.signature(type(layer).__init__).parameters if options else {}
    for name, value in options.items():
        default = known[name].default if name in known else inspect.Parameter.empty
        if default is inspect.Parameter.empty:
            parts.append(repr(value))
        elif value != _options.brief(default) and not (name == "dtype" and value == "float32"):
            parts.append(f"{name}={value!r}")
    return f"{type(layer).__name__}({', '.join(parts)})"


def output_shapes(model: "Module", input_shape: Sequence[int]) -> dict[int, str]:
    """The shapes that the modules return, by id; found by recording the model, so that nothing is computed."""
    sizes = (input_shape,) if isinstance(input_shape, int) else input_shape
    shape = tuple(_options.count("summary", "input_shape", n, least=0) for n in sizes)
    x = Graph().input(Spec((_BATCH, *shape), model.input_dtype))
    found: dict[int, str] = {}
    with running(Frame({}, 0, 0), False) as frame:
        frame.outputs = []
        model(x)
    for module, y in frame.outputs:
        found.setdefault(id(module), " ".join(_shape(leaf) for leaf in flatten(y)[0]))
    return found


def _shape(value: Any) -> str:
    first, *others = getattr(value, "shape", ()) or ("",)
    if isinstance(first, int) and first and first % _BATCH == 0:
        first = "N" if first == _BATCH else f"{first // _BATCH}N"
    return f"({', '.join(map(str, [first, *others]))}{'' if others or first == '' else ','})"


def summarize(model: "Module", input_shape: Sequence[int] | None) -> Summary:
    """The table of ``model.summary()``."""
    shapes = output_shapes(model, input_shape) if input_shape is not None else {}
    rows = [("layer", "kind", "output", "parameters")]
    for name, module in model.named_modules():
        if module._parameters or not module._modules:
            own = sum(array.size for array in module._parameters.values())
            rows.append((name or "model", type(module).__name__, shapes.get(id(module), "-"), f"{own:,}"))
    if input_shape is None:
        rows = [(name, kind, "", number) for name, kind, _, number in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, kind, shape, number in rows:
        cells = [name.ljust(widths[0]), kind.ljust(widths[1]), shape.ljust(widths[2]), number.rjust(widths[3])]
        lines.append("  ".join(cell for cell, width in zip(cells, widths, strict=True) if width))
    rule = "-" * max(map(len, lines))
    total = model.num_parameters
    end = f"{total:,} parameters, {_bytes(total * model.dtype.itemsize)} as {model.dtype}"
    if input_shape is not None:
        sizes = (input_shape,) if isinstance(input_shape, int) else input_shape
        end += f"; input {_shape_of_input(sizes)}"
    return Summary("\n".join([lines[0], rule, *lines[1:], rule, end]))


def _shape_of_input(sizes: Sequence[int]) -> str:
    return f"(N, {', '.join(map(str, sizes))})" if len(sizes) else "(N,)"


def _bytes(count: int) -> str:
    """``900 bytes``, ``1.2 MB``."""
    if count < 1000:
        return f"{count} bytes"
    power = min(4, int(math.log10(count)) // 3)
    return f"{count / 1000**power:.1f} {' kMGT'[power]}B"
