"""Layout over a whole graph: channels first inside, however its images come and go.

Kernels read NCHW in place. A primitive told that its images are NHWC would transpose them in and its result out again;
here it computes in NCHW, and the transposition of its result is put off until somebody needs that in NHWC. Elementwise
primitives and sums take it as it is, and a transposition that would bring it to NCHW finds it there. So a network in
NHWC pays for one transposition in and one out, and so does one in NCHW written with transpositions around its layers.
Sums over pixels are taken in NCHW's order, and rounded as there; all else has the same bits.

Letters: x, y images in NHWC; their *twins* are the same in NCHW.
"""

from collections.abc import Sequence

from .graph import Node, Tensor
from .ops import PRIMITIVES, Shape, Spec

TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # axes of a transposition to NCHW, and to NHWC

# Primitives with an attribute ``layout``: which inputs and outputs are images. Where outputs are, an attribute
# ``shape`` is theirs.
_IMAGES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "conv2d": ((0,), (0,)),
    "conv2d_input_grad": ((0,), (0,)),
    "conv2d_weight_grad": ((0, 1), ()),
    "max_pool2d": ((0,), (0, 1)),
    "max_pool2d_values": ((0,), (0,)),
    "max_pool2d_pull": ((0, 1), (0,)),
    "max_pool2d_grad": ((0, 1), (0,)),
    "max_pool2d_gather": ((0, 1), (0,)),
    "avg_pool2d": ((0,), (0,)),
    "avg_pool2d_grad": ((0,), (0,)),
    "adaptive_avg_pool2d": ((0,), (0,)),
    "adaptive_avg_pool2d_grad": ((0,), (0,)),
    "adaptive_max_pool2d": ((0,), (0, 1)),
}


def channels_first_inside(nodes: Sequence[Node], results: Sequence[Tensor]) -> list[Node]:
    """The nodes with their images in NCHW; nothing changes where there are none in NHWC and no transpositions."""
    if not any(node.attrs.get("layout") == "NHWC" or node.primitive.name == "transpose" for node in nodes):
        return list(nodes)
    rewriting = _Rewriting()
    for node in nodes:
        rewriting.take(node)
    for result in results:
        rewriting.needed(result)
    return rewriting.nodes


def _moved(shape: Shape, axes: Shape) -> Shape:
    return tuple(shape[axis] for axis in axes)


class _Rewriting:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._twins: dict[Tensor, Tensor] = {}
        self._put_off: set[Tensor] = set()  # tensors of which only the twin was computed so far

    def take(self, node: Node) -> None:
        """Append the node, or what stands for it."""
        name, attrs = node.primitive.name, node.attrs
        if name == "transpose" and self._transposition(node):
            return
        late = any(x in self._put_off for x in node.inputs)
        if attrs.get("layout") == "NHWC" and name in _IMAGES:
            self._of_images(node, *_IMAGES[name])
        elif late and node.primitive.pointwise and _alike(node):
            inputs = [self._number(x) if x is None or x.size == 1 else self._twin(x) for x in node.inputs]
            self._append(node, inputs, [self._new_twin(y) for y in node.outputs], attrs)
        elif late and name == "sum" and (axes := _axes_of_twin(attrs["axes"])) is not None:
            assert node.inputs[0] is not None
            self._append(node, [self._twin(node.inputs[0])], node.outputs, {**attrs, "axes": axes})
        else:
            for x in node.inputs:
                self.needed(x)
            self.nodes.append(node)

    def needed(self, x: Tensor | None) -> None:
        """Let x be computed in NHWC, too, if it was not yet."""
        if x is not None and x in self._put_off:
            self._put_off.discard(x)
            self._transpose(self._twins[x], x, TO_LAST)

    def _number(self, x: Tensor | None) -> Tensor | None:
        self.needed(x)
        return x

    def _transposition(self, node: Node) -> bool:
        """Put off a transposition to NHWC; leave out one from there."""
        (x,), (y,), axes = node.inputs, node.outputs, node.attrs["axes"]
        assert x is not None
        if axes == TO_LAST:
            self.needed(x)
            self._twins[y] = x
            self._put_off.add(y)
            return True
        if axes == TO_FIRST and x in self._twins:
            view = Node(PRIMITIVES["reshape"], (self._twins[x],), {"shape": y.shape})
            view.outputs = (y,)
            self.nodes.append(view)
            return True
        return False

    def _of_images(self, node: Node, images_in: Sequence[int], images_out: Sequence[int]) -> None:
        """Compute with the twins."""
        attrs = {**node.attrs, "layout": "NCHW"}
        if images_out and "shape" in attrs:
            attrs["shape"] = _moved(attrs["shape"], TO_FIRST)
        inputs: list[Tensor | None] = []
        for k, x in enumerate(node.inputs):
            if k in images_in and x is not None:
                inputs.append(self._twin(x))
            else:
                self.needed(x)
                inputs.append(x)
        outputs = [self._new_twin(y) if k in images_out else y for k, y in enumerate(node.outputs)]
        self._append(node, inputs, outputs, attrs)

    def _append(
        self, node: Node, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor], attrs: dict[str, object]
    ) -> None:
        new = Node(node.primitive, tuple(inputs), attrs)
        new.outputs = tuple(outputs)
        self.nodes.append(new)

    def _twin(self, x: Tensor) -> Tensor:
        if x not in self._twins:
            self._twins[x] = Tensor(x.graph, Spec(_moved(x.shape, TO_FIRST), x.dtype), None)
            self._transpose(x, self._twins[x], TO_FIRST)
        return self._twins[x]

    def _new_twin(self, y: Tensor) -> Tensor:
        """The twin of a tensor that is not to be computed itself for the time being."""
        self._twins[y] = Tensor(y.graph, Spec(_moved(y.shape, TO_FIRST), y.dtype), None)
        self._put_off.add(y)
        return self._twins[y]

    def _transpose(self, x: Tensor, y: Tensor, axes: Shape) -> None:
        node = Node(PRIMITIVES["transpose"], (x,), {"axes": axes})
        node.outputs = (y,)
        self.nodes.append(node)


def _alike(node: Node) -> bool:
    """Whether all inputs have the shape of the result or are single numbers."""
    shape = node.outputs[0].shape
    return len(shape) == 4 and all(x is None or x.shape == shape or x.size == 1 for x in node.inputs)


def _axes_of_twin(axes: Shape) -> Shape | None:
    """The axes of NCHW for those of NHWC that are summed over, if those that remain keep their order."""
    moved = tuple(sorted(TO_LAST[axis] for axis in axes))
    rest = [TO_LAST[axis] for axis in range(4) if axis not in axes]
    return moved if rest == sorted(rest) else None
