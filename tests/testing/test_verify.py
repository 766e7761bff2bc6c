"""The checker checked: kernels written outside of this library pass if they are right, and every broken one fails.

The right kernels are plain NumPy, so a mistake of ours in the library proper cannot hide one in the checker.
"""

import re

import numpy as np
import pytest

from fastdl.testing import VerificationError, verify


def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, layout="NCHW"):
    """Convolution as a sum over the window of products of shifted images: NumPy alone."""
    if layout == "NHWC":
        x = x.transpose(0, 3, 1, 2)
    (sy, sx), (dy, dx) = two(stride), two(dilation)
    top, bottom, left, right = borders(padding, x.shape[2:], weight.shape[2:], (sy, sx), (dy, dx))
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    high, wide = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], weight.shape[2:], (sy, sx), (dy, dx), strict=True)
    ]
    features, channels = weight.shape[0] // groups, weight.shape[1]
    y = np.zeros((len(x), weight.shape[0], high, wide), x.dtype)
    for g in range(groups):
        mine, own = slice(g * features, (g + 1) * features), slice(g * channels, (g + 1) * channels)
        for i in range(weight.shape[2]):
            for j in range(weight.shape[3]):
                window = x[:, own, i * dy :, j * dx :][:, :, : (high - 1) * sy + 1 : sy, : (wide - 1) * sx + 1 : sx]
                y[:, mine] += np.einsum("nchw,fc->nfhw", window, weight[mine, :, i, j])
    if bias is not None:
        y += bias[:, None, None]
    return y.transpose(0, 2, 3, 1) if layout == "NHWC" else y


def two(value):
    return (value, value) if isinstance(value, int) else value


def borders(padding, sizes, kernel, strides, dilations):
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        sides = []
        for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
            missing = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            sides += [missing // 2, missing - missing // 2]
        return tuple(sides)
    sides = [side if isinstance(side, tuple) else (side, side) for side in two(padding)]
    return (*sides[0], *sides[1])


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return e / np.sum(e, axis=axis, keepdims=True)


def relu(x):
    return np.where(x < 0, x.dtype.type(0), x)


def relu_backward(grad, x):
    return (np.where(x <= 0, grad.dtype.type(0), grad),)


def multiply_backward(grad, a, b):
    return total(grad * b, a.shape), total(grad * a, b.shape)


def total(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    return np.asarray(grad.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True), grad.dtype)


def matmul(a, b):
    return np.matmul(a, b)


RIGHT = [
    (conv2d, "conv2d"),
    (softmax, "softmax"),
    (relu, "relu"),
    (relu_backward, "relu_backward"),
    (multiply_backward, "multiply_backward"),
    (matmul, "matmul"),
    (np.add, "add"),
    (np.exp, "exp"),
    (np.argmax, "argmax"),
    (lambda arrays, axis=0: np.concatenate(arrays, axis), "concatenate"),
    (lambda x, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims), "sum"),
]


@pytest.mark.parametrize(("kernel", "name"), RIGHT, ids=[name for _, name in RIGHT])
def test_a_right_kernel_passes(kernel, name):
    report = verify(kernel, name)
    assert (report.name, report.cases, report.dtypes) == (name, 200, ("float32", "float64"))
    assert 0 <= report.worst < 0.7  # whoever is right is not near the edge
    assert re.fullmatch(
        rf"<{name} verified: 200 cases in each of float32, float64; largest error .* one>", repr(report)
    )


def test_other_seeds_pass_too():
    for seed in (1, 2):
        verify(conv2d, "conv2d", cases=40, seed=seed)
        verify(matmul, "matmul", cases=60, seed=seed)


def zeros(x, weight, bias=None, **options):
    return np.zeros_like(conv2d(x, weight, bias, **options))


def flipped_window(x, weight, bias=None, **options):
    return conv2d(x, weight[:, :, ::-1, ::-1], bias, **options)


def padding_off_by_one(x, weight, bias=None, *, padding=0, **options):
    """The border of zeros is one row lower than it should be."""
    if isinstance(padding, str) or padding == 0:
        return conv2d(x, weight, bias, padding=padding, **options)
    (top, bottom, left, right) = borders(padding, x.shape[2:], weight.shape[2:], (1, 1), (1, 1))
    return conv2d(x, weight, bias, padding=((max(top - 1, 0), bottom + min(top, 1)), (left, right)), **options)


def missing_bias(x, weight, bias=None, **options):
    return conv2d(x, weight, None, **options)


def ignored_stride(x, weight, bias=None, *, stride=1, **options):
    return conv2d(x, weight, bias, **options)


def computed_in_float32(x, weight, bias=None, **options):
    small = [None if a is None else a.astype(np.float32) for a in (x, weight, bias)]
    return conv2d(*small, **options).astype(x.dtype)


def wrong_dtype(x, weight, bias=None, **options):
    return conv2d(x, weight, bias, **options).astype(np.float64)


def transposed(a, b):
    y = np.matmul(a, b)
    return y.swapaxes(-1, -2) if y.ndim > 1 else y


def one_element_off(a, b):
    y = np.array(np.matmul(a, b))
    y.flat[y.size // 2 : y.size // 2 + 1] *= 1.0001
    return y


def changed_input(x):
    if x.flags.writeable:
        x[x < 0] = 0
        return x.copy()
    return relu(x)


def swallowed_nan(x):
    return np.fmax(x, 0).astype(x.dtype)


def swallowed_infinity(x):
    return np.clip(x, 0, 1e30).astype(x.dtype)


def needs_contiguous(x):
    if not x.flags.c_contiguous:
        raise ValueError("pass a contiguous array")
    return relu(x)


def ignores_strides(x):
    owner = x if x.base is None else x.base
    memory = np.lib.stride_tricks.as_strided(owner.view(np.ndarray), x.shape, np.empty(x.shape, x.dtype).strides)
    return relu(memory) if owner.dtype == x.dtype and owner.size >= x.size else relu(x)


def unwritten(x):
    y = np.empty(x.shape, x.dtype)
    np.copyto(y, x, where=x >= 0)
    return y


def wrong_factor(grad, a, b):
    return total(grad * b, a.shape), total(grad * a, b.shape) * grad.dtype.type(1.001)


def swapped(grad, a, b):
    return multiply_backward(grad, b, a)


def not_summed(grad, a, b):
    return grad * b, grad * a


def one_gradient(grad, a, b):
    return multiply_backward(grad, a, b)[0]


def unstable(x, axis=-1):
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


BROKEN = [
    (zeros, "conv2d", "where"),
    (flipped_window, "conv2d", "where"),
    (padding_off_by_one, "conv2d", "where"),
    (missing_bias, "conv2d", "where"),
    (ignored_stride, "conv2d", "has shape"),
    (computed_in_float32, "conv2d", "^conv2d in float64.*where"),
    (wrong_dtype, "conv2d", "^conv2d in float32.*has dtype float64; expected float32"),
    (transposed, "matmul", "has shape|where"),
    (one_element_off, "matmul", r"where .* is allowed \(1 of"),
    (changed_input, "relu", "array argument 0 was changed"),
    (swallowed_nan, "relu", "expected nan"),
    (swallowed_infinity, "relu", "expected inf"),
    (needs_contiguous, "relu", "raised ValueError: pass a contiguous array"),
    (ignores_strides, "relu", "arrays (strided|reversed|Fortran order).*where"),
    (unwritten, "relu", "where"),
    (np.zeros_like, "relu", "where"),
    (lambda x: x, "relu", "where"),
    (lambda x: relu(x).tolist(), "relu", "is (list|float); expected a NumPy array"),
    (lambda grad, x: grad * (x > 0), "relu_backward", "expected a tuple of 1"),
    (lambda grad, x: (np.where(x >= 0, grad, 0),), "relu_backward", "where|has dtype"),
    (lambda grad, x: (grad * (x > 0) * 2,), "relu_backward", "where"),
    (wrong_factor, "multiply_backward", "element|number"),
    (swapped, "multiply_backward", "has shape|where"),
    (not_summed, "multiply_backward", "has shape"),
    (one_gradient, "multiply_backward", "expected a tuple of 2"),
    (lambda x, axis=None: np.argmax(-x, axis), "argmax", "expected"),
    (lambda arrays, axis=0: np.concatenate(arrays[::-1], axis), "concatenate", "where"),
]


@pytest.mark.parametrize(("kernel", "name", "message"), BROKEN)
def test_a_broken_kernel_fails_with_code_that_shows_it(kernel, name, message):
    with pytest.raises(VerificationError, match=f"(?s){message}") as caught:
        verify(kernel, name)
    assert str(caught.value).startswith(f"{name} in float")
    caller = kernel.__name__ if kernel.__name__.isidentifier() else "function"
    error = ValueError if kernel is needs_contiguous else AssertionError
    with pytest.raises(error), np.errstate(all="ignore"):
        exec(code_in(caught.value), {caller: kernel})


def code_in(error):
    return "\n".join(line[4:] for line in str(error).splitlines() if line.startswith("    "))


def test_the_smallest_case_is_small():
    with pytest.raises(VerificationError) as caught:
        verify(missing_bias, "conv2d")
    code = str(caught.value)
    shapes = re.findall(r"np\.array\((.*), np\.float32\)", code)
    assert len(shapes) == 3 and sum(text.count(",") + 1 for text in shapes) < 12
    assert "stride" not in code and "padding" not in code and "bias = np.array([" in code


def test_large_arguments_are_drawn_in_the_code():
    def huge_only(a, b):
        return np.matmul(a, b) * (0 if a.size + b.size > 400 else 1)

    with pytest.raises(VerificationError) as caught:
        verify(huge_only, "matmul", cases=400)
    assert "args, options = testing.draw('matmul'" in str(caught.value)
    with pytest.raises(AssertionError):
        exec(code_in(caught.value), {"huge_only": huge_only})
