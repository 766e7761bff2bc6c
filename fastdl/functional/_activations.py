"""The table of activations: for each its primitives, and the second derivative that gradients of gradients need.

A row y = s(x) has a primitive of its name, and one named ``<name>_grad`` for g s'(v), where v is x, or y where s' is a
shorter formula of y. Both formulas are in ``_kernels/activations.py``; ``bend`` is w s''(v), the derivative of w s'(v)
with respect to v, made of primitives again, so that the table can be differentiated as often as one likes.

Letters: x the input, y the output, g the gradient of the output, h the gradient of a gradient, w = h g.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .._kernels import Argument, Kernel
from .._kernels.machine import PAST_CACHE_BYTES
from ..ops import PRIMITIVES, Lowering, Operand, Primitive, Spec
from ..options import is_number
from . import comparisons, elementwise
from ._door import floats, results
from ._lowering import CELL, cells
from .elementwise import times

_OPTIONS = 3  # reals that the kernels take


class Row(NamedTuple):
    """What the table holds of an activation; costs in nanoseconds an element."""

    cost: float
    cost_of_gradient: float
    bend: Callable[..., Any] | None = None  # (w, v, **options); None where s'' is 0
    options: tuple[str, ...] = ()  # in the kernel's order
    of_output: bool = False  # whether v is y


def gradient(name: str, w: Any, v: Any, **options: Any) -> Any:
    """w s'(v), by the primitive."""
    (result,) = PRIMITIVES[f"{name}_grad"](w, v, **options)
    return result


def _value(name: str, x: Any) -> Any:
    (y,) = PRIMITIVES[name](x)
    return y


def _sigmoids(x: Any) -> tuple[Any, Any]:
    return _value("sigmoid", x), _value("sigmoid", elementwise.negative(x))


def _bend_tanh(w: Any, y: Any) -> Any:
    # s' = 1 - y**2.
    return times(w, y, -2)


def _bend_sigmoid(w: Any, y: Any) -> Any:
    # s' = y (1 - y).
    return times(w, elementwise.subtract(1, times(y, 2)))


def _bend_elu(w: Any, x: Any, above: float, below: float, rate: float) -> Any:
    # s' = b c e**(c x) below 0, constant above: of the same kind.
    return gradient("elu", w, x, above=0.0, below=below * rate, rate=rate)


def _bend_hard_swish(w: Any, x: Any) -> Any:
    # s' = x / 3 + 1/2 between the corners, twice the slope of hard_sigmoid times x.
    return gradient("hard_sigmoid", times(w, 2), x)


def _bend_softsign(w: Any, x: Any) -> Any:
    # s' = (1 + |x|)**-2, s'' = -2 sign(x) (1 + |x|)**-3.
    (sign,) = PRIMITIVES["sign"](x)
    return elementwise.divide(gradient("softsign", times(w, sign, -2), x), elementwise.add(times(x, sign), 1))


def _bend_softplus(w: Any, x: Any, beta: float, threshold: float) -> Any:
    # s' = sigmoid(z), z = beta x, up to the threshold.
    z = times(x, beta)
    bent = gradient("sigmoid", times(w, beta), _value("sigmoid", z))
    return comparisons.where(comparisons.greater(z, threshold), 0.0, bent)


def _bend_silu(w: Any, x: Any) -> Any:
    # s' = p + x p q with p = sigmoid(x), q = sigmoid(-x), p' = -q' = p q; so s'' = p q (2 + x (q - p)).
    p, q = _sigmoids(x)
    return times(w, p, q, elementwise.add(times(x, elementwise.subtract(q, p)), 2))


def _bend_mish(w: Any, x: Any) -> Any:
    # s = x t, t = tanh(log(1 + e**x)), t' = (1 - t**2) p, t'' = t' (q - 2 t p); so s'' = t' (2 + x (q - 2 t p)).
    p, q = _sigmoids(x)
    t = _value("tanh", PRIMITIVES["softplus"](x, beta=1.0, threshold=20.0)[0])
    inner = elementwise.subtract(q, times(t, p, 2))
    return times(gradient("tanh", w, t), p, elementwise.add(times(x, inner), 2))


def _bend_gelu(w: Any, x: Any) -> Any:
    # s' = P(Z < x) + x f, f = e**(-x**2 / 2) / sqrt(2 pi), f' = -x f; so s'' = f (2 - x**2).
    square = times(x, x)
    f = times(elementwise.exp(times(square, -0.5)), 1 / math.sqrt(2 * math.pi))
    return times(w, f, elementwise.subtract(2, square))


def _bend_gelu_tanh(w: Any, x: Any) -> Any:
    # s' = p + x p q z' with p = sigmoid(z), q = sigmoid(-z), z = c (x + k x**3);
    # so s'' = p q (2 z' + x (z'' + (q - p) z'**2)).
    c, k = 2 * math.sqrt(2 / math.pi), 0.044715
    square = times(x, x)
    p, q = _sigmoids(times(x, elementwise.add(times(square, c * k), c)))
    dz = elementwise.add(times(square, 3 * c * k), c)
    inner = elementwise.add(times(x, 6 * c * k), times(elementwise.subtract(q, p), dz, dz))
    return times(w, p, q, elementwise.add(times(dz, 2), times(x, inner)))


TABLE = {
    "elu": Row(0.2, 0.2, _bend_elu, ("above", "below", "rate")),
    "gelu": Row(0.5, 0.5, _bend_gelu),
    "gelu_tanh": Row(0.3, 0.4, _bend_gelu_tanh),
    "hard_sigmoid": Row(0.1, 0.1),
    "hard_swish": Row(0.1, 0.1, _bend_hard_swish),
    "leaky_relu": Row(0.1, 0.1, None, ("negative_slope",)),
    "mish": Row(0.3, 0.4, _bend_mish),
    "relu": Row(0.3, 0.3, of_output=True),
    "sigmoid": Row(0.5, 0.3, _bend_sigmoid, of_output=True),
    "silu": Row(0.3, 0.3, _bend_silu),
    "softplus": Row(0.5, 0.4, _bend_softplus, ("beta", "threshold")),
    "softsign": Row(0.1, 0.2, _bend_softsign),
    "tanh": Row(0.5, 0.3, _bend_tanh, of_output=True),
}


def lower_activation(
    lowering: Lowering, name: str, y: Operand, inputs: Sequence[Operand], options: dict[str, float]
) -> None:
    """Launch y = s(x), or y = g s'(v) where ``name`` ends in _grad."""
    row = TABLE[name.removesuffix("_grad")]
    cost = row.cost_of_gradient if name.endswith("_grad") else row.cost
    reals = [float(options[key]) for key in row.options]
    reals += [0.0] * (_OPTIONS - len(reals))
    arguments: list[Argument | Operand] = [y, *inputs, y.size, *reals]
    # What goes past the cache is not read again at once.
    past = y.size * y.dtype.itemsize >= PAST_CACHE_BYTES and not name.endswith("_grad")
    own = 0 if past else CELL
    lowering.launch(
        Kernel("activations", name), y.dtype, arguments, cells=cells(y.size), work=cost * y.size, elementwise=own
    )


def activate(op: str, row: str, x: Any, out: Any, **options: float) -> Any:
    """The op: s(x) of that row of the table, in ``out`` if it is given."""
    (x,) = floats(op, x=x)
    return results(op, PRIMITIVES[row], {"x": x}, out, **options)[0]


def _add_primitives(name: str, row: Row) -> None:
    def infer(*specs: Spec, **options: float) -> tuple[Spec]:
        return (specs[0],)

    def vjp(grads: Any, inputs: Any, outputs: Any, **options: float) -> tuple[Any]:
        return (gradient(name, grads[0], outputs[0] if row.of_output else inputs[0], **options),)

    def vjp_of_gradient(grads: Any, inputs: Any, outputs: Any, **options: float) -> tuple[Any, Any]:
        (h,), (g, v) = grads, inputs
        dv = None if row.bend is None else row.bend(elementwise.multiply(h, g), v, **options)
        return gradient(name, h, v, **options), dv

    def lower_to(primitive: str) -> Callable[..., None]:
        def lower(lowering: Lowering, inputs: Any, outputs: Any, **options: float) -> None:
            lower_activation(lowering, primitive, outputs[0], inputs, options)

        return lower

    for primitive, pull in ((name, vjp), (f"{name}_grad", vjp_of_gradient)):
        Primitive(primitive, infer, lower_to(primitive), pull, in_place=((0, 0),), pointwise=True)


for _name, _row in TABLE.items():
    _add_primitives(_name, _row)


# Klambauer et al. (2017): with these, mean 0 and variance 1 are a fixed point of wide layers.
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848

# elu and celu with alpha 1 are one function; selu is another case of its row.
ELU = {"above": 1.0, "below": 1.0, "rate": 1.0}
SELU = {"above": _SELU_SCALE, "below": _SELU_SCALE * _SELU_ALPHA, "rate": 1.0}

# What ``dense(activation=...)`` takes: ops with their defaults, as rows and options.
NAMED: dict[str, tuple[str, dict[str, float]]] = {
    "identity": ("", {}),
    "relu": ("relu", {}),
    "leaky_relu": ("leaky_relu", {"negative_slope": 0.01}),
    "elu": ("elu", ELU),
    "selu": ("elu", SELU),
    "celu": ("elu", ELU),
    "gelu": ("gelu", {}),
    "gelu_tanh": ("gelu_tanh", {}),
    "silu": ("silu", {}),
    "mish": ("mish", {}),
    "sigmoid": ("sigmoid", {}),
    "hard_sigmoid": ("hard_sigmoid", {}),
    "hard_swish": ("hard_swish", {}),
    "tanh": ("tanh", {}),
    "softplus": ("softplus", {"beta": 1.0, "threshold": 20.0}),
    "softsign": ("softsign", {}),
}


def option(op: str, name: str, value: Any, *, zero: bool = True) -> float:
    """A finite number, perhaps other than 0."""
    if not is_number(value):
        raise TypeError(f"{op}: {name} is {value!r}; expected a number")
    if not math.isfinite(value) or (value == 0 and not zero):
        raise ValueError(f"{op}: {name} is {value}; expected a finite number{'' if zero else ' other than 0'}")
    return float(value)
