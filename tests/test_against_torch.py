"""The ops, their gradients, the optimisers and whole training runs against PyTorch, where that is installed.

PyTorch computes with one thread: its OpenMP runtime and Numba's slow each other down when both have several.
"""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim, testing
from fastdl.testing._cases import arrays_in
from fastdl.tree import flatten, unflatten

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
    return y if activation in (None, "identity") else getattr(torch, activation)(y)


def reduced(function):
    return lambda x, axis=None, keepdims=False: function(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)


def sum_over(x, axes, keepdims):
    return torch.sum(x, axes, keepdim=keepdims) if axes != () else x


def mean_over(x, axes, keepdims):
    return torch.mean(x, axes, keepdim=keepdims) if axes != () else x


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
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    "where": torch.where,
    "sum": reduced(sum_over),
    "mean": reduced(mean_over),
    "matmul": torch.matmul,
    "dense": dense,
    "conv2d": conv2d,
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
    "cross_entropy": T.cross_entropy,
    "binary_cross_entropy_with_logits": T.binary_cross_entropy_with_logits,
    "concatenate": lambda arrays, axis=0: torch.cat(arrays, axis),
    "broadcast_to": torch.broadcast_to,
    "transpose": lambda x, axes=None: x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes),
    "reshape": lambda x, shape: x.reshape(shape),
}
# With ties PyTorch gives the gradient to one of them, not shares of it to all.
TIES = ("max_pool1d", "max_pool2d")


def both(name, seed):
    """A case in float64 as our arguments and as PyTorch's, which are leaves that want gradients."""
    args, options = testing.draw(name, seed, "float64")
    leaves, structure = flatten(args)
    theirs = [
        torch.tensor(x.copy(), requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x for x in leaves
    ]
    theirs = [x.long() if isinstance(x, torch.Tensor) and x.dtype in (torch.int32, torch.uint8) else x for x in theirs]
    return args, options, leaves, theirs, structure


def agree(name, seed):
    args, options, leaves, theirs, structure = both(name, seed)
    ours = getattr(F, name)(*args, **options)
    if ours.size == 0 or any(a.size == 0 for a in arrays_in(args)):
        return  # PyTorch refuses some empty arrays
    other = OPS[name](*unflatten(structure, theirs), **options)
    np.testing.assert_allclose(ours, other.detach().numpy(), rtol=1e-11, atol=1e-12)
    grad = np.random.default_rng(seed).standard_normal(ours.shape)
    mine = flatten(getattr(F, f"{name}_backward")(grad, *args, **options))[0]
    wanted = [x for x in theirs if isinstance(x, torch.Tensor) and x.requires_grad]
    if name in TIES and any(len(np.unique(a)) < a.size for a in arrays_in(args)):
        return
    found = torch.autograd.grad(other, wanted, torch.tensor(grad), allow_unused=True)
    for a, b in zip([g for g in mine if g is not None], found, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", OPS)
def test_op_and_gradient(name):
    for seed in range(25):
        agree(name, seed)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", OPS)
def test_fuzz(name, cases):
    for seed in range(cases):
        agree(name, (77, seed))


OPTIMIZERS = [
    (optim.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
    (optim.SGD(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    (
        optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    ),
    (optim.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    (optim.Adam(0.01, weight_decay=0.1), lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1)),
    (optim.AdamW(0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
]


def mlp(m, features="Linear"):
    linear = getattr(m, features)
    return m.Sequential(linear(6, 16), m.Tanh(), linear(16, 12), m.ReLU(), linear(12, 3))


def cnn(m, features="Linear"):
    linear = getattr(m, features)
    return m.Sequential(
        m.Conv2d(2, 6, 3, padding=1),
        m.ReLU(),
        m.MaxPool2d(2),
        m.Conv2d(6, 8, 3, stride=2, padding=1, groups=2),
        m.Tanh(),
        m.AvgPool2d(2),
        m.Flatten(),
        linear(8, 3),
    )


NETWORKS = {"mlp": (mlp, (6,)), "cnn": (cnn, (2, 8, 8))}


def twenty_steps(make, shape, ours, make_theirs, dtype):
    """The losses and the parameters of both after 20 steps from the same start on the same batches."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((20, 10, *shape)).astype(dtype), rng.integers(3, size=(20, 10))
    model, other = make(nn), make(torch.nn).to(getattr(torch, dtype))
    params = {k: v.detach().numpy().copy() for k, v in other.state_dict().items()}
    leaves, structure = flatten(model.parameters())
    ordered = flatten(_as_tree(model.parameters(), params))[0]
    assert [a.shape for a in leaves] == [a.shape for a in ordered]
    params = unflatten(structure, ordered)

    step = fd.value_and_grad(lambda p, x, y: F.cross_entropy(model.apply(p, x, training=True), y))
    state, optimizer = ours.init(params), make_theirs(other.parameters())
    losses = ([], [])
    for batch, classes in zip(x, y, strict=True):
        loss, grads = step(params, batch, classes)
        params, state = ours.update(params, grads, state)
        optimizer.zero_grad()
        their_loss = T.cross_entropy(other(torch.tensor(batch)), torch.tensor(classes))
        their_loss.backward()
        optimizer.step()
        losses[0].append(float(loss))
        losses[1].append(float(their_loss.detach()))
    theirs = _as_tree(model.parameters(), {k: v.detach().numpy() for k, v in other.state_dict().items()})
    return losses, flatten(params)[0], flatten(theirs)[0]


def _as_tree(tree, flat, prefix=""):
    """PyTorch's dictionary of dotted names as the nested one of ``model.parameters()``."""
    if isinstance(tree, dict):
        return {k: _as_tree(v, flat, f"{prefix}{k}.") for k, v in tree.items()}
    return flat[prefix.rstrip(".")]


@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS, ids=[repr(ours) for ours, _ in OPTIMIZERS])
@pytest.mark.parametrize("network", NETWORKS)
def test_twenty_steps_in_float64(network, ours, theirs):
    losses, params, others = twenty_steps(*NETWORKS[network], ours, theirs, "float64")
    np.testing.assert_allclose(*losses, rtol=1e-9)
    for a, b in zip(params, others, strict=True):
        assert a.dtype == np.float64
        assert np.linalg.norm(a - b) <= 1e-9 * np.linalg.norm(b)


@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS, ids=[repr(ours) for ours, _ in OPTIMIZERS])
@pytest.mark.parametrize("network", NETWORKS)
def test_twenty_steps_in_float32(network, ours, theirs):
    losses, params, others = twenty_steps(*NETWORKS[network], ours, theirs, "float32")
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert all(a.dtype == np.float32 for a in params)
