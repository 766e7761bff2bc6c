"""What PyTorch calls our ops: a function for each with our arguments. Importing this skips where PyTorch is not there.

PyTorch computes with one thread: its OpenMP runtime and Numba's slow each other down when both have several.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
T = torch.nn.functional


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def padded(x, kernel, stride, padding, dilation):
    """The input with its border of zeros: PyTorch knows neither borders of two sizes nor "same" with a stride."""
    if padding == "valid":
        sides = [(0, 0), (0, 0)]
    elif padding == "same":
        sides = []
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True):
            missing = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            sides.append((missing // 2, missing - missing // 2))
    else:
        sides = [pair(side) for side in pair(padding)]
    (top, bottom), (left, right) = sides
    return T.pad(x, (left, right, top, bottom))


def nchw(x):
    return x.permute(0, 3, 1, 2)


def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, layout="NCHW"):
    x = nchw(x) if layout == "NHWC" else x
    x = padded(x, weight.shape[2:], pair(stride), padding, pair(dilation))
    y = T.conv2d(x, weight, bias, pair(stride), 0, pair(dilation), groups)
    return y.permute(0, 2, 3, 1) if layout == "NHWC" else y


def conv1d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, layout="NCW", **options):
    stride, dilation = (v if isinstance(v, int) else v[0] for v in (stride, dilation))
    sides = padding if isinstance(padding, (str, int)) else padding * 2 if len(padding) == 1 else padding
    x = x.transpose(1, 2) if layout == "NWC" else x
    y = conv2d(
        x[:, :, None],
        weight[:, :, None],
        bias,
        stride=(1, stride),
        padding=sides if isinstance(sides, str) else (0, sides),
        dilation=(1, dilation),
        **options,
    )[:, :, 0]
    return y.transpose(1, 2) if layout == "NWC" else y


def conv_transpose2d(x, weight, bias=None, *, padding=0, layout="NCHW", **options):
    """PyTorch cuts as much off either side: what the first sides lack is cut off here."""
    x = nchw(x) if layout == "NHWC" else x
    (top, bottom), (left, right) = (pair(side) for side in pair(padding))
    y = T.conv_transpose2d(x, weight, None, **options)
    y = y[:, :, top : y.shape[2] - bottom, left : y.shape[3] - right]
    y = y if bias is None else y + bias[:, None, None]
    return y.permute(0, 2, 3, 1) if layout == "NHWC" else y


def conv_transpose1d(x, weight, bias=None, *, padding=0, layout="NCW", **options):
    x = x.transpose(1, 2) if layout == "NWC" else x
    left, right = pair(padding)
    y = T.conv_transpose1d(x, weight, None, **options)
    y = y[:, :, left : y.shape[2] - right]
    y = y if bias is None else y + bias[:, None]
    return y.transpose(1, 2) if layout == "NWC" else y


def pooled(function):
    """A pooling of PyTorch's, which knows channels first only and takes tuples."""

    def plain(value):
        return tuple(value) if isinstance(value, (list, tuple)) else value

    def pool(x, *sizes, layout="NCHW", **options):
        last = layout[1] != "C"
        options = {name: plain(value) for name, value in options.items()}
        y = function(x.movedim(-1, 1) if last else x, *map(plain, sizes), **options)
        return y.movedim(1, -1) if last else y

    return pool


def shared_out(function):
    """An adaptive pooling of PyTorch's; not all of them take None for a size that is kept."""

    def pool(x, size):
        image = x.shape[2:]
        several = size if isinstance(size, tuple) else (size,) * len(image)
        return function(x, [n if m is None else m for m, n in zip(several, image, strict=True)])

    return pooled(pool)


PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x, padding, *, mode="constant", value=0.0):
    """Built of what PyTorch takes from each axis: its own pad knows some dimensions only."""
    pairs = np.broadcast_to(np.asarray(padding), (x.ndim, 2))
    for axis, (before, after) in enumerate(pairs.tolist()):
        if mode == "constant":
            edges = [x.new_full((*x.shape[:axis], n, *x.shape[axis + 1 :]), value) for n in (before, after)]
            x = torch.cat([edges[0], x, edges[1]], axis)
        else:
            x = x.index_select(axis, torch.tensor(np.pad(np.arange(x.shape[axis]), (before, after), PAD_MODES[mode])))
    return x


def dense(x, weight, bias=None, *, activation=None):
    y = T.linear(x, weight, bias)
    return y if activation in (None, "identity") else ACTIVATIONS[activation](y)


ACTIVATIONS = {
    **{name: getattr(T, name) for name in ("relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish")},
    **{name: getattr(T, name) for name in ("sigmoid", "tanh", "softplus", "softsign")},
    "gelu_tanh": lambda x: T.gelu(x, approximate="tanh"),
    "hard_sigmoid": lambda x: T.relu6(x + 3) / 6,  # PyTorch's own has a gradient of g times a float32's 1 / 6
    "hard_swish": T.hardswish,
}


def attention(query, key, value, mask=None, *, causal=False, scale=None, return_weights=False):
    full = (*query.shape[:-1], key.shape[-2])
    mask = None if mask is None else mask.expand(full)
    if causal:
        seen = torch.ones(full, dtype=torch.bool).tril()
        if mask is None or mask.dtype == torch.bool:
            mask = seen if mask is None else mask & seen
        else:
            mask = torch.where(seen, mask, -torch.inf)

    def attend(value):
        return T.scaled_dot_product_attention(query, key, value, mask, scale=scale, enable_gqa=query.ndim > 2)

    if not return_weights:
        return attend(value)
    one = torch.eye(key.shape[-2], dtype=key.dtype)  # the weights are the result for the values I
    return attend(value), attend(one.expand(*key.shape[:-1], key.shape[-2]))


def reduced(function):
    return lambda x, axis=None, keepdims=False: function(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)


def sum_over(x, axes, keepdims):
    return torch.sum(x, axes, keepdim=keepdims) if axes != () else x


def mean_over(x, axes, keepdims):
    return torch.mean(x, axes, keepdim=keepdims) if axes != () else x


def layer_norm(x, weight=None, bias=None, *, normalized_shape=None, eps=1e-5):
    like = [p.shape for p in (weight, bias) if p is not None] or [x.shape[-1:]]
    shape = like[0] if normalized_shape is None else np.atleast_1d(normalized_shape).tolist()
    return T.layer_norm(x, shape, weight, bias, eps)


def rms_norm(x, weight=None, *, normalized_shape=None, eps=None):
    like = x.shape[-1:] if weight is None else weight.shape
    return T.rms_norm(x, like if normalized_shape is None else np.atleast_1d(normalized_shape).tolist(), weight, eps)


def group_norm(x, groups, weight=None, bias=None, **options):
    """PyTorch fails in the backward if there is a bias and no weight."""
    if weight is None and bias is not None:
        weight = torch.ones_like(bias).detach()
    return T.group_norm(x, groups, weight, bias, **options)


def batch_norm(x, weight, bias, mean, var, *, training=False, momentum=0.1, eps=1e-5):
    """PyTorch has no gradients of running statistics: in inference they are written out, in training they are 0."""
    if training:
        y = T.batch_norm(x, None, None, weight, bias, True, momentum, eps)
        return y if mean is None else y + 0 * (mean + var).sum()
    z = (x.transpose(1, -1) - mean) / torch.sqrt(var + eps)
    z = z if weight is None else z * weight
    return (z if bias is None else z + bias).transpose(1, -1)


def hinge_loss(scores, target, *, reduction="mean"):
    each = torch.clamp(1 - target * scores, min=0)
    return each if reduction == "none" else getattr(torch, reduction)(each)


def weighted(loss):
    """The loss with those of its options that are arrays as tensors."""

    def with_tensors(x, target, **options):
        tensors = {k: torch.tensor(v.copy()) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        return loss(x, target, **tensors)

    return with_tensors


def spread(function):
    def spread(x, axis=None, keepdims=False, *, ddof=0):
        if axis == ():  # PyTorch takes that for all
            x, axis, keepdims = x[None], 0, False
        return function(x, axes(x, axis), correction=ddof, keepdim=keepdims)

    return spread


def axes(x, axis):
    return tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis


def top_k(x, k, axis=-1, *, largest=True):
    return torch.sort(x, dim=axis, descending=largest, stable=True)[0].narrow(axis, 0, k)


def recurrent(kind):
    def layer(x, *arrays, reverse=False, activation="tanh"):
        *states, w, u, b, c = [*arrays, *[None] * (5 + (kind == "LSTM") - len(arrays))]
        states = [x.new_zeros(1, len(x), u.shape[1]) if s is None else s[None] for s in states]
        weights = [w, u, x.new_zeros(len(w)) if b is None else b, x.new_zeros(len(w)) if c is None else c]
        name = f"rnn_{activation}" if kind == "RNN" else kind.lower()
        state = tuple(states) if kind == "LSTM" else states[0]
        x = x.flip(1) if reverse else x
        y, *last = getattr(torch, name)(x, state, weights, True, 1, 0.0, False, False, True)
        return (y.flip(1) if reverse else y, *(s[0] for s in last))

    return layer


OPS = {
    "add": torch.add,
    "subtract": torch.subtract,
    "multiply": torch.multiply,
    "divide": torch.divide,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "power": torch.pow,
    "negative": torch.negative,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    **{name: twin for name, twin in ACTIVATIONS.items() if name != "gelu_tanh"},
    "identity": lambda x: x * 1,
    "prelu": lambda x, weight: T.prelu(x, weight),
    "expm1": torch.expm1,
    "log1p": torch.log1p,
    "sin": torch.sin,
    "cos": torch.cos,
    "erf": torch.erf,
    "softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    "where": torch.where,
    "sum": reduced(sum_over),
    "mean": reduced(mean_over),
    "matmul": torch.matmul,
    "dense": dense,
    "conv1d": conv1d,
    "conv2d": conv2d,
    "conv_transpose1d": conv_transpose1d,
    "conv_transpose2d": conv_transpose2d,
    "batch_norm": batch_norm,
    "group_norm": group_norm,
    "instance_norm": lambda x, weight=None, bias=None, **o: T.instance_norm(x, weight=weight, bias=bias, **o),
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "gru": recurrent("GRU"),
    "lstm": recurrent("LSTM"),
    "rnn": recurrent("RNN"),
    "attention": attention,
    "max_pool1d": pooled(T.max_pool1d),
    "max_pool2d": pooled(T.max_pool2d),
    "avg_pool1d": pooled(T.avg_pool1d),
    "avg_pool2d": pooled(T.avg_pool2d),
    "adaptive_avg_pool1d": shared_out(T.adaptive_avg_pool1d),
    "adaptive_avg_pool2d": shared_out(T.adaptive_avg_pool2d),
    "adaptive_max_pool1d": shared_out(T.adaptive_max_pool1d),
    "adaptive_max_pool2d": shared_out(T.adaptive_max_pool2d),
    "global_avg_pool1d": pooled(lambda x: T.adaptive_avg_pool1d(x, 1)),
    "global_avg_pool2d": pooled(lambda x: T.adaptive_avg_pool2d(x, 1)),
    "global_max_pool1d": pooled(lambda x: T.adaptive_max_pool1d(x, 1)),
    "global_max_pool2d": pooled(lambda x: T.adaptive_max_pool2d(x, 1)),
    "pad": pad,
    "mse_loss": T.mse_loss,
    "mae_loss": T.l1_loss,
    "huber_loss": T.huber_loss,
    "hinge_loss": hinge_loss,
    "cross_entropy": weighted(T.cross_entropy),
    "nll_loss": weighted(T.nll_loss),
    "binary_cross_entropy": weighted(T.binary_cross_entropy),
    "binary_cross_entropy_with_logits": weighted(T.binary_cross_entropy_with_logits),
    "concatenate": lambda arrays, axis=0: torch.cat(arrays, axis),
    "broadcast_to": torch.broadcast_to,
    "transpose": lambda x, axes=None: x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes),
    "reshape": lambda x, shape: x.reshape(shape),
    "embedding": lambda i, weight, padding_idx=None: T.embedding(i, weight, padding_idx),
    "cumsum": lambda x, axis=None: torch.cumsum(x.ravel() if axis is None else x, 0 if axis is None else axis),
    "clip": lambda x, min=None, max=None: torch.clip(x, min, max),
    "square": torch.square,
    "var": spread(torch.var),
    "std": spread(torch.std),
    "stack": lambda arrays, axis=0: torch.stack(arrays, axis),
    "squeeze": lambda x, axis=None: x.squeeze() if axis is None else x.squeeze(axis),
    "swapaxes": torch.swapaxes,
    "flip": lambda x, axis=None: torch.flip(x, axes(x, axis)),
    "einsum": torch.einsum,
    "top_k": top_k,
}
# With ties PyTorch gives the gradient to one of them, not shares of it to all.
TIES = ("max_pool1d", "max_pool2d")
