"""The convolutional layers: text and options, what is inside, files, and PyTorch over combinations of options."""

import itertools

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "layer, text",
    [
        (nn.Conv1d(4, 8, 3), "Conv1d(4, 8, 3)"),
        (
            nn.Conv1d(4, 8, (3,), stride=(2,), padding="same", groups=2),
            "Conv1d(4, 8, 3, stride=2, padding='same', groups=2)",
        ),
        (nn.Conv1d(4, 8, 3, padding=[1, 2], layout="NWC"), "Conv1d(4, 8, 3, padding=[1, 2], layout='NWC')"),
        (nn.Conv1d(4, 8, 3, padding=(2, 2), dilation=2), "Conv1d(4, 8, 3, padding=2, dilation=2)"),
        (nn.ConvTranspose1d(4, 8, 4, stride=2, padding=1), "ConvTranspose1d(4, 8, 4, stride=2, padding=1)"),
        (nn.ConvTranspose2d(4, 8, (3, 3), bias=False), "ConvTranspose2d(4, 8, 3, bias=False)"),
        (
            nn.ConvTranspose2d(4, 8, 3, stride=(1, 2), output_padding=(0, 1), dtype="float64"),
            "ConvTranspose2d(4, 8, 3, stride=[1, 2], output_padding=[0, 1], dtype='float64')",
        ),
    ],
)
def test_repr_is_code_that_makes_the_layer(layer, text):
    assert repr(layer) == text
    again = eval(text, {name: getattr(nn, name) for name in nn.__all__})
    assert again.config() == layer.config() and repr(again) == text
    assert type(layer)(**layer.config()).config() == layer.config()
    assert nn.LAYERS[type(layer).__name__] is type(layer)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: nn.Conv1d(3, 4, 3, groups=2), ValueError, "Conv1d: groups is 2; expected a divisor of in_channels 3"),
        (lambda: nn.Conv1d(3, 4, (3, 3)), TypeError, "Conv1d: kernel_size is .3, 3.; expected an integer or .width,."),
        (lambda: nn.Conv1d(3, 4, 0), ValueError, "Conv1d: kernel_size is 0; expected an integer of at least 1"),
        (lambda: nn.Conv1d(3, 4, 3, padding="full"), ValueError, "padding is 'full'; expected one of 'same', 'valid'"),
        (lambda: nn.Conv1d(3, 4, 3, padding=(1, 2, 3)), TypeError, "padding is .1, 2, 3.; expected an integer or"),
        (
            lambda: nn.Conv1d(3, 4, 3, layout="NCHW"),
            ValueError,
            r"layout is 'NCHW' \(did you mean 'NCW'\?\); expected one of 'NCW', 'NWC'",
        ),
        (
            lambda: nn.ConvTranspose1d(3, 4, 3, padding="same"),
            TypeError,
            "ConvTranspose1d: padding is 'same'; expected",
        ),
        (lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=-1), ValueError, "output_padding is -1; expected at least"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, bias=None), TypeError, "ConvTranspose2d: bias is None; expected True or"),
    ],
)
def test_wrong_options(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("layout", ["NCW", "NWC"])
def test_lines(layout):
    x = RNG.standard_normal((2, 4, 9) if layout == "NCW" else (2, 9, 4)).astype(np.float32)
    layer = nn.Conv1d(4, 6, 3, stride=2, padding=(1, 0), groups=2, layout=layout)
    expected = F.conv1d(x, layer.weight, layer.bias, stride=2, padding=(1, 0), groups=2, layout=layout)
    np.testing.assert_array_equal(layer(x), expected)
    up = nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, bias=False, layout=layout)
    assert up.weight.shape == (4, 6, 3) and up.bias is None
    expected = F.conv_transpose1d(x, up.weight, stride=2, padding=1, output_padding=1, layout=layout)
    np.testing.assert_array_equal(up(x), expected)


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 2, (4, 3), stride=(2, 1), padding=1, output_padding=(1, 0), dilation=(1, 2)),
        nn.Flatten(2),
        nn.Conv1d(2, 3, 5, padding=(1, 3), layout="NCW"),
        nn.ConvTranspose1d(3, 1, 2, stride=2, groups=1),
    )


def test_files_and_summary(tmp_path):
    model = autoencoder()
    fd.save(model, tmp_path / "model.safetensors")
    again = fd.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(model)
    x = RNG.standard_normal((2, 1, 8, 6)).astype(np.float32)
    np.testing.assert_array_equal(again(x), model(x))
    text = str(model.summary((1, 8, 6)))
    assert "ConvTranspose2d" in text and "ConvTranspose1d" in text


def test_it_learns():
    fd.seed(0)
    model = autoencoder()
    x = RNG.standard_normal((40, 1, 8, 6)).astype(np.float32)
    target = x.sum(axis=(1, 2, 3))[:, None, None] * np.ones(model(x).shape, np.float32) / 50
    history = model.fit(x, target, loss="mse", optimizer=fd.optim.Adam(0.01), epochs=30, seed=0, progress=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0]


OPTIONS = {
    "stride": (1, 2),
    "padding": (0, 1),
    "dilation": (1, 2),
    "groups": (1, 2),
    "bias": (True, False),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, shape", [("Conv1d", (2, 4, 7)), ("ConvTranspose1d", (2, 4, 7))])
@pytest.mark.parametrize("more", [0, 1])
def test_lines_and_their_gradients_against_pytorch(name, shape, more, dtype):
    against_pytorch(name, shape, more, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, shape", [("Conv2d", (2, 4, 7, 6)), ("ConvTranspose2d", (2, 4, 7, 6))])
@pytest.mark.parametrize("more", [0, 1])
def test_images_and_their_gradients_against_pytorch(name, shape, more, dtype):
    against_pytorch(name, shape, more, dtype)


def against_pytorch(name, shape, more, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    for values in itertools.product(*OPTIONS.values()):
        options = dict(zip(OPTIONS, values, strict=True))
        if "Transpose" in name:
            options["output_padding"] = more
            if more >= max(options["stride"], options["dilation"]):
                continue
        elif more:
            if options["stride"] > 1:
                continue  # PyTorch knows "same" without stride only
            options["padding"] = "same"
        ours = getattr(nn, name)(4, 6, 3, **options, dtype=dtype)
        theirs = getattr(torch.nn, name)(4, 6, 3, **options, dtype=getattr(torch, dtype))
        state = theirs.state_dict()
        assert {k: v.shape for k, v in ours.state_dict().items()} == {k: tuple(v.shape) for k, v in state.items()}
        ours.load_state_dict(state)
        x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
        leaf = torch.tensor(x, requires_grad=True)
        expected = theirs(leaf)
        tolerance = 500 * np.finfo(dtype).eps
        np.testing.assert_allclose(ours(x), expected.detach().numpy(), rtol=tolerance, atol=tolerance)
        expected.square().sum().backward()

        def loss(params, x, model=ours):
            return F.sum(model.apply(params, x) ** 2.0)

        params, dx = fd.grad(loss, argnums=(0, 1))(ours.parameters(), x)
        np.testing.assert_allclose(dx, leaf.grad.numpy(), rtol=tolerance, atol=20 * tolerance)
        for key, parameter in theirs.named_parameters():
            np.testing.assert_allclose(params[key], parameter.grad.numpy(), rtol=tolerance, atol=100 * tolerance)
