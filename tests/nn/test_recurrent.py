"""Recurrent layers as parts of models: what they return, training, saving, and what they refuse."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn

KINDS = ["RNN", "LSTM", "GRU"]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 6, 3)).astype(np.float32)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_three_outputs_fit_together(kind, bidirectional):
    full = getattr(nn, kind)(3, 5, 2, bidirectional=bidirectional)
    y, state = full(X)
    h = state[0] if kind == "LSTM" else state
    for output in ("sequence", "last"):
        part = getattr(nn, kind)(3, 5, 2, bidirectional=bidirectional, output=output)
        part.load_state_dict(full.state_dict())
        expected = y if output == "sequence" else np.concatenate(list(h[-2:] if bidirectional else h[-1:]), axis=1)
        np.testing.assert_array_equal(part(X), expected)
    np.testing.assert_array_equal(h[-2 if bidirectional else -1], y[:, -1, :5])
    if bidirectional:
        np.testing.assert_array_equal(h[-1], y[:, 0, 5:])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_pieces(kind):
    layer = getattr(nn, kind)(3, 5, 2)
    y, state = layer(X)
    first, halfway = layer(X[:, :2])
    second, end = layer(X[:, 2:], halfway)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), y, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(np.stack(end), np.stack(state), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_cells_walk_as_layers_do(kind):
    layer, cell = getattr(nn, kind)(3, 5), getattr(nn, f"{kind}Cell")(3, 5)
    cell.load_state_dict({name.removesuffix("_l0"): array for name, array in layer.state_dict().items()})
    state = None
    for t in range(X.shape[1]):
        state = cell(X[:, t], state)
        h = state[0] if kind == "LSTM" else state
        np.testing.assert_allclose(h, layer(X)[0][:, t], rtol=1e-6, atol=1e-7)


def first_signs(count):
    """Whether a sequence began with a positive number: the network has to remember that over all other steps."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((count, 6, 2)).astype(np.float32)
    return x, (x[:, 0, 0] > 0).astype(int)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_learns_to_remember(kind):
    fd.seed(0)
    x, y = first_signs(2000)
    recurrent = getattr(nn, kind)(2, 16, output="last")
    model = nn.Sequential(recurrent, nn.Dense(16, 2))
    model.fit(x[:1500], y[:1500], optimizer=fd.optim.Adam(0.01), epochs=15, batch_size=32, seed=0)
    assert np.mean(model.predict(x[1500:]) == y[1500:]) > 0.95


def test_fit_gives_the_same_bits_with_any_number_of_threads():
    x, y = first_signs(200)
    found = []
    for threads in (1, 2):
        fd.seed(0)
        model = nn.Sequential(nn.LSTM(2, 40, 2, dropout=0.2, bidirectional=True, output="last"), nn.Dense(80, 2))
        with fd.threads(threads):
            model.fit(x, y, epochs=1, batch_size=64, seed=0)
        found.append(model.state_dict())
    for name, array in found[0].items():
        np.testing.assert_array_equal(array, found[1][name])


def test_dropout_lies_between_the_layers():
    fd.seed(0)
    one, two = nn.GRU(3, 5, dropout=0.5), nn.GRU(3, 5, 2, dropout=0.5)
    np.testing.assert_array_equal(one(X, training=True)[0], one(X)[0])
    assert not np.array_equal(two(X, training=True)[0], two(X)[0])
    np.testing.assert_array_equal(two(X, training=True)[1][0], two(X)[1][0])  # the first layer sees no dropout
    params = two.parameters()
    same = [two.apply(params, X, training=True, seed=1, step=2)[0] for _ in range(2)]
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize(
    "layer",
    [
        nn.RNN(3, 5, nonlinearity="relu", bias=False),
        nn.LSTM(3, 5, 2, bidirectional=True, dropout=0.1, output="last"),
        nn.GRU(3, 5, output="sequence", dtype=np.float64),
        nn.RNNCell(3, 5, nonlinearity="relu"),
        nn.LSTMCell(3, 5, bias=False),
        nn.GRUCell(3, 5),
    ],
    ids=repr,
)
def test_saved_and_loaded(layer, tmp_path):
    fd.save(layer, tmp_path / "model.safetensors")
    loaded = fd.load(tmp_path / "model.safetensors")
    assert repr(loaded) == repr(layer) and loaded.config() == layer.config()
    x = X[:, 0] if "Cell" in repr(layer) else X
    for a, b in zip(fd.tree.flatten(loaded(x))[0], fd.tree.flatten(layer(x))[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_shown():
    model = nn.Sequential(nn.LSTM(3, 5, 2, bidirectional=True, output="last"), nn.Dense(10, 2))
    assert repr(model[0]) == "LSTM(3, 5, num_layers=2, bidirectional=True, output='last')"
    assert "(N, 10)" in model.summary((6, 3)) and "(N, 2)" in model.summary((6, 3))
    assert model.num_parameters == 2 * (4 * 5 * (3 + 5 + 2) + 4 * 5 * (10 + 5 + 2)) + 22


def test_an_empty_batch_and_one_step():
    for kind in KINDS:
        layer = getattr(nn, kind)(3, 5, output="last")
        assert layer(X[:0]).shape == (0, 5)
        assert layer(X[:, :1]).shape == (4, 5)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.LSTM(3, 5, batch_first=False), ValueError, "batch_first is False.*swapaxes"),
        (lambda: nn.LSTM(3, 0), ValueError, "hidden_size is 0"),
        (lambda: nn.GRU(3, 5, dropout=1.0), ValueError, "dropout is 1.0"),
        (lambda: nn.GRU(3, 5, output="all"), ValueError, "output is 'all'; expected one of 'both', 'sequence', 'last'"),
        (lambda: nn.RNN(3, 5, nonlinearity="gelu"), ValueError, "nonlinearity is 'gelu'"),
        (lambda: nn.RNN(3, 5)(X[..., :2]), ValueError, r"RNN: x has shape \(4, 6, 2\); expected \(batch, steps, 3\)"),
        (lambda: nn.RNN(3, 5)(X[:, :0]), ValueError, "rnn: x has no steps"),
        (lambda: nn.RNN(3, 5)(X, X), ValueError, r"RNN: h0 has shape \(4, 6, 3\); expected \(1, 4, 5\)"),
        (lambda: nn.LSTM(3, 5)(X, X), TypeError, r"LSTM: state is a ndarray; expected a tuple \(h0, c0\)"),
        (lambda: nn.LSTMCell(3, 5)(X), ValueError, r"LSTMCell: x has shape \(4, 6, 3\); expected \(N, 3\)"),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()
