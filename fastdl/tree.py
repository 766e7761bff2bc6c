"""Arrays in nested dicts, lists and tuples: taken apart into leaves and put together again."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Hashable]:
    """The leaves in order (dicts by sorted key), and a hashable description of the structure."""
    leaves: list[Any] = []
    return leaves, _describe(tree, leaves)


def _describe(tree: Any, leaves: list[Any]) -> Hashable:
    if isinstance(tree, dict):
        keys = tuple(sorted(tree))
        return ("dict", keys, *[_describe(tree[k], leaves) for k in keys])
    if isinstance(tree, (list, tuple)):
        return (type(tree), *[_describe(t, leaves) for t in tree])
    leaves.append(tree)
    return None


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The inverse of :func:`flatten`."""
    return _build(structure, iter(leaves))


def _build(structure: Any, leaves: Any) -> Any:
    if structure is None:
        return next(leaves)
    kind, *parts = structure
    if kind == "dict":
        keys, *parts = parts
        return {k: _build(p, leaves) for k, p in zip(keys, parts, strict=True)}
    items = [_build(p, leaves) for p in parts]
    if kind in (list, tuple):
        return kind(items)
    return kind(*items)  # a named tuple


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """``function`` applied leaf by leaf to trees of one structure."""
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        more, found = flatten(other)
        if found != structure:
            raise ValueError("the nested structures differ: they must have the same keys and lengths")
        columns.append(more)
    return unflatten(structure, [function(*row) for row in zip(*columns, strict=True)])
