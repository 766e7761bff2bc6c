"""Reverse-mode differentiation: appends the nodes that compute gradients to the graph they belong to.

The gradient nodes are ordinary nodes, so they can be differentiated again.
Source: Griewank and Walther, Evaluating Derivatives (2nd ed. 2008), chapter 3.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import functional as F
from .graph import Graph, Node, Tensor


def gradients(graph: Graph, of: Sequence[tuple[Tensor, Any]], wrt: Sequence[Tensor]) -> list[Any]:
    """Gradients of ``sum <y, weight>`` over the pairs (y, weight) in ``of`` with respect to each tensor of ``wrt``.

    A tensor that nothing depends on gets an array of zeros.
    """
    path = _nodes_between(graph, wrt)
    grads: dict[Tensor, Any] = {}
    for y, weight in of:
        _accumulate(grads, y, weight)
    depends = {t for node in path for t in node.outputs} | set(wrt)
    for node in reversed(path):
        arriving = [grads.get(t) for t in node.outputs]
        if all(g is None for g in arriving):
            continue
        if node.primitive.vjp is None:
            if all(t.dtype.kind != "f" for t in node.outputs):
                continue
            raise TypeError(f"{node.primitive.name} cannot be differentiated")
        known = len(graph.nodes)
        for x, g in zip(
            node.inputs, node.primitive.vjp(arriving, node.inputs, node.outputs, **node.attrs), strict=True
        ):
            if x is not None and g is not None and x in depends:
                _accumulate(grads, x, g)
        for new in graph.nodes[known:]:
            new.origin = node
    return [grads[t] if t in grads else np.zeros(t.shape, t.dtype) for t in wrt]


def depends(y: Tensor, wrt: Sequence[Tensor]) -> bool:
    """Whether ``y`` is made from one of the tensors of ``wrt``."""
    wanted, seen, waiting = set(wrt), set(), [y]
    while waiting:
        tensor = waiting.pop()
        if tensor in wanted:
            return True
        if tensor.node is not None and tensor not in seen:
            seen.add(tensor)
            waiting += [x for x in tensor.node.inputs if x is not None]
    return False


def _accumulate(grads: dict[Tensor, Any], tensor: Tensor, grad: Any) -> None:
    if tuple(grad.shape) != tensor.shape:
        raise AssertionError(f"gradient {grad.shape} of a tensor {tensor.shape}: a vjp is wrong")
    grads[tensor] = F.add(grads[tensor], grad) if tensor in grads else grad


def _nodes_between(graph: Graph, wrt: Sequence[Tensor]) -> list[Node]:
    """The nodes that depend on ``wrt``, in order."""
    depends = set(wrt)
    path = []
    for node in graph.nodes:
        if any(x in depends for x in node.inputs if x is not None):
            path.append(node)
            depends.update(node.outputs)
    return path
