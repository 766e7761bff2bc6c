"""Recurrent layers: the same names, shapes, starting ranges, outputs and training steps as PyTorch's."""

import math

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
RNG = np.random.default_rng(0)

OPTIONS = [
    {},
    {"bias": False},
    {"num_layers": 3},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "dropout": 0.3},
]
KINDS = ["RNN", "LSTM", "GRU"]


def pair(kind, options, dtype="float64"):
    """A layer of ours with the parameters of PyTorch's."""
    theirs = getattr(torch.nn, kind)(3, 5, batch_first=True, **options).to(getattr(torch, dtype)).eval()
    ours = getattr(nn, kind)(3, 5, **options, dtype=dtype)
    state = theirs.state_dict()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: tuple(v.shape) for k, v in state.items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


def states_of(kind, state):
    return list(state) if kind == "LSTM" else [state]


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_states(kind, options, with_state):
    ours, theirs = pair(kind, options)
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    x, starts = RNG.standard_normal((4, 6, 3)), [RNG.standard_normal((rows, 4, 5)) for _ in range(2)]
    state, their_state = None, None
    if with_state:
        state = tuple(starts) if kind == "LSTM" else starts[0]
        their_state = tuple(map(torch.tensor, starts)) if kind == "LSTM" else torch.tensor(starts[0])
    y, last = ours(x, state)
    their_y, their_last = theirs(torch.tensor(x), their_state)
    results = zip([y, *states_of(kind, last)], [their_y, *states_of(kind, their_last)], strict=True)
    for a, b in results:
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-11, atol=1e-12)


def test_relu():
    ours, theirs = pair("RNN", {"nonlinearity": "relu"}, "float32")
    x = RNG.standard_normal((2, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(ours(x)[0], theirs(torch.tensor(x))[0].detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells(kind, bias):
    ours = getattr(nn, kind)(3, 5, bias=bias, dtype=np.float64)
    theirs = getattr(torch.nn, kind)(3, 5, bias=bias).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    state, their_state = None, None
    for _ in range(3):
        x = RNG.standard_normal((4, 3))
        state, their_state = ours(x, state), theirs(torch.tensor(x), their_state)
        for a, b in zip(*(s if kind == "LSTMCell" else [s] for s in (state, their_state)), strict=True):
            np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_initial_values_have_the_same_spread(kind):
    fd.seed(0)
    torch.manual_seed(0)
    ours = getattr(nn, kind)(40, 60).state_dict()
    theirs = getattr(torch.nn, kind)(40, 60).state_dict()
    for name, array in ours.items():
        other, sigma = theirs[name].numpy(), 1 / math.sqrt(array.size)
        np.testing.assert_allclose([array.min(), array.max()], [other.min(), other.max()], rtol=8 * sigma)
        np.testing.assert_allclose(array.std(), other.std(), rtol=5 * sigma)


class TorchClassifier(torch.nn.Module):
    """The last layer's last states, of both directions, into a dense layer."""

    def __init__(self, kind, options):
        super().__init__()
        self.add_module("0", getattr(torch.nn, kind)(3, 8, batch_first=True, **options))
        self.add_module("1", torch.nn.Linear(8 * (2 if options.get("bidirectional") else 1), 4))
        self.both = bool(options.get("bidirectional"))

    def forward(self, x):
        recurrent, dense = self.children()
        last = recurrent(x)[1]
        h = last[0] if isinstance(last, tuple) else last
        return dense(torch.cat([h[-2], h[-1]], 1) if self.both else h[-1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one", "deep"])
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_of_training(kind, options, dtype):
    torch.manual_seed(0)
    theirs = TorchClassifier(kind, options).to(getattr(torch, dtype))
    ours = nn.Sequential(
        getattr(nn, kind)(3, 8, **options, output="last", dtype=dtype),
        nn.Dense(16 if options else 8, 4, dtype=dtype),
    )
    ours.load_state_dict(theirs.state_dict())
    x, y = RNG.standard_normal((20, 12, 3)).astype(dtype), RNG.integers(0, 4, 20)
    optimizer = optim.SGD(0.2, momentum=0.9)
    their_optimizer = torch.optim.SGD(theirs.parameters(), 0.2, momentum=0.9)
    step = fd.value_and_grad(lambda params, x, y: F.cross_entropy(ours.apply(params, x, training=True), y))
    params = ours.parameters()
    state = optimizer.init(params)
    for _ in range(20):
        loss, grads = step(params, x, y)
        params, state = optimizer.update(params, grads, state)
        their_optimizer.zero_grad()
        their_loss = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        their_loss.backward()
        their_optimizer.step()
        np.testing.assert_allclose(loss, their_loss.item(), rtol=1e-9 if dtype == "float64" else 1e-5)
    ours.load_parameters(params)
    for name, tensor in theirs.state_dict().items():
        a, b = ours.state_dict()[name], tensor.numpy()
        assert a.dtype == dtype
        assert dtype == "float32" or np.linalg.norm(a - b) <= 1e-9 * np.linalg.norm(b)
