"""Tables that are looked up by row number: embedding and one_hot.

Letters: V rows of the table, D its columns; g the gradient of the result. Each function stands beside its backward.
"""

from typing import Any

import numpy as np

from .._kernels import STATUS, Kernel
from ..ops import Lowering, Operand, Primitive, Shape, Spec, Symbol, op
from ..options import is_integer
from ._door import INT64, check_grad, floats
from ._door import indices as positions
from ._draw import lookup as draw
from ._moving import CELL, MOVABLE

_COLUMNS = 128  # of a cell of embedding_grad, as in the kernel


def _outside(name: str, indices_shape: Shape, rows: int, remedy: str) -> IndexError:
    return IndexError(f"{name}: indices {indices_shape} holds a number outside 0..{rows - 1}; {remedy}")


def _lower_embedding(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], padding: int, masked: bool
) -> None:
    (at, weight), (y,) = inputs, outputs
    rows, columns = weight.shape
    code = lowering.failure(_outside("embedding", at.shape, rows, f"expected rows of weight {weight.shape}"))
    in_cell = max(1, CELL // max(1, columns))
    lowering.launch(
        Kernel("lookup", "embedding"),
        weight.dtype,
        [y, weight, at, STATUS, code, rows, columns, at.size, in_cell, padding if masked else -1],
        cells=-(-at.size // in_cell),
        work=0.3 * y.size + 2 * at.size,
    )


def _vjp_embedding(grads: Any, inputs: Any, outputs: Any, padding: int, masked: bool) -> tuple[None, Any]:
    at, weight = inputs
    return None, _embedding_grad(grads[0], at, full=tuple(weight.shape), padding=padding)[0]


# ``padding`` is a row of weight, or -1: it gets no gradient. ``masked``: it is read as zeros, too.
_embedding = Primitive(
    "embedding",
    lambda at, weight, padding, masked: (Spec((*at.shape, weight.shape[1]), weight.dtype),),
    _lower_embedding,
    _vjp_embedding,
)


def _lower_embedding_grad(
    lowering: Lowering, inputs: tuple[Operand, Operand], outputs: tuple[Operand], full: Shape, padding: int
) -> None:
    (g, at), (dw,) = inputs, outputs
    rows, columns = full
    code = lowering.failure(_outside("embedding", at.shape, rows, f"expected rows of weight {full}"))
    order, ends = lowering.scratch((at.size,), INT64), lowering.scratch((rows,), INT64)
    lowering.launch(
        Kernel("lookup", "sort_by_row"),
        INT64,
        [order, ends, at, STATUS, code, rows, at.size, padding],
        cells=1,
        work=2.0 * rows + 3.0 * at.size,
    )
    in_cell = max(1, CELL // min(_COLUMNS, max(1, columns)))
    lowering.launch(
        Kernel("lookup", "embedding_grad"),
        g.dtype,
        [dw, g, order, ends, rows, columns, in_cell],
        cells=-(-rows // in_cell) * -(-columns // _COLUMNS),
        work=0.2 * dw.size + 0.3 * g.size,
    )


def _vjp_embedding_grad(grads: Any, inputs: Any, outputs: Any, full: Shape, padding: int) -> tuple[Any, None]:
    """In the forward pass the rows of dw were sums of g, so the gradient of g is looked up; 0 for the padding."""
    return _embedding(inputs[1], grads[0], padding=padding, masked=True)[0], None


_embedding_grad = Primitive(
    "embedding_grad",
    lambda g, at, full, padding: (Spec(full, g.dtype),),
    _lower_embedding_grad,
    _vjp_embedding_grad,
)


def _table(name: str, numbers: Any, weight: Any, padding_idx: int | None) -> tuple[Any, Any, int]:
    """The numbers as int64, the table, and the padding row counted from the front (-1: none)."""
    at, (weight,) = positions(name, "indices", numbers), floats(name, weight=weight)
    if len(weight.shape) != 2:
        raise ValueError(f"{name}: weight has shape {tuple(weight.shape)}; expected (rows, columns)")
    if padding_idx is None:
        return at, weight, -1
    rows = weight.shape[0]
    if not is_integer(padding_idx):
        raise TypeError(f"{name}: padding_idx is {padding_idx!r}; expected None or an integer")
    if not -rows <= padding_idx < rows:
        raise ValueError(
            f"{name}: padding_idx is {padding_idx}; expected a row of weight {tuple(weight.shape)}: "
            f"-{rows} <= padding_idx < {rows}"
        )
    return at, weight, int(padding_idx) % rows


def _with_the_number(error: IndexError, name: str, at: Any, count: int, what: str) -> IndexError:
    """The error a kernel reported, with the first number that is outside where it can be looked up."""
    if isinstance(at, Symbol):
        return error
    place = tuple(int(i) for i in np.argwhere((at < 0) | (at >= count))[0])
    return IndexError(
        f"{name}: indices[{', '.join(map(str, place))}] is {at[place]}; expected 0 <= index < {count}, {what}"
        if place
        else f"{name}: indices is {at[place]}; expected 0 <= index < {count}, {what}"
    )


def embedding_backward(grad: Any, indices: Any, weight: Any, *, padding_idx: int | None = None) -> tuple[None, Any]:
    """In the forward pass y[k] = weight[indices[k]], so dweight[indices[k]] += g[k]; the padding row gets 0."""
    at, weight, padding = _table("embedding_backward", indices, weight, padding_idx)
    grad = check_grad("embedding_backward", grad, (*at.shape, weight.shape[1]), weight.dtype)
    try:
        return None, _embedding_grad(grad, at, full=tuple(weight.shape), padding=padding)[0]
    except IndexError as error:
        what = f"the rows of weight {tuple(weight.shape)}"
        raise _with_the_number(error, "embedding_backward", at, weight.shape[0], what) from None


@op(draw=draw.embedding)
def embedding(indices: Any, weight: Any, *, padding_idx: int | None = None) -> Any:
    """The rows of a table: y[k] = weight[indices[k]], the learned vectors of words or categories.

    Equivalent to ``weight[indices]``. weight (V, D) is float32 or float64; ``indices`` integers of any shape, y has
    that shape and D behind it. The gradient of weight is the sum over the places where a row was taken, added up in
    order (the same bits for any number of threads); the row ``padding_idx`` gets none.

    Raises IndexError that names the first index outside 0..V-1 (negative ones do not count from the end).

    Source: Bengio et al., A Neural Probabilistic Language Model (2003), section 2.

    >>> import numpy as np
    >>> embedding(np.array([2, 0, 2]), np.float32([[1, 2], [3, 4], [5, 6]]))
    array([[5., 6.],
           [1., 2.],
           [5., 6.]], dtype=float32)
    """
    at, weight, padding = _table("embedding", indices, weight, padding_idx)
    try:
        return _embedding(at, weight, padding=padding, masked=False)[0]
    except IndexError as error:
        what = f"the rows of weight {tuple(weight.shape)}"
        raise _with_the_number(error, "embedding", at, weight.shape[0], what) from None


def _lower_one_hot(
    lowering: Lowering, inputs: tuple[Operand], outputs: tuple[Operand], classes: int, dtype: np.dtype[Any]
) -> None:
    (at,), (y,) = inputs, outputs
    code = lowering.failure(_outside("one_hot", at.shape, classes, f"num_classes is {classes}"))
    in_cell = max(1, CELL // max(1, classes))
    lowering.launch(
        Kernel("lookup", "one_hot"),
        dtype,
        [y, at, STATUS, code, classes, at.size, in_cell],
        cells=-(-at.size // in_cell),
        work=0.1 * y.size + 2 * at.size,
    )


_one_hot = Primitive(
    "one_hot",
    lambda at, classes, dtype: (Spec((*at.shape, classes), dtype),),
    _lower_one_hot,
    lambda grads, inputs, outputs, classes, dtype: (None,),
)


@op(draw=draw.one_hot)
def one_hot(indices: Any, num_classes: int, *, dtype: Any = np.float32) -> Any:
    """Numbers of classes as rows of zeros with a single one: y[k, c] = 1 if indices[k] = c, else 0.

    Equivalent to ``np.eye(num_classes, dtype=dtype)[indices]``. ``indices`` are integers of any shape, y has that shape
    and ``num_classes`` behind it; dtype is float32, float64, int64 or bool. It has no gradient.

    Raises IndexError that names the first index outside 0..num_classes-1.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    at = positions("one_hot", "indices", indices)
    if not is_integer(num_classes) or num_classes < 1:
        raise ValueError(f"one_hot: num_classes is {num_classes!r}; expected an integer of at least 1")
    wanted: np.dtype[Any] | None
    try:
        wanted = None if dtype is None else np.dtype(dtype)
    except TypeError:
        wanted = None
    if wanted is None or wanted not in MOVABLE:  # NumPy finds None equal to float64
        raise TypeError(f"one_hot: dtype is {dtype!r}; expected float32, float64, int64 or bool")
    try:
        return _one_hot(at, classes=int(num_classes), dtype=wanted)[0]
    except IndexError as error:
        raise _with_the_number(error, "one_hot", at, int(num_classes), "num_classes") from None
