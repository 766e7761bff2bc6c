"""How a dense layer is checked and lowered: with its weight as it is, or packed beforehand.

Letters: x (..., in) the input, W (out, in) the weight, b (out,) the bias.
"""

import math
from typing import Any

from ..ops import PRIMITIVES, Lowering, Operand, Primitive, Spec
from ._door import describe
from ._product import Factors, lower_pack, lower_product, packed_shape, takes_tiles


def infer_dense(x: Spec, weight: Spec, bias: Spec | None, *, activation: str) -> tuple[Spec]:
    if len(weight.shape) != 2:
        raise ValueError(f"dense: weight has shape {weight.shape}; expected two dimensions (out, in)")
    if len(x.shape) == 0:
        raise ValueError("dense: x is a single number; expected at least one dimension (..., in)")
    features, inputs = weight.shape
    if x.shape[-1] != inputs:
        remedy = ": flatten x first, for example with nn.Flatten()" if math.prod(x.shape[1:]) == inputs else ""
        raise ValueError(
            f"dense: weight has {inputs} input features, x has {x.shape[-1]} ({describe(x=x, weight=weight)}); they "
            f"must agree{remedy}"
        )
    if bias is not None and bias.shape != (features,):
        raise ValueError(
            f"dense: bias has shape {bias.shape}; expected ({features},), one number for each output feature "
            f"({describe(weight=weight)})"
        )
    return (Spec((*x.shape[:-1], features), x.dtype),)


def lower_dense(
    lowering: Lowering, inputs: tuple[Operand, Operand, Operand | None], outputs: tuple[Operand], *, activation: str
) -> None:
    (x, weight, bias), (y,) = inputs, outputs
    lower_product(lowering, y, _factors(x, weight, math.prod(x.shape[:-1])), bias, activation)


def _infer_packed(weight: Spec) -> tuple[Spec]:
    columns, depth = weight.shape
    return (Spec(packed_shape(depth, columns, weight.dtype.itemsize), weight.dtype),)


def _factors(x: Operand, weight: Operand, rows: int) -> Factors:
    columns, depth = weight.shape
    return Factors(x, weight, rows, columns, depth, (), (), False, True)


def packs(x: Spec, weight: Spec) -> bool:
    """Whether a layer packs its weight."""
    rows, (columns, depth) = math.prod(x.shape[:-1]), weight.shape
    return takes_tiles(rows, columns, depth)


pack_weight = Primitive(
    "dense_pack",
    _infer_packed,
    lambda lowering, inputs, outputs: lower_pack(lowering, outputs[0], _factors(inputs[0], inputs[0], 1)),
)


def _lower_prepared(lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand], *, activation: str) -> None:
    (x, weight, bias, packed), (y,) = inputs, outputs
    lower_product(lowering, y, _factors(x, weight, math.prod(x.shape[:-1])), bias, activation, packed)


# What is recorded takes the weight itself; plans put this in its place.
prepared_dense = Primitive(
    "dense_prepared", lambda x, weight, bias, packed, **attrs: infer_dense(x, weight, bias, **attrs), _lower_prepared
)


def _infer_gradients(grad: Spec, x: Spec, weight: Spec, bias: Spec | None) -> tuple[Spec, ...]:
    return (x, weight) if bias is None else (x, weight, bias)


def _lower_gradients(lowering: Lowering, inputs: tuple[Operand, ...], outputs: tuple[Operand, ...]) -> None:
    (grad, x, weight, _), (dx, dweight, *dbias) = inputs, outputs
    rows, (features, width) = math.prod(x.shape[:-1]), weight.shape
    lower_product(lowering, dx, Factors(grad, weight, rows, width, features, (), (), False, False), None, "identity")
    lowering.release()
    lower_product(lowering, dweight, Factors(grad, x, features, width, rows, (), (), True, False), None, "identity")
    lowering.release()
    if dbias:
        flat = grad._replace(shape=(rows, features))
        PRIMITIVES["sum"].lower(lowering, (flat,), dbias, axes=(0,), divisor=1)


# What is recorded are the two products and the sum, of which a plan may leave out or join any; of arrays they are made
# in one call.
dense_gradients = Primitive("dense_gradients", _infer_gradients, _lower_gradients)
