"""Layers of normalisation: shapes, errors, buffers in training and in files, and the same training as PyTorch's."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn, optim

RNG = np.random.default_rng(0)
LAYERS = [
    (nn.BatchNorm1d(4), "BatchNorm1d(4)", (5, 4)),
    (nn.BatchNorm1d(4, eps=0.1, momentum=None, affine=False), None, (5, 4, 3)),
    (nn.BatchNorm2d(4, track_running_stats=False), "BatchNorm2d(4, track_running_stats=False)", (2, 4, 3, 5)),
    (nn.BatchNorm2d(4, momentum=0.3, dtype="float64"), "BatchNorm2d(4, momentum=0.3, dtype='float64')", (2, 4, 3, 5)),
    (nn.LayerNorm(6), "LayerNorm(6)", (2, 6)),
    (nn.LayerNorm((3, 6), bias=False), "LayerNorm([3, 6], bias=False)", (2, 3, 6)),
    (nn.LayerNorm(6, elementwise_affine=False), "LayerNorm(6, elementwise_affine=False)", (2, 3, 6)),
    (nn.RMSNorm(6), "RMSNorm(6)", (2, 3, 6)),
    (nn.RMSNorm([3, 6], eps=1e-3), "RMSNorm([3, 6], eps=0.001)", (2, 3, 6)),
    (nn.GroupNorm(2, 6), "GroupNorm(2, 6)", (2, 6, 3)),
    (nn.GroupNorm(3, 6, affine=False), "GroupNorm(3, 6, affine=False)", (2, 6)),
    (nn.InstanceNorm1d(4), "InstanceNorm1d(4)", (2, 4, 5)),
    (nn.InstanceNorm2d(4, affine=True, eps=0.1), "InstanceNorm2d(4, eps=0.1, affine=True)", (2, 4, 3, 5)),
]


@pytest.mark.parametrize("layer, text, shape", LAYERS, ids=[repr(layer) for layer, *_ in LAYERS])
def test_shown_saved_and_loaded(layer, text, shape, tmp_path):
    assert text is None or repr(layer) == text
    assert repr(eval(repr(layer), {name: getattr(nn, name) for name in nn.__all__})) == repr(layer)
    model = nn.Sequential(layer)
    x = RNG.standard_normal(shape).astype(layer.dtype)
    model(x, training=True)
    fd.save(model, tmp_path / "model.safetensors")
    again = fd.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(model) and list(again.state_dict()) == list(model.state_dict())
    for name, array in model.state_dict().items():
        assert again.state_dict()[name].dtype == array.dtype
        np.testing.assert_array_equal(again.state_dict()[name], array)
    np.testing.assert_array_equal(again(x), model(x))
    assert again(x).dtype == x.dtype and again(x).shape == shape
    summary = str(model.summary(shape[1:]))
    assert type(layer).__name__ in summary and f"{layer.num_parameters:,}" in summary


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: nn.BatchNorm1d(0), "BatchNorm1d: num_features is 0; expected an integer of at least 1"),
        (
            lambda: nn.BatchNorm2d(2, momentum=2),
            "BatchNorm2d: eps is 1e-05, momentum is 2; expected eps >= 0, 0 <= mom",
        ),
        (lambda: nn.LayerNorm(()), r"LayerNorm: normalized_shape is \(\); expected at least one size"),
        (lambda: nn.LayerNorm(3, eps=-1), "LayerNorm: eps is -1; expected at least 0"),
        (lambda: nn.RMSNorm((3, 0)), "RMSNorm: normalized_shape is 0; expected an integer of at least 1"),
        (lambda: nn.GroupNorm(4, 6), "GroupNorm: num_groups is 4, num_channels is 6; expected a divisor of it"),
        (lambda: nn.InstanceNorm2d(4, track_running_stats=True), "InstanceNorm2d: track_running_stats is True"),
        (lambda: nn.BatchNorm1d(3)(np.ones((2, 4))), r"BatchNorm1d: x has shape \(2, 4\); expected .* with C = 3"),
        (
            lambda: nn.BatchNorm2d(3)(np.ones((2, 3))),
            r"BatchNorm2d: x has shape \(2, 3\); expected \(N, C, H, W\) with",
        ),
        (lambda: nn.GroupNorm(1, 3)(np.ones(3)), r"GroupNorm: x has shape \(3,\); expected \(N, C, ...\) with C = 3"),
        (lambda: nn.InstanceNorm1d(3)(np.ones((2, 3))), r"InstanceNorm1d: x has shape \(2, 3\); expected \(N, C, L\)"),
        (
            lambda: nn.BatchNorm1d(3)(np.ones((1, 3)), training=True),
            r"batch_norm: x has 1 values per channel \(x \(1, 3\)\); expected more than one when training",
        ),
    ],
)
def test_what_a_layer_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_running_statistics_count_and_average():
    """momentum=None: after k batches of one size the running mean is the mean of the k means."""
    layer = nn.BatchNorm1d(3, momentum=None, dtype="float64")
    batches = RNG.standard_normal((4, 10, 3)) + 5
    for k, x in enumerate(batches, 1):
        layer(x, training=True)
        assert layer.num_batches_tracked == k and layer.num_batches_tracked.dtype == np.int64
        np.testing.assert_allclose(layer.running_mean, batches[:k].mean((0, 1)), rtol=1e-13)
        np.testing.assert_allclose(layer.running_var, batches[:k].var(1, ddof=1).mean(0), rtol=1e-13)
    before = layer.state_dict()
    expected = (batches[0] - layer.running_mean) / np.sqrt(layer.running_var + 1e-5)
    np.testing.assert_allclose(layer(batches[0]), expected, rtol=1e-12)
    assert all(np.array_equal(before[name], array) for name, array in layer.state_dict().items())


def test_without_running_statistics_inference_uses_the_batch():
    layer, x = nn.BatchNorm1d(3, track_running_stats=False), RNG.standard_normal((6, 3)).astype(np.float32)
    np.testing.assert_array_equal(layer(x), layer(x, training=True))
    np.testing.assert_allclose(layer(x).mean(0), 0, atol=1e-6)
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_astype_converts_the_statistics_but_not_the_count():
    layer = nn.BatchNorm2d(2, affine=False).astype(np.float64)
    assert {name: a.dtype.name for name, a in layer.buffers().items()} == {
        "running_mean": "float64",
        "running_var": "float64",
        "num_batches_tracked": "int64",
    }
    assert layer(np.ones((1, 2, 2, 2), np.float32)).dtype == np.float64 and layer.config()["dtype"] == "float64"


def test_fit_trains_the_statistics_and_predict_uses_them(tmp_path):
    fd.seed(0)
    x = (RNG.standard_normal((60, 4)) * 3 + 2).astype(np.float32)
    y = (x[:, 0] > 2).astype(np.int64)
    model = nn.Sequential(nn.Dense(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dense(8, 2))
    model.fit(x, y, epochs=30, batch_size=16, optimizer=optim.Adam(0.02), seed=0)
    assert model[1].num_batches_tracked == 30 * 4
    assert model.evaluate(x, y)["accuracy"] > 0.9
    # One sample by itself and among others: inference does not look at the batch.
    np.testing.assert_allclose(model(x[:1]), model(x)[:1], rtol=1e-5, atol=1e-6)
    hidden = x @ model[0].weight.T + model[0].bias
    np.testing.assert_allclose(model[1].running_mean, hidden.mean(0), rtol=0.2, atol=0.5)
    fd.save(model, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(fd.load(tmp_path / "model.safetensors").predict(x), model.predict(x))


def test_fit_refuses_a_last_batch_of_one():
    model = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm1d(4), nn.Dense(4, 1))
    with pytest.raises(ValueError, match="batch_norm: x has 1 values per channel"):
        model.fit(np.ones((9, 3), np.float32), np.ones((9, 1), np.float32), loss="mse", batch_size=4, epochs=1)


def mlp(m):
    return m.Sequential(
        m.Linear(5, 8),
        m.BatchNorm1d(8),
        m.Tanh(),
        m.Linear(8, 6),
        m.LayerNorm(6),
        m.ReLU(),
        m.RMSNorm(6),
        m.Linear(6, 3),
    )


def cnn(m):
    return m.Sequential(
        m.Conv2d(2, 6, 3, padding=1, bias=False),
        m.BatchNorm2d(6, momentum=None),
        m.ReLU(),
        m.Conv2d(6, 4, 3, stride=2),
        m.GroupNorm(2, 4),
        m.Tanh(),
        m.Conv2d(4, 4, 2),
        m.InstanceNorm2d(4, affine=True),
        m.Tanh(),
        m.BatchNorm2d(4, affine=False),
        m.Flatten(),
        m.Linear(16, 3),
    )


@pytest.mark.parametrize("make, shape", [(mlp, (5,)), (cnn, (2, 8, 8))], ids=["mlp", "cnn"])
def test_twenty_steps_of_fit_as_pytorch(make, shape):
    """In float64: parameters and running statistics, batches of 10 and a last one of 6."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    ours, theirs = make(nn).astype(np.float64), make(torch.nn).double()
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x, y = RNG.standard_normal((36, *shape)) + 1, RNG.integers(0, 3, 36)
    ours.fit(x, y, epochs=5, batch_size=10, shuffle=False, optimizer=optim.SGD(0.05, momentum=0.9))
    optimizer = torch.optim.SGD(theirs.parameters(), 0.05, momentum=0.9)
    for _ in range(5):
        for i in range(0, 36, 10):
            optimizer.zero_grad()
            out = theirs(torch.tensor(x[i : i + 10]))
            torch.nn.functional.cross_entropy(out, torch.tensor(y[i : i + 10])).backward()
            optimizer.step()
    for name, tensor in theirs.state_dict().items():
        array, other = ours.state_dict()[name], tensor.numpy()
        assert array.shape == other.shape
        if name.endswith("num_batches_tracked"):
            assert array == other == 20
        assert np.linalg.norm(array - other) <= 1e-9 * np.linalg.norm(other), name
    theirs.eval()
    np.testing.assert_allclose(ours(x), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "make, shape",
    [
        (lambda m: m.BatchNorm1d(6), (4, 6)),
        (lambda m: m.BatchNorm1d(6, affine=False), (4, 6, 3)),
        (lambda m: m.BatchNorm2d(6, track_running_stats=False), (4, 6, 3, 2)),
        (lambda m: m.LayerNorm((3, 6), bias=False), (4, 3, 6)),
        (lambda m: m.LayerNorm(6, elementwise_affine=False), (4, 3, 6)),
        (lambda m: m.RMSNorm(6), (4, 3, 6)),
        (lambda m: m.GroupNorm(3, 6), (4, 6, 5)),
        (lambda m: m.InstanceNorm1d(6, affine=True), (4, 6, 5)),
        (lambda m: m.InstanceNorm2d(6), (4, 6, 5, 2)),
    ],
)
def test_names_shapes_and_outputs_as_pytorch(make, shape):
    torch = pytest.importorskip("torch")
    ours, theirs = make(nn), make(torch.nn)
    state = theirs.state_dict()
    assert [(k, v.shape, v.dtype.name) for k, v in ours.state_dict().items()] == [
        (k, tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in state.items()
    ]
    for name, array in ours.state_dict().items():  # the same beginning: ones, zeros, nothing counted
        np.testing.assert_array_equal(array, state[name].numpy())
    x = RNG.standard_normal(shape).astype(np.float32)
    for training in (True, False):
        theirs.train(training)
        expected = theirs(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(ours(x, training=training), expected, rtol=1e-5, atol=1e-6)
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], tensor.numpy(), rtol=1e-5, atol=1e-6)
