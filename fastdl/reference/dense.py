"""The dense layer y = s(x W' + b) and the matrix product it is made of, with their gradients.

Letters: x input features, y output features, W weight (out, in), b bias (out,), s the activation function,
z = x W' + b what goes into it; g the gradient of the loss with respect to y (the argument `grad`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from . import activations, rectifiers
from ._arrays import (
    FloatArray,
    Index,
    Indices,
    as_bias,
    as_float64,
    as_grad,
    check_one_list_each,
    evaluate,
    evaluate_gradient,
)

IN_PIECES = ("relu", "leaky_relu", "elu", "selu", "celu", "hard_sigmoid", "hard_swish")
SMOOTH = ("tanh", "sigmoid", "softsign", "softplus", "silu", "mish", "gelu")


def dense(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    activation: str | None = None,
    at: Indices | None = None,
) -> FloatArray:
    """A layer in which every output feature looks at every input feature.

    z[..., o] = bias[o] + sum_i weight[o, i] x[..., i] and y = s(z), where s is the activation: None or
    "identity", the name of an activation function, which then has its defaults, or "gelu_tanh". Shapes:
    x (..., in), weight (out, in), bias (out,), y (..., out).

    >>> dense([1, 2], weight=[[1, 1], [1, -1]], bias=[10, 0]).tolist()
    [13.0, -1.0]
    >>> dense([1, 2], weight=[[1, 1], [1, -1]], bias=[10, 0], activation="relu").tolist()
    [13.0, 0.0]
    """
    inputs, weights, biases = _dense_arguments("dense", x, weight, bias)
    activate, _ = _activation("dense", activation)

    def element(index: Index) -> float:
        *row, o = index
        return float(biases[o] + np.dot(weights[o], inputs[tuple(row)]))

    return activate(evaluate(element, (*inputs.shape[:-1], len(weights)), at))


def dense_backward(
    grad: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    activation: str | None = None,
    at: Sequence[Indices | None] | None = None,
) -> tuple[FloatArray | None, FloatArray | None, FloatArray | None]:
    """Gradients of dense with respect to x, weight and bias (None where there is no bias).

    In the forward pass this was: y = s(z), so now: d = g s'(z), the gradient with respect to z.
    In the forward pass this was: z[r, o] = b[o] + sum_i W[o, i] x[r, i] for every row r of x, so now:
    gx[r, i] = sum_o d[r, o] W[o, i];  gW[o, i] = sum_r d[r, o] x[r, i];  gb[o] = sum_r d[r, o].
    Shapes: grad (..., out), each gradient as its argument. `at` is (indices into x, into weight, into bias):
    only those elements are computed, as 1-D arrays; None in the place of the indices skips that gradient.

    >>> gx, gw, gb = dense_backward([1, 10], x=[1, 2], weight=[[1, 1], [1, -1]], bias=[0, 0])
    >>> gx.tolist(), gw.tolist(), gb.tolist()
    ([11.0, -9.0], [[1.0, 2.0], [10.0, 20.0]], [1.0, 10.0])
    """
    inputs, weights, biases = _dense_arguments("dense_backward", x, weight, bias)
    _, activate_backward = _activation("dense_backward", activation)
    check_one_list_each("dense", at, ("x", "weight", "bias"))
    shape = (*inputs.shape[:-1], len(weights))
    slopes = as_grad("dense", grad, shape)
    delta = activate_backward(slopes, dense(inputs, weights, biases))[0] if activate_backward else slopes

    rows = inputs.reshape(prod(shape[:-1]), inputs.shape[-1])  # every row r of x, one below the other
    deltas = delta.reshape(prod(shape[:-1]), len(weights))

    def element_of_x(index: Index) -> float:
        *row, i = index
        return float(np.dot(delta[tuple(row)], weights[:, i]))

    def element_of_weight(index: Index) -> float:
        o, i = index
        return float(np.dot(deltas[:, o], rows[:, i]))

    def element_of_bias(index: Index) -> float:
        return float(np.sum(deltas[:, index[0]]))

    return (
        evaluate_gradient(element_of_x, inputs.shape, at, 0),
        evaluate_gradient(element_of_weight, weights.shape, at, 1),
        None if bias is None else evaluate_gradient(element_of_bias, biases.shape, at, 2),
    )


def matmul(a: ArrayLike, b: ArrayLike, *, at: Indices | None = None) -> FloatArray:
    """The matrix product, with NumPy's rules for vectors and for stacks of matrices.

    y[..., i, j] = sum_k a[..., i, k] b[..., k, j]. Shapes: a (..., I, K), b (..., K, J), y (..., I, J); the
    leading axes are broadcast. A vector a (K,) counts as one row, a vector b (K,) as one column, and that
    axis is absent from y.

    >>> matmul([[1, 2], [3, 4]], [1, 10]).tolist()
    [21.0, 43.0]
    """
    left, right, stack = _matrices("matmul", a, b)
    left = np.broadcast_to(left, (*stack, *left.shape[-2:]))
    right = np.broadcast_to(right, (*stack, *right.shape[-2:]))

    def element(index: Index) -> float:
        *s, i, j = _with_vector_axes(index, np.ndim(a) == 1, np.ndim(b) == 1)
        return float(np.dot(left[tuple(s)][i], right[tuple(s)][:, j]))

    return evaluate(element, _matmul_shape(a, b, left, right, stack), at)


def matmul_backward(
    grad: ArrayLike, a: ArrayLike, b: ArrayLike, *, at: Sequence[Indices | None] | None = None
) -> tuple[FloatArray | None, FloatArray | None]:
    """Gradients of matmul with respect to a and b.

    In the forward pass this was: y[s, i, j] = sum_k a[s, i, k] b[s, k, j] for every matrix s of the stack;
    so now: ga[s, i, k] = sum_j g[s, i, j] b[s, k, j] and gb[s, k, j] = sum_i g[s, i, j] a[s, i, k].
    A matrix that was broadcast over the stack served several s: its gradient is the sum over them.
    Each gradient has the shape of its argument. `at` is (indices into a, into b): only those elements are
    computed, as 1-D arrays; None in the place of the indices skips that gradient.

    >>> ga, gb = matmul_backward([1, 1], [[1, 2], [3, 4]], [1, 10])
    >>> ga.tolist(), gb.tolist()
    ([[1.0, 10.0], [1.0, 10.0]], [4.0, 6.0])
    """
    left, right, stack = _matrices("matmul_backward", a, b)
    check_one_list_each("matmul", at, ("a", "b"))
    rows, columns = left.shape[-2], right.shape[-1]
    slopes = as_grad("matmul", grad, _matmul_shape(a, b, left, right, stack)).reshape(*stack, rows, columns)
    full_left = np.broadcast_to(left, (*stack, *left.shape[-2:]))
    full_right = np.broadcast_to(right, (*stack, *right.shape[-2:]))

    def element_of_a(index: Index) -> float:
        *s, i, k = _with_vector_axes(index, np.ndim(a) == 1, False)
        served = _stack_served(s, left.shape[:-2], stack)
        return float(np.sum(slopes[(*served, i, slice(None))] * full_right[(*served, k, slice(None))]))

    def element_of_b(index: Index) -> float:
        *s, k, j = _with_vector_axes(index, False, np.ndim(b) == 1)
        served = _stack_served(s, right.shape[:-2], stack)
        return float(np.sum(slopes[(*served, slice(None), j)] * full_left[(*served, slice(None), k)]))

    return (
        evaluate_gradient(element_of_a, np.shape(a), at, 0),
        evaluate_gradient(element_of_b, np.shape(b), at, 1),
    )


def _dense_arguments(
    op: str, x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """x, weight and bias as arrays of matching shapes."""
    inputs, weights = as_float64(op, "x", x), as_float64(op, "weight", weight)
    if weights.ndim != 2:
        raise ValueError(f"{op}: weight is {weights.shape}; expected two dimensions (out, in)")
    if inputs.ndim == 0:
        raise ValueError(f"{op}: x is a single number; expected at least one dimension (..., in)")
    if inputs.shape[-1] != weights.shape[1]:
        raise ValueError(
            f"{op}: weight has {weights.shape[1]} input features, x has {inputs.shape[-1]} "
            f"(x {inputs.shape}, weight {weights.shape}); they must agree"
        )
    return inputs, weights, as_bias(op, bias, weights, len(weights))


Activation = Callable[[FloatArray], FloatArray]
ActivationBackward = Callable[[FloatArray, FloatArray], tuple[FloatArray]]


def _activation(op: str, name: str | None) -> tuple[Activation, ActivationBackward | None]:
    """The activation function of that name with its defaults, and its backward (None for the identity)."""
    if name in (None, "identity"):
        return lambda z: z, None
    if name == "gelu_tanh":
        return partial(activations.gelu, approximate="tanh"), partial(activations.gelu_backward, approximate="tanh")
    for module, names in ((rectifiers, IN_PIECES), (activations, SMOOTH)):
        if name in names:
            return getattr(module, name), getattr(module, f"{name}_backward")
    expected = ", ".join(("identity", *IN_PIECES, *SMOOTH, "gelu_tanh"))
    raise ValueError(f"{op}: activation is {name!r}; expected None or one of {expected}")


def _matrices(op: str, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray, Index]:
    """a and b as stacks of matrices, and the common shape of the stacks; a vector is a row or a column."""
    left, right = as_float64(op, "a", a), as_float64(op, "b", b)
    for name, value in (("a", left), ("b", right)):
        if value.ndim == 0:
            raise ValueError(f"{op}: {name} is a single number; expected at least one dimension")
    came = f"(a {left.shape}, b {right.shape})"
    left = left[np.newaxis, :] if left.ndim == 1 else left
    right = right[:, np.newaxis] if right.ndim == 1 else right
    if left.shape[-1] != right.shape[-2]:
        raise ValueError(f"{op}: a has {left.shape[-1]} columns, b has {right.shape[-2]} rows {came}; they must agree")
    try:
        stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    except ValueError:
        raise ValueError(f"{op}: the leading axes cannot be broadcast to one shape {came}") from None
    return left, right, stack


def _matmul_shape(a: ArrayLike, b: ArrayLike, left: FloatArray, right: FloatArray, stack: Index) -> Index:
    """The shape of the product: the axes that a vector does not have are absent."""
    rows = () if np.ndim(a) == 1 else (left.shape[-2],)
    columns = () if np.ndim(b) == 1 else (right.shape[-1],)
    return (*stack, *rows, *columns)


def _with_vector_axes(index: Index, row_absent: bool, column_absent: bool) -> Index:
    """Put a 0 for the axes that are absent because an argument is a vector."""
    if column_absent:
        index = (*index, 0)
    if row_absent:
        index = (*index[:-1], 0, index[-1])
    return index


def _stack_served(s: Sequence[int], own: Index, stack: Index) -> tuple[int | slice, ...]:
    """Where in the whole stack the matrix s of one argument (whose stack has shape `own`) was used."""
    new_axes = [slice(None)] * (len(stack) - len(own))
    return (
        *new_axes,
        *(slice(None) if size == 1 else position for position, size in zip(s, own, strict=True)),
    )
