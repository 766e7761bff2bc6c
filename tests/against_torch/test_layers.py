"""The same names, shapes, starting ranges, outputs and training steps as PyTorch, where that is installed."""

import math

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)

PAIRS = [
    (nn.Dense(3, 4), torch.nn.Linear(3, 4), (5, 3)),
    (nn.Dense(3, 4, bias=False), torch.nn.Linear(3, 4, bias=False), (5, 2, 3)),
    (nn.Conv2d(4, 6, 3), torch.nn.Conv2d(4, 6, 3), (2, 4, 7, 8)),
    (
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2, bias=False),
        torch.nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, False),
        (2, 4, 7, 8),
    ),
    (nn.Conv2d(4, 6, (3, 5), padding="same"), torch.nn.Conv2d(4, 6, (3, 5), padding="same"), (2, 4, 7, 8)),
    (nn.Conv1d(4, 6, 3, padding="valid"), torch.nn.Conv1d(4, 6, 3, padding="valid"), (2, 4, 9)),
    (
        nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False),
        torch.nn.Conv1d(4, 6, 3, 2, 2, 2, 2, False),
        (2, 4, 9),
    ),
    (nn.ConvTranspose1d(4, 6, 3), torch.nn.ConvTranspose1d(4, 6, 3), (2, 4, 9)),
    (
        nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), output_padding=(1, 0), groups=2, dilation=2),
        torch.nn.ConvTranspose2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 0), 2, True, 2),
        (2, 4, 7, 8),
    ),
    (nn.MaxPool2d(3, stride=2, padding=1), torch.nn.MaxPool2d(3, 2, 1), (2, 4, 7, 8)),
    (nn.AvgPool2d((2, 3)), torch.nn.AvgPool2d((2, 3)), (2, 4, 7, 8)),
    (
        nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        (2, 4, 7, 8),
    ),
    (
        nn.MaxPool2d(2, stride=3, padding=1, dilation=2, ceil_mode=True),
        torch.nn.MaxPool2d(2, 3, 1, 2, ceil_mode=True),
        (2, 4, 7, 8),
    ),
    (nn.AvgPool2d(3, stride=2, ceil_mode=True), torch.nn.AvgPool2d(3, 2, ceil_mode=True), (2, 4, 8, 8)),
    (nn.MaxPool1d(3, stride=2, padding=1), torch.nn.MaxPool1d(3, 2, 1), (2, 4, 8)),
    (nn.AvgPool1d(3, padding=1, ceil_mode=True), torch.nn.AvgPool1d(3, padding=1, ceil_mode=True), (2, 4, 9)),
    (nn.AdaptiveAvgPool1d(3), torch.nn.AdaptiveAvgPool1d(3), (2, 4, 8)),
    (nn.AdaptiveAvgPool2d((3, None)), torch.nn.AdaptiveAvgPool2d((3, None)), (2, 4, 7, 8)),
    (nn.AdaptiveMaxPool1d(3), torch.nn.AdaptiveMaxPool1d(3), (2, 4, 8)),
    (nn.AdaptiveMaxPool2d(3), torch.nn.AdaptiveMaxPool2d(3), (2, 4, 7, 8)),
    (nn.GlobalAvgPool1d(), torch.nn.AdaptiveAvgPool1d(1), (2, 4, 8)),
    (nn.GlobalAvgPool2d(), torch.nn.AdaptiveAvgPool2d(1), (2, 4, 7, 8)),
    (nn.GlobalMaxPool1d(), torch.nn.AdaptiveMaxPool1d(1), (2, 4, 8)),
    (nn.GlobalMaxPool2d(), torch.nn.AdaptiveMaxPool2d(1), (2, 4, 7, 8)),
    (nn.ZeroPad2d((1, 2, 3, 0)), torch.nn.ZeroPad2d((1, 2, 3, 0)), (2, 4, 7, 8)),
    (nn.ReflectionPad2d((1, 2, 3, 0)), torch.nn.ReflectionPad2d((1, 2, 3, 0)), (2, 4, 7, 8)),
    (nn.ReplicationPad2d(2), torch.nn.ReplicationPad2d(2), (2, 4, 7, 8)),
    (nn.CircularPad2d((1, 2, 3, 0)), torch.nn.CircularPad2d((1, 2, 3, 0)), (2, 4, 7, 8)),
    (nn.ReLU(), torch.nn.ReLU(), (3, 4)),
    (nn.Tanh(), torch.nn.Tanh(), (3, 4)),
    (nn.Sigmoid(), torch.nn.Sigmoid(), (3, 4)),
    (nn.Softmax(1), torch.nn.Softmax(1), (3, 4, 2)),
    (nn.LogSoftmax(), torch.nn.LogSoftmax(-1), (3, 4)),
    (nn.Identity(), torch.nn.Identity(), (3, 4)),
    (nn.Flatten(), torch.nn.Flatten(), (3, 4, 2)),
    (nn.Dropout(0.3), torch.nn.Dropout(0.3).eval(), (3, 4)),
]


@pytest.mark.parametrize(
    "ours, theirs, shape", PAIRS, ids=lambda value: repr(value) if isinstance(value, nn.Module) else ""
)
def test_names_shapes_and_outputs(ours, theirs, shape):
    state = theirs.state_dict()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: tuple(v.shape) for k, v in state.items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    for array, tensor in zip(ours.state_dict().values(), state.values(), strict=True):
        np.testing.assert_array_equal(array, tensor.numpy())
    x = RNG.standard_normal(shape).astype(np.float32)
    np.testing.assert_allclose(ours(x), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.Linear(50, 300),
        lambda m: m.Conv2d(6, 200, 5),
        lambda m: m.Conv1d(6, 200, 9),
        lambda m: m.ConvTranspose1d(60, 200, 9),
        lambda m: m.ConvTranspose2d(6, 200, 5, groups=2),
    ],
)
def test_initial_values_have_the_same_spread(make):
    fd.seed(0)
    torch.manual_seed(0)
    ours, theirs = make(nn).state_dict(), make(torch.nn).state_dict()
    for name, array in ours.items():
        other = theirs[name].numpy()
        sigma = 1 / math.sqrt(array.size)
        np.testing.assert_allclose([array.min(), array.max()], [other.min(), other.max()], rtol=8 * sigma)
        np.testing.assert_allclose(array.std(), other.std(), rtol=5 * sigma)


def mlp(m, dense, conv):
    return m.Sequential(dense(6, 16), m.Tanh(), dense(16, 8), m.ReLU(), dense(8, 3))


def cnn(m, dense, conv):
    return m.Sequential(
        conv(1, 4, 3, padding=1),
        m.ReLU(),
        m.MaxPool2d(2),
        conv(4, 6, 3),
        m.Tanh(),
        m.AvgPool2d(2),
        m.Flatten(),
        dense(6, 3),
    )


@pytest.mark.parametrize("make, shape", [(mlp, (6,)), (cnn, (1, 8, 8))], ids=["mlp", "cnn"])
@pytest.mark.parametrize(
    "optimizer, peer",
    [
        (
            optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
            ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}),
        ),
        (optim.AdamW(1e-2), ("AdamW", {"lr": 1e-2})),
    ],
    ids=["sgd", "adamw"],
)
def test_twenty_steps_of_training(make, shape, optimizer, peer):
    def dense(*sizes):
        return nn.Dense(*sizes, dtype=np.float64)

    def conv(*sizes, **options):
        return nn.Conv2d(*sizes, **options, dtype=np.float64)

    ours = make(nn, dense, conv)
    theirs = make(torch.nn, torch.nn.Linear, torch.nn.Conv2d).double()
    ours.load_state_dict(theirs.state_dict())
    x, y = RNG.standard_normal((20, *shape)), RNG.integers(0, 3, 20)

    step = fd.value_and_grad(lambda params, x, y: F.cross_entropy(ours.apply(params, x, training=True), y))
    params = ours.parameters()
    state = optimizer.init(params)
    torch_optimizer = getattr(torch.optim, peer[0])(theirs.parameters(), **peer[1])
    for _ in range(20):
        loss, grads = step(params, x, y)
        params, state = optimizer.update(params, grads, state)
        torch_optimizer.zero_grad()
        their_loss = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        their_loss.backward()
        torch_optimizer.step()
        np.testing.assert_allclose(loss, their_loss.item(), rtol=1e-10)
    ours.load_parameters(params)
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], tensor.numpy(), rtol=1e-9, atol=1e-12)
