"""Weights made ready once for many calls: an explicit handle, which its owner keeps and throws away.

Nothing is remembered behind a caller's back: an array may be changed in place, and its address may become another's, so
a cache by identity or address would now and then return the results of other weights.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import Array, Lowering, Operand, Primitive, Shape, Spec, Symbol, execute
from . import _winograd
from ._conv_primitives import conv2d, geometry, vjp_conv2d
from ._dense_primitives import pack_weight, packs, prepared_dense
from ._door import Handle, floats
from ._images import channels_back, channels_first, place_for


def _filtering(weight: Shape) -> _winograd.Filtering:
    """A convolution of which the channels are known only."""
    return _winograd.Filtering(0, weight[1], weight[0], 0, 0, 0, 0, 0, 0, False, (weight[2], weight[3]))


def _infer_panels(weight: Spec) -> tuple[Spec]:
    return (Spec(_winograd.panels_shape(_filtering(weight.shape), weight.dtype), weight.dtype),)


def _lower_panels(lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand]) -> None:
    _winograd.lower_panels(lowering, outputs[0], inputs[0], _filtering(inputs[0].shape))


_panels = Primitive("winograd_panels", _infer_panels, _lower_panels)


def _infer(x: Spec, weight: Spec, bias: Spec | None, panels: Spec, **attrs: Any) -> tuple[Spec, ...]:
    return conv2d.infer(x, weight, bias, **attrs)


def _lower(
    lowering: Lowering, inputs: tuple[Any, ...], outputs: tuple[Operand], *, activation: str = "identity", **attrs: Any
) -> None:
    (x, weight, bias, panels), (y,) = inputs, outputs
    s = _winograd.filtering(geometry(x.shape, weight.shape, attrs), x.dtype, prepared=True)
    assert s is not None
    layout = attrs["layout"]
    result = place_for(lowering, y, layout)
    images = channels_first(lowering, x, layout)
    _winograd.lower(lowering, result, images, weight, bias, s, panels, relu=activation == "relu")
    channels_back(lowering, result, y, layout)


def _vjp(grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> Sequence[Any]:
    """That of the convolution; the transform is a copy of the weight, which gets the gradient."""
    return (*vjp_conv2d(grads, inputs[:3], outputs, **attrs), None)


_prepared_conv2d = Primitive("conv2d_prepared", _infer, _lower, _vjp, absorbs=("relu",))


def preparation(
    primitive: str, specs: Sequence[Spec | None], attrs: dict[str, Any]
) -> tuple[Primitive, Primitive] | None:
    """For a primitive that makes its weight ready before it computes: what does that alone, and what computes the rest
    with it as one more input, to the same bits. None for others."""
    if primitive not in ("dense", "conv2d"):
        return None
    x, weight, _ = specs
    assert x is not None and weight is not None
    if primitive == "dense":
        return (pack_weight, prepared_dense) if packs(x, weight) else None
    s = _winograd.filtering(geometry(x.shape, weight.shape, attrs), x.dtype)
    return (_panels, _prepared_conv2d) if s is not None and _winograd.shares_panels(s, x.dtype) else None


class PreparedWeight(Handle):
    """What :func:`prepare` returns: ``weight``, a copy of the array that cannot be written to, and its transform."""

    __slots__ = ("_panels", "weight")

    def __init__(self, weight: Array) -> None:
        self.weight = weight.copy(order="C")
        self.weight.flags.writeable = False
        self._panels: Array | None = None
        if len(weight.shape) == 2:
            (self._panels,) = execute(pack_weight, (self.weight,), {})
        elif _winograd.suits_kernel(*weight.shape[2:]):
            if _winograd.possible(_filtering(weight.shape), weight.dtype):
                (self._panels,) = execute(_panels, (self.weight,), {})

    @property
    def shape(self) -> Shape:
        """The shape of the weight."""
        return tuple(self.weight.shape)

    @property
    def dtype(self) -> Any:
        """The dtype of the weight."""
        return self.weight.dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.weight, dtype)

    def __repr__(self) -> str:
        return f"<prepared weight {self.shape} {self.dtype}>"

    def convolution(self, x: Any, bias: Any, attrs: dict[str, Any]) -> tuple[Primitive, tuple[Any, ...]]:
        """The primitive that convolves with this weight, and its inputs."""
        plain = conv2d, (x, self.weight, bias)
        if self._panels is None:
            return plain
        if _winograd.filtering(geometry(x.shape, self.shape, attrs), x.dtype, prepared=True) is None:
            return plain
        return _prepared_conv2d, (x, self.weight, bias, self._panels)

    def product(self, inputs: dict[str, Any]) -> Primitive | None:
        """The primitive of a dense layer that takes what is packed, which joins the inputs; None where none does."""
        if self._panels is None or len(self.shape) != 2 or any(isinstance(x, Symbol) for x in inputs.values()):
            return None
        inputs["packed"] = self._panels
        return prepared_dense


def prepare(weight: Any) -> PreparedWeight:
    """Make a weight ready once for many calls: a handle that :func:`conv2d` or :func:`dense` takes in its place.

    The handle holds the weight as it was: a copy, so that changing the array in place afterwards changes nothing. A
    dense layer's (out, in) is also packed as the product reads it; a convolution's with 3 x 3 to 9 x 9 taps and enough
    channels transformed, which takes four to nine times its memory. It pays most for few pixels or rows and many
    channels, where making the weight ready takes as long as the rest. In a recorded function the handle is a constant.

    Raises TypeError if ``weight`` is no array of float32 or float64, ValueError if it is of neither shape or empty.

    Numerics: as without a handle. Where only the handle makes :func:`conv2d`'s quicker way pay, the result is rounded
    as that way rounds.

    >>> import numpy as np
    >>> weight = np.ones((16, 16, 3, 3), np.float32)
    >>> handle = prepare(weight)
    >>> weight[:] = 0
    >>> from fastdl import functional as F
    >>> float(F.conv2d(np.ones((1, 16, 3, 3), np.float32), handle)[0, 0, 0, 0])
    144.0
    """
    (weight,) = floats("prepare", weight=weight)
    if isinstance(weight, Symbol):
        raise TypeError("prepare: weight is a recorded tensor; leave prepare out while recording")
    if len(weight.shape) not in (2, 4) or weight.size == 0:
        raise ValueError(
            f"prepare: weight has shape {weight.shape}; expected (out, in) of a dense layer or "
            "(out, in, rows, columns) of conv2d, not empty"
        )
    return PreparedWeight(weight)
