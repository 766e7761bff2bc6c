"""Activations as layers: options, parameters and results as PyTorch's; saved and loaded; wrong options."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn

RNG = np.random.default_rng(0)
LAYERS = [
    (nn.LeakyReLU(), "LeakyReLU()"),
    (nn.LeakyReLU(0.2), "LeakyReLU(negative_slope=0.2)"),
    (nn.PReLU(), "PReLU()"),
    (nn.PReLU(4, 0.1), "PReLU(num_parameters=4, init=0.1)"),
    (nn.ELU(), "ELU()"),
    (nn.ELU(0.5), "ELU(alpha=0.5)"),
    (nn.SELU(), "SELU()"),
    (nn.CELU(2), "CELU(alpha=2.0)"),
    (nn.GELU(), "GELU()"),
    (nn.GELU("tanh"), "GELU(approximate='tanh')"),
    (nn.SiLU(), "SiLU()"),
    (nn.Mish(), "Mish()"),
    (nn.Hardsigmoid(), "Hardsigmoid()"),
    (nn.Hardswish(), "Hardswish()"),
    (nn.Softplus(), "Softplus()"),
    (nn.Softplus(2, 10), "Softplus(beta=2.0, threshold=10.0)"),
    (nn.Softsign(), "Softsign()"),
]
EVERY_LAYER = pytest.mark.parametrize(("layer", "text"), LAYERS, ids=[text for _, text in LAYERS])


@EVERY_LAYER
def test_repr_is_code_that_makes_the_layer(layer, text):
    assert repr(layer) == text
    assert repr(eval(f"nn.{text}")) == text
    assert type(layer)(**layer.config()).config() == layer.config()
    assert nn.LAYERS[type(layer).__name__] is type(layer)


@EVERY_LAYER
def test_as_pytorch(layer, text):
    torch = pytest.importorskip("torch")
    theirs = eval(f"torch.nn.{text}")
    state = theirs.state_dict()
    assert {k: v.shape for k, v in layer.state_dict().items()} == {k: tuple(v.shape) for k, v in state.items()}
    for array, tensor in zip(layer.state_dict().values(), state.values(), strict=True):
        np.testing.assert_array_equal(array, tensor.numpy())
    layer.load_state_dict(state)
    x = 3 * RNG.standard_normal((5, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(layer(x), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)


@EVERY_LAYER
def test_saved_and_loaded(layer, text, tmp_path):
    model = nn.Sequential(nn.Dense(3, 4), layer)
    fd.save(model, tmp_path / "model.safetensors")
    again = fd.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(model)
    x = RNG.standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_array_equal(again(x), model(x))


def test_slopes_are_learnt():
    """A PReLU with a slope for each feature finds the slopes of the data."""
    x = RNG.standard_normal((400, 2)).astype(np.float32)
    y = np.where(x > 0, x, np.float32([0.6, -0.3]) * x)
    model = nn.Sequential(nn.PReLU(2))
    assert model.num_parameters == 2
    model.fit(x, y, epochs=30, optimizer=fd.optim.Adam(0.02), seed=0, progress=False)
    np.testing.assert_allclose(model[0].weight, [0.6, -0.3], atol=0.01)


def test_prelu_has_a_dtype():
    layer = nn.PReLU(3, dtype=np.float64)
    assert layer.weight.dtype == np.float64 and repr(layer) == "PReLU(num_parameters=3, dtype='float64')"
    x = RNG.standard_normal((2, 3, 4))
    np.testing.assert_array_equal(layer(x), F.prelu(x, layer.weight))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.LeakyReLU("0.1"), TypeError, "LeakyReLU: negative_slope is '0.1'; expected a number"),
        (lambda: nn.PReLU(0), ValueError, "PReLU: num_parameters is 0; expected an integer of at least 1"),
        (lambda: nn.PReLU(1, None), TypeError, "PReLU: init is None; expected a number"),
        (lambda: nn.PReLU(dtype="int64"), TypeError, "PReLU: dtype is 'int64'"),
        (lambda: nn.ELU(float("inf")), ValueError, "ELU: alpha is inf; expected a finite number"),
        (lambda: nn.CELU(0), ValueError, "CELU: alpha is 0.0; expected a number other than 0"),
        (lambda: nn.GELU("erf"), ValueError, "GELU: approximate is 'erf'; expected one of 'none', 'tanh'"),
        (lambda: nn.Softplus(0), ValueError, "Softplus: beta is 0.0; expected a number other than 0"),
    ],
)
def test_options_are_checked(make, error, message):
    with pytest.raises(error, match=message):
        make()
