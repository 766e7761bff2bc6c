"""Running a graph op by op, to see what is in between: slow, with each op as it runs alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .graph import Graph, Node, Tensor
from .ops import Array, execute
from .plan import live_nodes

Look = Callable[[Node, list[Any], Sequence[Array]], None]


def run_op_by_op(
    graph: Graph, arrays: Mapping[Tensor, Array], results: Sequence[Tensor], look: Look | None = None
) -> list[Array]:
    """The values of ``results``; ``look(node, inputs, outputs)`` sees each node that they need when it has run."""
    nodes = live_nodes(graph, results)
    values: dict[Tensor, Any] = {**dict(graph.constants), **arrays}
    last = {tensor: i for i, node in enumerate(nodes) for tensor in node.inputs if tensor is not None}
    kept = {*results, *arrays}
    for i, node in enumerate(nodes):
        inputs = [None if x is None else values[x] for x in node.inputs]
        run = node.primitive.name != "identity"
        outputs: Sequence[Any] = execute(node.primitive, inputs, node.attrs) if run else inputs
        values.update(zip(node.outputs, outputs, strict=True))
        if look is not None:
            look(node, inputs, outputs)
        for tensor in {*node.inputs, *node.outputs}:
            if tensor is not None and last.get(tensor, i) == i and tensor not in kept:
                values.pop(tensor, None)
    return [values[tensor] for tensor in results]
