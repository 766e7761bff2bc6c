"""The dense layer y = s(x W^T + b) and the matrix product, each beside its backward.

Letters: x (..., in) the input, W (out, in) the weight, b (out,) the bias, s the activation, g the gradient of the
result. The primitive ``matmul`` takes each factor as it is stored or transposed, so that no gradient needs a copy.
"""

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import PRIMITIVES, Lowering, Operand, Primitive, Shape, Spec, Symbol, execute, op
from . import elementwise, reductions, shape
from ._activations import NAMED, TABLE, gradient
from ._dense_primitives import dense_gradients, infer_dense, lower_dense
from ._door import check_grad, choice, describe, floats, result_into, results
from ._draw import dense as draw
from ._lowering import broadcast_shape
from ._operands import saved
from ._product import FUSED, Factors, lower_product
from .prepared import PreparedWeight

_ACTIVATIONS = tuple(NAMED)


def _matrices(spec: Spec, transposed: bool) -> tuple[Shape, int, int]:
    """Shape of the stack, rows and columns of an operand of the primitive ``matmul``."""
    *stack, rows, columns = spec.shape
    return (tuple(stack), columns, rows) if transposed else (tuple(stack), rows, columns)


def _infer_matmul(a: Spec, b: Spec, *, transpose_a: bool = False, transpose_b: bool = False) -> tuple[Spec]:
    stack_a, rows, depth = _matrices(a, transpose_a)
    stack_b, terms, columns = _matrices(b, transpose_b)
    if depth != terms:
        raise ValueError(f"matmul: a has {depth} columns, b has {terms} rows ({describe(a=a, b=b)}); they must agree")
    try:
        stack = broadcast_shape("matmul", stack_a, stack_b)
    except ValueError:
        raise ValueError(
            f"matmul: the leading axes of a and b do not broadcast together ({describe(a=a, b=b)}); they must be "
            "equal or 1"
        ) from None
    return (Spec((*stack, rows, columns), a.dtype),)


def _lower_matmul(
    lowering: Lowering,
    inputs: tuple[Operand, Operand],
    outputs: tuple[Operand],
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> None:
    (a, b), (y,) = inputs, outputs
    stack_a, rows, depth = _matrices(Spec(a.shape, a.dtype), transpose_a)
    stack_b, _, columns = _matrices(Spec(b.shape, b.dtype), transpose_b)
    factors = Factors(a, b, rows, columns, depth, stack_a, stack_b, transpose_a, transpose_b)
    lower_product(lowering, y, factors, None, "identity")


def _vjp_matmul(
    grads: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> tuple[Any, Any]:
    """In the forward pass y = A B, where A is a or a^T and B is b or b^T; so dA = g B^T and dB = A^T g."""
    (g,), (a, b) = grads, inputs
    if transpose_a:
        (da,) = _matmul(b, g, transpose_a=transpose_b, transpose_b=True)
    else:
        (da,) = _matmul(g, b, transpose_a=False, transpose_b=not transpose_b)
    if transpose_b:
        (db,) = _matmul(g, a, transpose_a=True, transpose_b=transpose_a)
    else:
        (db,) = _matmul(a, g, transpose_a=not transpose_a, transpose_b=False)
    # A matrix that was used for several matrices of the stack gets the sum of their gradients.
    return elementwise.unbroadcast(da, a), elementwise.unbroadcast(db, b)


_matmul = Primitive("matmul", _infer_matmul, _lower_matmul, _vjp_matmul)


def _at_least_matrices(op_name: str, a: Any, b: Any) -> tuple[Any, Any]:
    """A vector a as one row, a vector b as one column; a stack a of matrices for one matrix b as one tall matrix."""
    for name, x in (("a", a), ("b", b)):
        if len(x.shape) == 0:
            raise ValueError(f"{op_name}: {name} is a single number; expected at least one dimension")
    left = shape.reshape(a, (1, *a.shape)) if len(a.shape) == 1 else a
    right = shape.reshape(b, (*b.shape, 1)) if len(b.shape) == 1 else b
    if len(right.shape) == 2 and len(left.shape) > 2:
        left = shape.reshape(left, (math.prod(left.shape[:-1]), left.shape[-1]))
    return left, right


def _matmul_shape(a: Any, b: Any) -> Shape:
    """Shape of the product by NumPy's rules: a vector's axis is absent."""
    stack = broadcast_shape("matmul", tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    return (*stack, *a.shape[-2:-1], *(b.shape[-1:] if len(b.shape) > 1 else ()))


def _as_stored(x: Any) -> tuple[Any, bool]:
    """A matrix as it lies in memory, and whether that is transposed: a view ``x.T`` needs no copy."""
    turned = isinstance(x, np.ndarray) and x.ndim == 2 and x.flags.f_contiguous and not x.flags.c_contiguous
    return (x.T, True) if turned else (x, False)


@op(draw=draw.matmul)
def matmul(a: Any, b: Any, *, out: Any = None) -> Any:
    """Matrix product, with NumPy's rules for vectors and for stacks of matrices.

    y[..., i, j] = sum_k a[..., i, k] b[..., k, j]. Equivalent to ``np.matmul(a, b)``.

    a (..., M, K) or (K,), b (..., K, N) or (K,): both float32 or both float64; the leading axes broadcast. The result
    is (..., M, N); the axis M or N is absent if a or b is a vector. A transposed view (``b.T``) is read in place.
    ``out`` takes the result; it may not overlap an argument.

    Raises ValueError if the inner sizes differ or the leading axes do not broadcast.

    Numerics: sums are in the operands' precision, in an order that depends on the shapes only.

    >>> import numpy as np
    >>> matmul(np.float32([[1, 2], [3, 4]]), np.float32([1, 10]))
    array([21., 43.], dtype=float32)
    """
    if out is None:
        known = _matmul.again(a, b, transpose_a=False, transpose_b=False)
        if known is not None:
            return known[0]
    a, b = floats("matmul", a=a, b=b)
    left, right = _at_least_matrices("matmul", a, b)
    (left, transpose_a), (right, transpose_b) = _as_stored(left), _as_stored(right)
    attrs = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    if out is not None:
        _infer_matmul(Spec(left.shape, left.dtype), Spec(right.shape, right.dtype), **attrs)
        return result_into("matmul", _matmul, (left, right), out, _matmul_shape(a, b), {"a": a, "b": b}, **attrs)
    (y,) = _matmul(left, right, **attrs)
    result = _matmul_shape(a, b)
    return y if tuple(y.shape) == result else shape.reshape(y, result)


def matmul_backward(grad: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Gradients of :func:`matmul`: da = g b^T and db = a^T g, summed over the axes along which a factor was repeated.

    In the forward pass y[..., i, j] = sum_k a[..., i, k] b[..., k, j].
    """
    grad, a, b = floats("matmul_backward", grad=grad, a=a, b=b)
    left, right = _at_least_matrices("matmul_backward", a, b)
    (y,) = _infer_matmul(Spec(tuple(left.shape), left.dtype), Spec(tuple(right.shape), right.dtype))
    check_grad("matmul_backward", grad, _matmul_shape(a, b), a.dtype)
    g = shape.reshape(grad, y.shape)
    da, db = _vjp_matmul((g,), (left, right), (None,))
    return shape.reshape(da, a.shape), shape.reshape(db, b.shape)


def _vjp_dense(
    grads: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], *, activation: str
) -> Sequence[Any]:
    return dense_backward(grads[0], *inputs, activation=activation, output=outputs[0])


_dense = Primitive("dense", infer_dense, lower_dense, _vjp_dense, absorbs=FUSED[1:])


def _activation(op_name: str, activation: str | None) -> str:
    return str(choice(op_name, "activation", "identity" if activation is None else activation, _ACTIVATIONS))


@op(draw=draw.dense)
def dense(x: Any, weight: Any, bias: Any = None, *, activation: str | None = None, out: Any = None) -> Any:
    """A layer in which every output looks at every input: a = s(W x + b) for each row x.

    y[..., o] = s(b[o] + sum_i W[o, i] x[..., i]). Equivalent to ``s(x @ weight.T + bias)``.

    x (..., in), weight (out, in), bias (out,) or None: all float32 or all float64; the result is (..., out).
    ``activation`` is the function s: None or "identity", "relu", "tanh", "sigmoid", "leaky_relu", "elu", "selu",
    "celu", "gelu", "gelu_tanh", "silu", "mish", "hard_sigmoid", "hard_swish", "softplus", "softsign", each with the
    defaults of the op of its name. ``weight`` may be a handle made by :func:`prepare`. ``out`` takes the result; it may
    not overlap an argument.

    Raises ValueError if the sizes disagree.

    Numerics: sums are in the operands' precision, in an order that depends on the shapes only.

    >>> import numpy as np
    >>> W, b = np.float32([[1, 1], [1, -1]]), np.float32([10, 0])
    >>> dense(np.float32([1, 2]), W, b, activation="relu")
    array([13.,  0.], dtype=float32)
    """
    if out is None:
        known = _dense.again(x, weight, bias, activation="identity" if activation is None else activation)
        if known is not None:
            return known[0]
    handle = weight if isinstance(weight, PreparedWeight) else None
    if handle is not None:
        weight = handle.weight
    x, weight, bias = floats("dense", x=x, weight=weight, bias=bias, optional=("bias",))
    activation = _activation("dense", activation)
    fused = activation in FUSED
    attrs = {"activation": activation if fused else "identity"}
    row, options = NAMED[activation]
    inputs = {"x": x, "weight": weight, "bias": bias}
    primitive = _dense if handle is None else handle.product(inputs) or _dense
    (z,) = results("dense", primitive, inputs, out, **attrs)
    if fused:
        return z
    # What is differentiated from its argument is a node of its own: a gradient then finds z and needs no product.
    return PRIMITIVES[row](z, **options)[0] if out is None else execute(PRIMITIVES[row], (z,), options, out=out)[0]


def dense_backward(
    grad: Any, x: Any, weight: Any, bias: Any = None, *, activation: str | None = None, output: Any = None
) -> tuple[Any, Any, Any]:
    """Gradients of :func:`dense`; ``output`` is its result, if it is at hand (relu, tanh and sigmoid need it).

    In the forward pass z = x W^T + b and y = s(z), row by row; so with d = g s'(z):
    dx = d W,  dW = sum over the rows of d x^T,  db = sum over the rows of d.
    """
    if activation is None:
        known = dense_gradients.again(grad, x, weight, bias)
        if known is not None:
            return known if bias is not None else (*known, None)
    x, weight, bias = floats("dense_backward", x=x, weight=weight, bias=bias, optional=("bias",))
    activation = _activation("dense_backward", activation)
    specs = [None if a is None else Spec(tuple(a.shape), a.dtype) for a in (x, weight, bias)]
    (spec,) = infer_dense(*specs, activation=activation)  # type: ignore[arg-type]
    grad, output = check_grad("dense_backward", grad, *spec), saved("dense", output, spec)
    row, options = NAMED[activation]
    if row:
        needed = activation if TABLE[row].of_output else "identity"
        known = output if TABLE[row].of_output else None
        v = dense(x, weight, bias, activation=needed) if known is None else known
        grad = gradient(row, grad, v, **options)
    if not any(isinstance(a, Symbol) for a in (grad, x, weight, bias)):
        found = dense_gradients(grad, x, weight, bias)
        return found if bias is not None else (*found, None)
    rows = builtins.int(math.prod(x.shape[:-1]))
    features, inputs = weight.shape
    flat = len(x.shape) == 2
    g = grad if flat else shape.reshape(grad, (rows, features))
    r = x if flat else shape.reshape(x, (rows, inputs))
    (dx,) = _matmul(g, weight, transpose_a=False, transpose_b=False)
    (dweight,) = _matmul(g, r, transpose_a=True, transpose_b=False)
    dbias = None if bias is None else reductions.sum(g, axis=0)
    return dx if flat else shape.reshape(dx, x.shape), dweight, dbias
