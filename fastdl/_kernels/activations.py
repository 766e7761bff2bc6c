"""Activation functions and their gradients, one row each: the formula of y = s(x), and that of g s'(x).

Letters: x the input, y the result, g the gradient of the result, o up to three options, numbers that a launch passes.
Where the comment says so, the derivative is written with y in the place of x. All comparisons are such that NaN comes
out as NaN, and everything is arithmetic and choices, no branches, so that LLVM vectorises the loops. Those with a
function of ``vector_squashing.py`` or ``vector_erf.py`` are written with whole vectors.
"""

import numpy as np

from . import vector_erf as ve
from . import vector_math as vm
from . import vector_squashing as vq
from .block import address, integer, number, pointer, real, shift, stack
from .compiler import in_order, inline
from .streaming import each, each_pair, large, put, room
from .vectors import fence

_ROOT = float(np.sqrt(2 / np.pi))


def _row(formula, gradient):  # type: ignore[no-untyped-def]
    """Slots: y, x, n, options; and dx, g, x, n, options. y may be the memory of x, dx that of g.

    Then, or where y goes past the cache, y is made in a buffer. dx does not go there: beside two arrays that are read
    one core took 8.0 ms for 64 MB, with ordinary stores 5.5; two cores 4.9 and 5.8.
    """
    return _forward(formula), _backward(gradient)


def _forward(formula):  # type: ignore[no-untyped-def]
    s = inline(formula)

    def forward(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, n = pointer(args, 0), pointer(args, 1), integer(args, 2)
        o = real(args, 3), real(args, 4), real(args, 5)
        first, last = lo * 4096, min(n, hi * 4096)
        past = large(y, n) and address(y) != address(x)
        if past or address(y) == address(x):
            t = stack(args, 512)
            while first < last:
                p, q = shift(y, first), shift(x, first)
                count = min(last - first, room(p, 512))
                for j in range(count):
                    t[j] = s(args, q[j], o)
                put(p, t, count, past)
                first += count
            if past:
                fence()
        else:
            for i in range(first, last):
                y[i] = s(args, x[i], o)

    return forward


def _backward(gradient):  # type: ignore[no-untyped-def]
    ds = inline(gradient)

    def backward(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        dx, g, x, n = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
        o = real(args, 4), real(args, 5), real(args, 6)
        first, last = lo * 4096, min(n, hi * 4096)
        if address(dx) == address(g):
            for i in range(first, last):
                dx[i] = ds(args, dx[i], x[i], o)
        else:
            for i in range(first, last):
                dx[i] = ds(args, g[i], x[i], o)

    return backward


def _vector_forward(formula):  # type: ignore[no-untyped-def]
    """As :func:`_forward`, of a formula of a vector without options."""
    over = each(formula)

    def forward(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        y, x, n = pointer(args, 0), pointer(args, 1), integer(args, 2)
        begin, past = lo * 4096, large(y, n) and address(y) != address(x)
        over(shift(y, begin), shift(x, begin), min(n, hi * 4096) - begin, past)
        if past:
            fence()

    return forward


def _vector_backward(gradient):  # type: ignore[no-untyped-def]
    over = each_pair(gradient)

    def backward(args, lo, hi, worker):  # type: ignore[no-untyped-def]
        dx, g, x, n = pointer(args, 0), pointer(args, 1), pointer(args, 2), integer(args, 3)
        begin = lo * 4096
        over(shift(dx, begin), shift(g, begin), shift(x, begin), min(n, hi * 4096) - begin)

    return backward


@inline
def _both_sigmoids(args, x):  # type: ignore[no-untyped-def]
    """s(x) and s(-x) = 1 - s(x), neither of which loses digits."""
    e = vm.exp(-abs(x))
    r = number(args, 1) / (number(args, 1) + e)
    return e * r if x < 0 else r, r if x < 0 else e * r


@in_order
def _in_turn(x, share, slope):  # type: ignore[no-untyped-def]
    """x share slope from left to right: far from 0 ``share`` is 0, where x slope may overflow to 0 times inf."""
    return x * share * slope


@inline
def _both_gates_of_mish(args, x):  # type: ignore[no-untyped-def]
    """t = tanh(log(1 + e**x)) and 1 - t. With u = e**x: t = u (u + 2) / (u (u + 2) + 2); for x > 0 in 1 / u."""
    u = vm.exp(-abs(x))
    above = u * (u + number(args, 2)) if x < 0 else number(args, 1) + number(args, 2) * u
    rest = number(args, 2) if x < 0 else number(args, 2) * u * u
    r = number(args, 1) / (above + rest)
    return above * r, rest * r


@inline
def _bent(args, x):  # type: ignore[no-untyped-def]
    """z and dz/dx with gelu_tanh(x) = x s(z), z = 2 sqrt(2 / pi) (x + 0.044715 x**3).

    Beyond |x| = 100 s(z) is 0 or 1, and x**3 would overflow.
    """
    square, c = x * x, number(args, 2 * _ROOT)
    square = number(args, 1e4) if square > number(args, 1e4) else square
    cubic = number(args, 2 * _ROOT * 0.044715) * square
    return x * (c + cubic), c + number(args, 3) * cubic


# Piecewise linear. relu's derivative is written with y.
relu, relu_grad = _row(
    lambda args, x, o: number(args, 0) if x <= 0 else x,
    lambda args, g, y, o: number(args, 0) if y <= 0 else g,
)
leaky_relu, leaky_relu_grad = _row(  # o: the slope below 0
    lambda args, x, o: x if x > 0 else o[0] * x,
    lambda args, g, x, o: g if x > 0 else o[0] * g,
)


def _hard_sigmoid(args, x, o):  # type: ignore[no-untyped-def]
    inside = (x + number(args, 3)) / number(args, 6)
    return number(args, 0) if x <= -3 else (number(args, 1) if x >= 3 else inside)


def _hard_swish_grad(args, g, x, o):  # type: ignore[no-untyped-def]
    inside = g * (x / number(args, 3) + number(args, 0.5))
    return number(args, 0) if x <= -3 else (g if x >= 3 else inside)


_gate = inline(_hard_sigmoid)
hard_sigmoid, hard_sigmoid_grad = _row(
    _hard_sigmoid,
    lambda args, g, x, o: number(args, 0) if x <= -3 or x >= 3 else g / number(args, 6),
)
hard_swish, hard_swish_grad = _row(lambda args, x, o: x * _gate(args, x, o), _hard_swish_grad)

# elu, selu and celu: a x above 0, b (e**(c x) - 1) below; o: a, b, c.
elu, elu_grad = _row(
    lambda args, x, o: o[0] * x if x > 0 else o[1] * vm.expm1(o[2] * x),
    lambda args, g, x, o: g * (o[0] if x > 0 else o[1] * o[2] * vm.exp(o[2] * x)),
)

# Squashing. The derivatives of tanh and sigmoid are written with y.
tanh, tanh_grad = _row(
    lambda args, x, o: vm.tanh(x),
    lambda args, g, y, o: g * (number(args, 1) - y * y),
)
sigmoid = _vector_forward(lambda x: vq.sigmoid(x))
sigmoid_grad = _backward(lambda args, g, y, o: g * (y * (number(args, 1) - y)))
softsign, softsign_grad = _row(
    lambda args, x, o: x / (number(args, 1) + abs(x)),
    lambda args, g, x, o: g / (number(args, 1) + abs(x)) / (number(args, 1) + abs(x)),
)


# Smooth, from 0 to x.
def _softplus(args, x, o):  # type: ignore[no-untyped-def]
    z = o[0] * x
    y = ((z if z > 0 else number(args, 0)) + vm.log1p(vm.exp(-abs(z)))) / o[0]
    return x if z > o[1] else y


def _silu_grad(args, g, x, o):  # type: ignore[no-untyped-def]
    s, rest = _both_sigmoids(args, x)
    return g * (s * (number(args, 1) + x * rest))


def _mish_grad(args, g, x, o):  # type: ignore[no-untyped-def]
    s, _ = _both_sigmoids(args, x)
    t, rest = _both_gates_of_mish(args, x)
    return g * (t + _in_turn(x, s * rest, number(args, 1) + t))


def _gelu_tanh_grad(args, g, x, o):  # type: ignore[no-untyped-def]
    z, slope = _bent(args, x)
    s, rest = _both_sigmoids(args, z)
    return g * (s + _in_turn(x, s * rest, slope))


softplus, softplus_grad = _row(  # o: beta, and the beta x above which y = x
    _softplus,
    lambda args, g, x, o: g if o[0] * x > o[1] else g * vm.sigmoid(o[0] * x),
)
silu, silu_grad = _vector_forward(lambda x: x * vq.sigmoid(x)), _backward(_silu_grad)
mish, mish_grad = _row(lambda args, x, o: x * _both_gates_of_mish(args, x)[0], _mish_grad)
gelu, gelu_grad = _vector_forward(lambda x: ve.gelu(x)), _vector_backward(lambda g, x: g * ve.gelu_slope(x))
gelu_tanh, gelu_tanh_grad = _row(lambda args, x, o: x * vm.sigmoid(_bent(args, x)[0]), _gelu_tanh_grad)
