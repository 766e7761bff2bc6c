"""Rewriting: nodes of a graph replaced by fewer or cheaper ones with the same values, before a plan is made of them.

Each rule says why the values are the same: the same bits, where it does not say otherwise. The graph itself stays as it
was recorded, for it may be differentiated further. Every pass looks at each node once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from .functional.prepared import preparation
from .graph import Graph, Node, Tensor
from .layouts import channels_first_inside
from .ops import PRIMITIVES, Spec


def rewritten(graph: Graph, results: Sequence[Tensor], lasting: Sequence[Tensor] = ()) -> tuple[list[Node], list[Node]]:
    """What computes the results, in an order it can run in; first those nodes that only depend on what is lasting."""
    nodes = live_nodes(graph.nodes, results)
    nodes = live_nodes(_gradients_before_unpooling(nodes, results), results)
    nodes = _without_indices(_activations_absorbed(nodes, results), results)
    nodes = channels_first_inside(nodes, results)
    if not lasting:
        return [], nodes
    known = {*lasting, *(t for t, _ in graph.constants)}
    nodes = _weights_prepared(nodes, known)
    return _apart(nodes, known)


def _apart(nodes: Sequence[Node], known: set[Tensor]) -> tuple[list[Node], list[Node]]:
    """The nodes that depend on nothing but what is known, and the others; their results become known, too."""
    first: list[Node] = []
    rest: list[Node] = []
    for node in nodes:
        before = all(x is None or x in known for x in node.inputs)
        (first if before else rest).append(node)
        if before:
            known.update(node.outputs)
    return first, rest


def _weights_prepared(nodes: Sequence[Node], known: set[Tensor]) -> list[Node]:
    """Dense layers and convolutions whose weights are known: these packed or transformed by nodes of their own, each
    weight once. The same numbers, in another place."""
    prepared: dict[tuple[str, Tensor], Tensor] = {}
    found = []
    for node in nodes:
        specs = [None if x is None else Spec(x.shape, x.dtype) for x in node.inputs]
        pair = preparation(node.primitive.name, specs, node.attrs)
        weight = node.inputs[1] if pair is not None else None
        if pair is not None and weight is not None and weight in known:
            prepare, compute = pair
            key = prepare.name, weight
            if key not in prepared:
                (spec,) = prepare.infer(Spec(weight.shape, weight.dtype))
                prepared[key] = Tensor(weight.graph, spec, None)
                found.append(Node(prepare, (weight,), {}))
                found[-1].outputs = (prepared[key],)
            outputs = node.outputs
            node = Node(compute, (*node.inputs, prepared[key]), node.attrs)
            node.outputs = outputs
        found.append(node)
    return found


def live_nodes(nodes: Sequence[Node], results: Sequence[Tensor]) -> list[Node]:
    """The nodes that the results need."""
    needed = set(results)
    live = []
    for node in reversed(nodes):
        if any(t in needed for t in node.outputs):
            live.append(node)
            needed.update(x for x in node.inputs if x is not None)
    return live[::-1]


def _readings(nodes: Iterable[Node], results: Sequence[Tensor]) -> Counter[Tensor]:
    """How often each tensor is read; a result is read by the caller."""
    readings = Counter(results)
    for node in nodes:
        readings.update(x for x in node.inputs if x is not None)
    return readings


def _replaced(node: Node, primitive: str, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> Node:
    """Another primitive with the node's attributes."""
    new = Node(PRIMITIVES[primitive], tuple(inputs), node.attrs)
    new.outputs = tuple(outputs)
    return new


def _gradients_before_unpooling(nodes: Sequence[Node], results: Sequence[Tensor]) -> list[Node]:
    """What is done to the gradient of images that were pooled, done to that of the windows: a quarter of the numbers.

    relu: with y = relu(x), p = max_pool2d(y) and g the gradient of p, the recorded gradient of x puts g where the
    windows took their pixels, and keeps it where y > 0. There y is p, so g is kept where p > 0 and put then; where
    windows overlap, all numbers that meet in a pixel are kept, or none. NaN in p stands for NaN in y.

    Sums over all pixels, for a bias: every number of g is put somewhere, so the sum is that of g; not in the same
    order, so rounded differently.
    """
    readings = _readings(nodes, results)
    maker: dict[Tensor, Node] = {}
    pools: dict[Tensor, list[Node]] = {}  # by their images
    found = []
    for node in nodes:
        put = maker.get(node.inputs[0]) if node.inputs and node.inputs[0] is not None else None
        if put is not None and put.primitive.name in ("max_pool2d_grad", "max_pool2d_pull"):
            grad, where = put.inputs
            assert grad is not None
            if node.primitive.name == "sum" and _over_images(node, put.attrs["layout"]):
                node = _replaced(node, "sum", [grad], node.outputs)
            elif node.primitive.name == "relu_grad" and readings[put.outputs[0]] == 1:
                pool = next((p for p in pools.get(node.inputs[1], ()) if _undoes(put, p)), None)  # type: ignore[arg-type]
                if pool is not None:
                    kept = Tensor(grad.graph, Spec(grad.shape, grad.dtype), None)
                    found.append(_replaced(node, "relu_grad", [grad, pool.outputs[0]], [kept]))
                    node = _replaced(put, put.primitive.name, [kept, where], node.outputs)
        elif node.primitive.name in ("max_pool2d", "max_pool2d_values") and node.inputs[0] is not None:
            pools.setdefault(node.inputs[0], []).append(node)
        found.append(node)
        maker.update((y, node) for y in node.outputs)
    return found


def _undoes(put: Node, pool: Node) -> bool:
    """Whether gradients are put where this pooling took its pixels: by its index, or found again in the images."""
    if put.primitive.name == "max_pool2d_grad":
        return put.inputs[1] in pool.outputs[1:]
    return put.inputs[1] is pool.inputs[0] and put.attrs == pool.attrs


def _over_images(node: Node, layout: str) -> bool:
    """Whether it sums over all pixels of all images."""
    pixels = {"NCHW": (0, 2, 3), "NHWC": (0, 1, 2)}[layout]
    return node.attrs["divisor"] == 1 and node.attrs["axes"] in (pixels, (0, 1, 2, 3))


def _activations_absorbed(nodes: Sequence[Node], results: Sequence[Tensor]) -> list[Node]:
    """y = s(f(x)) computed by f alone, if nobody else reads f(x): the same formula, applied on the way to memory.

    The gradients of the activations that are absorbed are written with y. Between f and s may be other shapes of f(x).
    """
    readings = _readings(nodes, results)
    maker = {y: node for node in nodes for y in node.outputs}
    told: dict[Node, str] = {}  # what absorbs which activation
    absorbed: set[Node] = set()
    becomes: dict[Tensor, Tensor] = {}  # the argument of an activation that was absorbed: its result
    for node in nodes:
        argument = x = node.inputs[0] if len(node.inputs) == 1 else None
        while x in maker and readings[x] == 1 and maker[x].primitive.name == "reshape":
            x = maker[x].inputs[0]
        if argument is None or x not in maker or readings[x] != 1:
            continue
        f, name = maker[x], node.primitive.name
        if name in f.primitive.absorbs and f not in told and f.attrs.get("activation", "identity") == "identity":
            told[f] = name
            absorbed.add(node)
            becomes[argument] = node.outputs[0]
    found = []
    for node in nodes:
        if node in absorbed:
            continue
        if node in told or any(y in becomes for y in node.outputs):
            attrs = {**node.attrs, "activation": told[node]} if node in told else node.attrs
            new = Node(node.primitive, node.inputs, attrs)
            new.outputs = tuple(becomes.get(y, y) for y in node.outputs)
            node = new
        found.append(node)
    return found


def _without_indices(nodes: Sequence[Node], results: Sequence[Tensor]) -> list[Node]:
    """Max pooling without the places of the maxima, if nobody asks for them."""
    readings = _readings(nodes, results)
    return [
        _replaced(node, "max_pool2d_values", node.inputs, node.outputs[:1])
        if node.primitive.name == "max_pool2d" and not readings[node.outputs[1]]
        else node
        for node in nodes
    ]
