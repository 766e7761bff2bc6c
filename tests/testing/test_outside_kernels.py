"""What a person with a kernel of their own relies on: right kernels pass, broken ones fail with code that shows it.

For each of conv2d, softmax and attention there is a right kernel in plain NumPy and one compiled by numba.njit, and
five mistakes alike: a result of zeros, data read in the wrong order, an edge off by one, the wrong dtype, a changed
input; and for the latter two exponentials that overflow. None of it touches fastdl's own kernels.
"""

import numba
import numpy as np
import pytest

from fastdl.testing import VerificationError, verify

CASES = 60
CONV2D = {"bias": np.ndarray, "stride": int, "padding": int}


def conv2d(x, weight, bias=None, stride=1, padding=0):
    """y[n, f] = bias[f] + sum over windows of x weight[f]."""
    n, _, h, w = x.shape
    f, _, kh, kw = weight.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    high, wide = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    y = np.zeros((n, f, high, wide), x.dtype)
    for i in range(kh):
        for j in range(kw):
            window = x[:, :, i : i + stride * (high - 1) + 1 : stride, j : j + stride * (wide - 1) + 1 : stride]
            y += np.einsum("nchw,fc->nfhw", window, weight[:, :, i, j])
    return y if bias is None else y + bias[:, None, None]


@numba.njit
def _conv2d_loops(x, weight, bias, stride, padding, y):
    n, channels, h, w = x.shape
    f, _, kh, kw = weight.shape
    for image in range(n):
        for feature in range(f):
            for row in range(y.shape[2]):
                for column in range(y.shape[3]):
                    total = bias[feature]
                    for c in range(channels):
                        for i in range(kh):
                            for j in range(kw):
                                u, v = row * stride + i - padding, column * stride + j - padding
                                if 0 <= u < h and 0 <= v < w:
                                    total += x[image, c, u, v] * weight[feature, c, i, j]
                    y[image, feature, row, column] = total


def compiled_conv2d(x, weight, bias=None, stride=1, padding=0):
    x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
    high = (x.shape[2] + 2 * padding - weight.shape[2]) // stride + 1
    wide = (x.shape[3] + 2 * padding - weight.shape[3]) // stride + 1
    y = np.empty((len(x), len(weight), high, wide), x.dtype)
    bias = np.zeros(len(weight), x.dtype) if bias is None else np.ascontiguousarray(bias)
    _conv2d_loops(writable(x), writable(weight), writable(bias), stride, padding, y)
    return y


def writable(x):
    """Read-only arrays are another type to Numba, and another compilation."""
    return x if x.flags.writeable else x.copy()


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@numba.njit
def _softmax_loops(x, y):
    for i in range(x.shape[0]):
        top = x[i].max()
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            y[i, j] = np.exp(x[i, j] - top)
            total += y[i, j]
        for j in range(x.shape[1]):
            y[i, j] /= total


def compiled_softmax(x, axis=-1):
    rows = np.moveaxis(x, axis, -1)
    y = np.empty(rows.shape, x.dtype)
    if y.size:
        lines = np.ascontiguousarray(rows).reshape(-1, rows.shape[-1])
        _softmax_loops(writable(lines), y.reshape(lines.shape))
    return np.moveaxis(y, -1, axis)


def attention(query, key, value, *, causal=False):
    if key.shape[-2] == 0:
        return np.zeros((*query.shape[:-1], value.shape[-1]), query.dtype)
    shared = query.shape[-3] // key.shape[-3] if query.ndim > 2 and key.shape[-3] else 1
    if shared > 1:
        key, value = np.repeat(key, shared, -3), np.repeat(value, shared, -3)
    scores = query @ key.swapaxes(-1, -2) / query.dtype.type(np.sqrt(query.shape[-1]))
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf).astype(query.dtype)
    return softmax(scores) @ value


@numba.njit
def _attention_loops(query, key, value, causal, y):
    scale = 1 / np.sqrt(query.shape[2])
    shared = len(query) // max(1, len(key))
    for b in range(len(query)):
        for i in range(query.shape[1]):
            last = min(i + 1, key.shape[1]) if causal else key.shape[1]
            scores = np.empty(last)
            for j in range(last):
                scores[j] = scale * np.sum(query[b, i] * key[b // shared, j])
            weights = np.exp(scores - scores.max()) if last else scores
            weights /= weights.sum()
            for e in range(value.shape[2]):
                y[b, i, e] = np.sum(weights * value[b // shared, :last, e])


def compiled_attention(query, key, value, *, causal=False):
    y = np.zeros((*query.shape[:-1], value.shape[-1]), query.dtype)
    if y.size and key.size:
        flat = [np.ascontiguousarray(x).reshape(-1, *x.shape[-2:]) for x in (query, key, value)]
        _attention_loops(*map(writable, flat), causal, y.reshape(-1, *y.shape[-2:]))
    return y


RIGHT = [
    (conv2d, "conv2d", CONV2D),
    (compiled_conv2d, "conv2d", CONV2D),
    (softmax, "softmax", None),
    (compiled_softmax, "softmax", None),
    (attention, "attention", {"causal"}),
    (compiled_attention, "attention", {"causal"}),
]


@pytest.mark.parametrize(("kernel", "name", "only"), RIGHT, ids=[kernel.__name__ for kernel, _, _ in RIGHT])
def test_a_right_kernel_passes(kernel, name, only):
    assert verify(kernel, name, cases=CASES, only=only).worst < 1


def conv2d_zeros(x, weight, bias=None, stride=1, padding=0):
    return np.zeros_like(conv2d(x, weight, bias, stride, padding))


def conv2d_flipped_window(x, weight, bias=None, stride=1, padding=0):
    return conv2d(x, weight[:, :, ::-1, ::-1], bias, stride, padding)


def conv2d_padding_off_by_one(x, weight, bias=None, stride=1, padding=0):
    """The window looks one row too far up wherever there is padding."""
    y = conv2d(x, weight, bias, stride, padding)
    return y if padding == 0 else np.concatenate([y[:, :, :1], y[:, :, :-1]], axis=2)


def conv2d_wrong_dtype(x, weight, bias=None, stride=1, padding=0):
    return conv2d(x, weight, bias, stride, padding).astype(np.float64)


def conv2d_changed_input(x, weight, bias=None, stride=1, padding=0):
    y = conv2d(x, weight, bias, stride, padding)
    if weight.flags.writeable:
        weight *= 2
    return y


def softmax_zeros(x, axis=-1):
    return np.zeros_like(x)


def softmax_wrong_axis(x, axis=-1):
    return softmax(x, 0 if x.ndim > 1 else -1)


def softmax_last_left_out(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(np.take(e, range(max(1, x.shape[axis] - 1)), axis), axis=axis, keepdims=True)


def softmax_wrong_dtype(x, axis=-1):
    return softmax(x.astype(np.float64), axis)


def softmax_changed_input(x, axis=-1):
    if x.flags.writeable:
        x -= np.max(x, axis=axis, keepdims=True)
    return softmax(x, axis)


def softmax_without_maximum(x, axis=-1):
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


def attention_zeros(query, key, value, *, causal=False):
    return np.zeros_like(attention(query, key, value, causal=causal))


def attention_keys_backwards(query, key, value, *, causal=False):
    return attention(query, key[..., ::-1, :], value, causal=causal)


def attention_mask_off_by_one(query, key, value, *, causal=False):
    """Each query sees one key of its future."""
    if not causal or query.shape[-2] == 0:
        return attention(query, key, value, causal=causal)
    longer = np.concatenate([query[..., :1, :], query], axis=-2)
    return attention(longer, key, value, causal=True)[..., 1:, :]


def attention_wrong_dtype(query, key, value, *, causal=False):
    return attention(query, key, value, causal=causal).astype(np.float32)


def attention_changed_input(query, key, value, *, causal=False):
    y = attention(query, key, value, causal=causal)
    if query.flags.writeable:
        query /= 2
    return y


def attention_without_maximum(query, key, value, *, causal=False):
    e = np.exp(query @ key.swapaxes(-1, -2) / query.dtype.type(np.sqrt(query.shape[-1])))
    e = e * np.tri(*e.shape[-2:], dtype=e.dtype) if causal else e
    return e / e.sum(-1, keepdims=True) @ value


BROKEN = [
    (conv2d_zeros, "conv2d", CONV2D, "is 0.0; expected"),
    (conv2d_flipped_window, "conv2d", CONV2D, "element .* expected"),
    (conv2d_padding_off_by_one, "conv2d", CONV2D, "(?s)element .* expected.*padding=[12]"),
    (conv2d_wrong_dtype, "conv2d", CONV2D, "has dtype float64; expected float32"),
    (conv2d_changed_input, "conv2d", CONV2D, "array argument 1 was changed"),
    (softmax_zeros, "softmax", None, "is 0.0; expected"),
    (softmax_wrong_axis, "softmax", None, "element .* expected"),
    (softmax_last_left_out, "softmax", None, "element .* expected"),
    (softmax_wrong_dtype, "softmax", None, "has dtype float64; expected float32"),
    (softmax_changed_input, "softmax", None, "array argument 0 was changed"),
    (softmax_without_maximum, "softmax", None, "is nan; expected"),
    (attention_zeros, "attention", {"causal"}, "is 0.0; expected"),
    (attention_keys_backwards, "attention", {"causal"}, "element .* expected"),
    (attention_mask_off_by_one, "attention", {"causal"}, "(?s)element .* expected.*causal=True"),
    (attention_wrong_dtype, "attention", {"causal"}, "has dtype float32; expected float64"),
    (attention_changed_input, "attention", {"causal"}, "array argument 0 was changed"),
]


@pytest.mark.parametrize(("kernel", "name", "only", "message"), BROKEN, ids=[row[0].__name__ for row in BROKEN])
def test_a_broken_kernel_fails_with_code_that_shows_it(kernel, name, only, message):
    with pytest.raises(VerificationError, match=message) as caught:
        verify(kernel, name, cases=CASES, only=only)
    code = "\n".join(line[4:] for line in str(caught.value).splitlines() if line.startswith("    "))
    assert len(code.splitlines()) <= 10
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        exec(code, {kernel.__name__: kernel})


def test_large_scores_are_drawn():
    """Exponentials of large scores overflow: grouped heads are left out, so that nothing else is wrong."""

    def overflows(query, key, value, *, causal=False):
        if query.shape[:-2] != key.shape[:-2] or key.shape[-2] == 0:
            return attention(query, key, value, causal=causal)
        return attention_without_maximum(query, key, value, causal=causal)

    with pytest.raises(VerificationError, match=r"is (nan|inf|0\.0); expected"):
        verify(overflows, "attention", cases=CASES, only={"causal"})
