"""Twenty steps of training with each optimiser against PyTorch, in both dtypes."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.tree import flatten, unflatten

from .twins import T, torch

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
