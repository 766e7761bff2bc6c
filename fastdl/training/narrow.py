"""Finds the steps that one launch can do: a chain of narrow dense layers under a known loss.

What counts is the recorded graph: whatever model recorded x -> (dense -> activation)* -> loss, with weights and biases
that are pieces of the flat vector of parameters, each used once and all used. Anything else (a shared layer, dropout,
a loss of the user's own, a wide layer) keeps the ordinary plan.
"""

from typing import Any, NamedTuple

from ..functional import narrow
from ..functional._activations import TABLE
from ..graph import Node, Tensor
from ..ops import Spec


class Chain(NamedTuple):
    """What ``narrow_step`` needs to know of a step."""

    layers: tuple[narrow.Layer, ...]
    loss: str
    delta: float


def find(
    value: Tensor, outputs: Tensor, x: Tensor, y: Tensor, flat: Tensor, weight: Tensor | None, *, checked: bool
) -> Chain | None:
    """The chain that leads from the batch x and the parameters to the outputs, and the loss on it; or None.

    ``checked``: classes are known to be those of the outputs. Where a loss of the user's own calls cross_entropy they
    may be ones that it ignores.
    """
    node = value.node if weight is None else _below_weights(value, outputs, y, weight)
    known = None if node is None else _known_loss(node, outputs, y, "mean" if weight is None else "none")
    layers = None if known is None or x.dtype != flat.dtype else _layers(outputs, x, flat)
    if known is None or layers is None or not _covers(layers, flat.size):
        return None
    if known[0] == "cross_entropy" and not checked:
        return None
    return Chain(layers, *known) if narrow.narrow_enough(x.shape[0], layers, flat.dtype) else None


def _below_weights(value: Tensor, outputs: Tensor, y: Tensor, weight: Tensor) -> Node | None:
    """The loss that ``Loss.weighted`` made a mean of, if there is a weight for each sample."""
    if weight.shape != outputs.shape[:1]:
        return None
    return next((n for n in value.graph.nodes if n.primitive.name in narrow.LOSSES and n.inputs[0] is outputs), None)


def _known_loss(node: Node, outputs: Tensor, y: Tensor, reduction: str) -> tuple[str, float] | None:
    """Name of the loss and its number, if it is one without weights or other options."""
    name, attrs = node.primitive.name, node.attrs
    if name not in narrow.LOSSES or attrs["reduction"] != reduction:
        return None
    z, t, *weights = node.inputs
    plain = z is outputs and t is y and all(w is None for w in weights) and not attrs.get("smoothing")
    if not plain or len(outputs.shape) > 2:
        return None
    return name, attrs.get("delta", 0.0)


def _layers(outputs: Tensor, x: Tensor, flat: Tensor) -> tuple[narrow.Layer, ...] | None:
    """The layers from x to the outputs; None if anything else lies between."""
    layers: list[narrow.Layer] = []
    activation: tuple[str, dict[str, Any]] | None = None  # of the layer that comes next, walking back
    tensor: Tensor | None = outputs
    while tensor is not x:
        node = None if tensor is None else tensor.node
        if tensor is None or node is None:
            return None
        name, before = node.primitive.name, node.inputs[0]
        if name == "reshape" and before is not None and before.shape[:1] == x.shape[:1] == tensor.shape[:1]:
            pass
        elif name in TABLE and activation is None:
            activation = name, node.attrs
        elif name == "dense":
            inside = node.attrs["activation"]
            layer = None if activation and inside != "identity" else _layer(node, flat, activation or (inside, {}))
            if layer is None:
                return None
            layers.append(layer)
            activation = None
        else:
            return None
        tensor = before
    return tuple(reversed(layers)) if layers and activation is None else None


def _layer(node: Node, flat: Tensor, activation: tuple[str, dict[str, Any]]) -> narrow.Layer | None:
    """A dense layer on samples, if its weight and its bias are pieces of the parameters."""
    x, weight, bias = node.inputs
    places = [None if piece is None else _place(piece, flat) for piece in (weight, bias)]
    if x is None or len(x.shape) != 2 or weight is None or places[0] is None or (places[1] is None) != (bias is None):
        return None
    outputs, inputs = weight.shape
    return narrow.Layer(inputs, outputs, places[0], places[1], activation[0], tuple(activation[1].items()))


def _place(piece: Tensor, flat: Tensor) -> int | None:
    """Where a view of the flat vector begins."""
    start = 0
    while piece is not flat:
        node = piece.node
        if node is None or node.primitive.view is None or node.inputs[0] is None:
            return None
        before = node.inputs[0]
        step = node.primitive.view(Spec(before.shape, before.dtype), **node.attrs)
        if step is None:
            return None
        piece, start = before, start + step
    return start


def _covers(layers: tuple[narrow.Layer, ...], size: int) -> bool:
    """Whether the layers use every parameter once."""
    pieces = [(layer.weight, layer.inputs * layer.outputs) for layer in layers]
    pieces += [(layer.bias, layer.outputs) for layer in layers if layer.bias is not None]
    end = 0
    for start, count in sorted(pieces):
        if start != end:
            return False
        end += count
    return end == size
