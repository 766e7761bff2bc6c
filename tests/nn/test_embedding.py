"""Embedding and Unflatten: by hand, as first layers in training, saved, and against PyTorch."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn

RNG = np.random.default_rng(0)
X = RNG.integers(0, 20, (200, 6))
Y = (X[:, 0] > X[:, 1]).astype(int)


def words(**options):
    fd.seed(0)
    return nn.Sequential(nn.Embedding(20, 4, **options), nn.Flatten(), nn.Dense(24, 2))


def test_the_table():
    fd.seed(1)
    layer = nn.Embedding(1000, 30, padding_idx=-1)
    assert layer.padding_idx == 999 and not layer.weight[999].any()
    assert abs(layer.weight[:-1].mean()) < 0.03 and abs(layer.weight[:-1].std() - 1) < 0.03
    for numbers in ([1, 2], np.uint8([1, 2]), np.int32([1, 2]), np.int64([1, 2])):
        np.testing.assert_array_equal(layer(numbers), layer.weight[1:3])
    assert layer(3).shape == (30,)
    assert nn.Embedding(2, 3, dtype="float64")([0]).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16, np.uint8])
def test_as_the_first_layer(dtype):
    model, same = words(padding_idx=3), words(padding_idx=3)
    before = model[0].weight.copy()
    x = X.astype(dtype)
    model.fit(x, Y, epochs=3, seed=0, validation_data=(x, Y), progress=False)
    same.fit(X, Y, epochs=3, seed=0, progress=False)
    np.testing.assert_array_equal(model[0].weight, same[0].weight)
    assert not model[0].weight[3].any() and (model[0].weight != before).any(axis=1).sum() == 19
    np.testing.assert_array_equal(model.predict(x), np.argmax(model(x), axis=1))
    assert model.predict(x[:1]).shape == (1,) and model.predict(x[:0]).shape == (0,)
    assert set(model.evaluate(x, Y)) == {"loss", "accuracy"}


def test_summary_and_saving(tmp_path):
    model = words(padding_idx=0)
    assert "Embedding  (N, 6, 4)" in model.summary((6,))
    fd.save(model, tmp_path / "words.safetensors")
    again = fd.load(tmp_path / "words.safetensors")
    assert repr(again) == repr(model) and again[0].padding_idx == 0
    np.testing.assert_array_equal(again(X), model(X))


def test_floats_and_what_is_outside_are_refused():
    model = words()
    for call in (lambda x: model(x), lambda x: model.predict(x), lambda x: model.fit(x, Y, progress=False)):
        with pytest.raises(TypeError, match=r"Embedding: x has dtype float.*expected integers: .*astype\(np.int64\)"):
            call(X.astype(np.float32))
        with pytest.raises(IndexError, match="embedding: indices.*(20|19)"):
            call(X + 1)


def test_images_of_bytes_are_still_converted():
    model = nn.Sequential(nn.Flatten(), nn.Dense(4, 2))
    assert model.input_dtype == np.float32 and words().input_dtype == np.int64
    assert nn.ReLU().input_dtype == np.float32
    assert model.predict(np.zeros((2, 2, 2), np.uint8)).dtype == np.float32


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: nn.Embedding(0, 3), ValueError, "Embedding: num_embeddings is 0"),
        (lambda: nn.Embedding(3, 1.5), TypeError, "Embedding: embedding_dim is 1.5"),
        (lambda: nn.Embedding(3, 2, 3), ValueError, "padding_idx is 3; expected a row, -3 <= padding_idx < 3"),
        (lambda: nn.Embedding(3, 2, max_norm=1.0), TypeError, "there is no argument max_norm; expected num_embeddings"),
        (lambda: nn.Unflatten(1, 4), TypeError, "Unflatten: unflattened_size is 4; expected sizes like"),
        (lambda: nn.Unflatten(1, (-1, -1)), ValueError, "expected at most one -1"),
        (lambda: nn.Unflatten(1, (2, 2))(np.zeros((1, 5))), ValueError, "axis 1 of x (1, 5) has size 5"),
        (lambda: nn.Unflatten(2, (2, 2))(np.zeros((1, 4))), ValueError, "dim is 2, x has shape (1, 4)"),
    ],
)
def test_options_are_checked(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


def test_unflatten():
    x = RNG.standard_normal((2, 12))
    np.testing.assert_array_equal(nn.Unflatten(1, (3, -1))(x), x.reshape(2, 3, 4))
    np.testing.assert_array_equal(nn.Unflatten(-1, [2, 6])(x), x.reshape(2, 2, 6))
    layer = nn.Unflatten(1, (3, 4))
    assert repr(layer) == "Unflatten(1, [3, 4])" and nn.Unflatten(**layer.config()).config() == layer.config()


def test_against_torch():
    torch = pytest.importorskip("torch")
    other = torch.nn.Embedding(20, 4, padding_idx=2)
    layer = nn.Embedding(20, 4, padding_idx=2)
    layer.load_state_dict(other.state_dict())
    y, theirs = layer(X), other(torch.tensor(X))
    np.testing.assert_array_equal(y, theirs.detach().numpy())
    grad = RNG.standard_normal(y.shape).astype(np.float32)
    theirs.backward(torch.tensor(grad))
    (found,) = fd.vjp(lambda weight: layer.apply({"weight": weight}, X), layer.weight)[1](grad)
    np.testing.assert_allclose(found, other.weight.grad.numpy(), rtol=1e-5, atol=1e-5)
    x = torch.zeros(2, 12)
    assert nn.Unflatten(1, (3, 4))(x.numpy()).shape == tuple(torch.nn.Unflatten(1, (3, 4))(x).shape)
