"""Joining arrays and picking elements by position, with gradients: concatenate, take, take_along_axis.

Letters: x the input, y the output, g the gradient of the loss with respect to y (the argument `grad`). As in
`shape`, each function says where an output element comes from, and its gradient goes the same way back.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import FloatArray, Index, Indices, as_axis, as_float64, as_grad, as_integers, evaluate
from .shape import Source, send_back


def concatenate(arrays: Sequence[ArrayLike], axis: int = 0, *, at: Indices | None = None) -> FloatArray:
    """Arrays one behind the other along an axis.

    y[..., offset + i, ...] = array[..., i, ...], where the offset of an array is the sum of the sizes of
    those before it. The arrays agree in all sizes but the one along the axis.

    >>> concatenate([[1, 2], [3]]).tolist()
    [1.0, 2.0, 3.0]
    """
    parts, axis = _parts("concatenate", arrays, axis)

    def element(index: Index) -> float:
        i = index[axis]
        for part in parts:
            if i < part.shape[axis]:
                return float(part[(*index[:axis], i, *index[axis + 1 :])])
            i -= part.shape[axis]
        raise AssertionError("the sizes of the parts add up to the size of the output")

    return evaluate(element, _joined_shape(parts, axis), at)


def concatenate_backward(grad: ArrayLike, arrays: Sequence[ArrayLike], axis: int = 0) -> tuple[FloatArray, ...]:
    """Gradients of concatenate, one for each array.

    In the forward pass this was: each array became a piece of y; so now: its gradient is that piece of g.

    >>> [gradient.tolist() for gradient in concatenate_backward([7, 8, 9], [[1, 2], [3]])]
    [[7.0, 8.0], [9.0]]
    """
    parts, axis = _parts("concatenate_backward", arrays, axis)
    g = as_grad("concatenate", grad, _joined_shape(parts, axis))
    gradients, offset = [], 0
    for part in parts:
        positions = np.arange(offset, offset + part.shape[axis])
        gradients.append(np.take(g, positions, axis))
        offset += part.shape[axis]
    return tuple(gradients)


def take(x: ArrayLike, indices: ArrayLike, axis: int = 0, *, at: Indices | None = None) -> FloatArray:
    """The slices of x at the given positions along an axis: rows of a table, embeddings of words.

    y[a, k, b] = x[a, indices[k], b], where a are the positions before the axis, b those after it, and k is
    an index into `indices`, an array of integers of any shape. Negative positions count from the end.

    >>> take([[1, 2], [3, 4], [5, 6]], [2, 0, -1]).tolist()
    [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]
    """
    values, result, source = _take("take", x, indices, axis)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def take_backward(grad: ArrayLike, x: ArrayLike, indices: ArrayLike, axis: int = 0) -> tuple[FloatArray, None]:
    """Gradient of take with respect to x (None for the indices).

    In the forward pass this was: y[a, k, b] = x[a, indices[k], b]; so now:
    gx[a, indices[k], b] += g[a, k, b]: a slice that was taken twice receives both gradients.

    >>> take_backward([[1, 1], [10, 10], [100, 100]], [[1, 2], [3, 4], [5, 6]], [2, 0, -1])[0].tolist()
    [[10.0, 10.0], [0.0, 0.0], [101.0, 101.0]]
    """
    values, result, source = _take("take_backward", x, indices, axis)
    return send_back(as_grad("take", grad, result), values.shape, source), None


def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int, *, at: Indices | None = None) -> FloatArray:
    """One element for each index: every line along the axis is indexed by the same line of `indices`.

    y[a, i, b] = x[a, indices[a, i, b], b], where a are the positions before the axis and b those after it.
    indices is an array of integers with as many dimensions as x; but for the axis, the two are broadcast
    against each other. Negative positions count from the end.

    >>> take_along_axis([[1, 2, 3], [4, 5, 6]], [[2], [0]], axis=1).tolist()
    [[3.0], [4.0]]
    """
    values, result, source = _take_along_axis("take_along_axis", x, indices, axis)
    return evaluate(lambda index: float(values[source(index)]), result, at)


def take_along_axis_backward(grad: ArrayLike, x: ArrayLike, indices: ArrayLike, axis: int) -> tuple[FloatArray, None]:
    """Gradient of take_along_axis with respect to x (None for the indices).

    In the forward pass this was: y[a, i, b] = x[a, indices[a, i, b], b]; so now:
    gx[a, indices[a, i, b], b] += g[a, i, b].

    >>> take_along_axis_backward([[7], [8]], [[1, 2, 3], [4, 5, 6]], [[2], [0]], axis=1)[0].tolist()
    [[0.0, 0.0, 7.0], [8.0, 0.0, 0.0]]
    """
    values, result, source = _take_along_axis("take_along_axis_backward", x, indices, axis)
    return send_back(as_grad("take_along_axis", grad, result), values.shape, source), None


def _parts(op: str, arrays: Sequence[ArrayLike], axis: int) -> tuple[list[FloatArray], int]:
    parts = [as_float64(op, f"arrays[{k}]", array) for k, array in enumerate(arrays)]
    if not parts or parts[0].ndim == 0:
        raise ValueError(f"{op}: arrays is {arrays}; expected at least one array, with at least one dimension")
    axis = as_axis(op, axis, parts[0].ndim)
    others = {(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts}
    if len(others) > 1 or len({part.ndim for part in parts}) > 1:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"{op}: arrays are {shapes}; expected the same sizes but for axis {axis}")
    return parts, axis


def _joined_shape(parts: list[FloatArray], axis: int) -> Index:
    shape = parts[0].shape
    return (*shape[:axis], sum(part.shape[axis] for part in parts), *shape[axis + 1 :])


def _take(op: str, x: ArrayLike, indices: ArrayLike, axis: int) -> tuple[FloatArray, Index, Source]:
    values, positions = as_float64(op, "x", x), as_integers(op, "indices", indices)
    axis = as_axis(op, axis, values.ndim)
    size = values.shape[axis]
    _check_positions(op, positions, size)

    def source(index: Index) -> Index:
        before, k, after = index[:axis], index[axis : axis + positions.ndim], index[axis + positions.ndim :]
        return (*before, int(positions[k]) % size, *after)

    return values, (*values.shape[:axis], *positions.shape, *values.shape[axis + 1 :]), source


def _take_along_axis(op: str, x: ArrayLike, indices: ArrayLike, axis: int) -> tuple[FloatArray, Index, Source]:
    values, positions = as_float64(op, "x", x), as_integers(op, "indices", indices)
    axis = as_axis(op, axis, values.ndim)
    size = values.shape[axis]
    sizes = list(zip(values.shape, positions.shape, strict=False))
    fits = all(k == axis or m == n or 1 in (m, n) for k, (m, n) in enumerate(sizes))
    if positions.ndim != values.ndim or not fits:
        raise ValueError(
            f"{op}: indices is {positions.shape}, x is {values.shape}; "
            f"expected as many dimensions, and sizes that can be broadcast but for axis {axis}"
        )
    _check_positions(op, positions, size)
    result = tuple(n if k == axis or m == 1 else m for k, (m, n) in enumerate(sizes))

    def source(index: Index) -> Index:
        position = positions[tuple(0 if n == 1 else i for i, n in zip(index, positions.shape, strict=True))]
        place = [0 if m == 1 else i for i, m in zip(index, values.shape, strict=True)]
        place[axis] = int(position) % size
        return tuple(place)

    return values, result, source


def _check_positions(op: str, positions: NDArray[np.int64], size: int) -> None:
    if np.any((positions < -size) | (positions >= size)):
        raise ValueError(
            f"{op}: indices range from {positions.min()} to {positions.max()}; "
            f"expected positions from {-size} to {size - 1}"
        )
