"""Whole models with PyTorch's weights: BERT, GPT-2, and training a transformer; outputs, gradients, steps."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim

from .hugging_face import LAYERS, NORM, bert_of_hugging_face, gpt2_of_hugging_face
from .test_training import twenty_steps
from .twins import T, torch

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
RNG = np.random.default_rng(0)
TOKENS = RNG.integers(1, 20, (3, 7))


def example(name):
    """A module of the folder ``examples``, which is no package."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bert, gpt2 = example("bert"), example("gpt2")


def stirred(model):
    """Every parameter random, so that none of them can be forgotten."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


class TorchBert(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions, self.segments = (torch.nn.Embedding(n, 8) for n in (20, 10, 2))
        self.norm = torch.nn.LayerNorm(8, eps=NORM)
        layer = torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", NORM, batch_first=True)
        self.encoder = torch.nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.pooler = torch.nn.Linear(8, 8)

    def forward(self, tokens, segments, seen):
        x = self.words(tokens) + self.positions(torch.arange(tokens.shape[1])) + self.segments(segments)
        x = self.encoder(self.norm(x), src_key_padding_mask=~seen)
        return x, torch.tanh(self.pooler(x[:, 0]))


class TorchGPT2(torch.nn.Module):
    def __init__(self, tied):
        super().__init__()
        self.wte, self.wpe = torch.nn.Embedding(20, 8), torch.nn.Embedding(10, 8)
        gelu = torch.nn.GELU(approximate="tanh")
        layer = torch.nn.TransformerEncoderLayer(8, 2, 32, 0.0, gelu, batch_first=True, norm_first=True)
        self.decoder = torch.nn.TransformerEncoder(layer, LAYERS, torch.nn.LayerNorm(8), enable_nested_tensor=False)
        self.lm_head = torch.nn.Linear(8, 20, bias=False)
        if tied:
            self.lm_head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        later = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
        return self.lm_head(self.decoder(x, mask=later))


def check_gradients(ours, theirs, loss, their_loss):
    their_loss.backward()
    value, grads = fd.value_and_grad(loss)(ours.parameters())
    np.testing.assert_allclose(value, their_loss.item(), rtol=1e-5)
    for name, parameter in theirs.named_parameters():
        part = grads
        for step in name.split("."):
            part = part[step]
        np.testing.assert_allclose(part, parameter.grad, rtol=1e-4, atol=1e-5, err_msg=name)


def filled(ours, theirs, path):
    """Our model with their weights, by way of the dictionary, then of a file."""
    from safetensors.torch import save_model

    first = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not first.missing and not first.misshapen and not first.mistyped
    loaded = ours.state_dict()
    ours.load_state_dict({name: np.zeros_like(array) for name, array in loaded.items()})
    save_model(theirs, str(path))
    assert repr(ours.load_state_dict(fd.load_state_dict(path), strict=False)) == repr(first)
    for name, array in ours.state_dict().items():
        np.testing.assert_array_equal(array, loaded[name])
    return first


def test_bert(tmp_path):
    theirs = stirred(TorchBert())
    ours = bert.Bert(20, 8, 2, LAYERS, 16, 10, dropout=0.0)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert not filled(ours, theirs, tmp_path / "model").unexpected
    segments, seen = RNG.integers(0, 2, (3, 7)), RNG.random((3, 7)) < 0.7
    seen[:, 0] = True
    vectors, pooled = theirs(torch.tensor(TOKENS), torch.tensor(segments), torch.tensor(seen))
    ours_of = ours(TOKENS, segments, key_padding_mask=seen)
    np.testing.assert_allclose(ours_of[0], vectors.detach(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours_of[1], pooled.detach(), rtol=1e-5, atol=1e-5)
    g = RNG.standard_normal((3, 7, 8)).astype(np.float32)

    def loss(params):
        vectors, pooled = ours.apply(params, TOKENS, segments, key_padding_mask=seen)
        return np.sum(vectors * g) + np.sum(pooled * g[:, 0])

    check_gradients(ours, theirs, loss, (vectors * torch.tensor(g)).sum() + (pooled * torch.tensor(g[:, 0])).sum())


@pytest.mark.parametrize("tied", [True, False])
def test_gpt2(tied, tmp_path):
    theirs = stirred(TorchGPT2(tied))
    ours = gpt2.GPT2(20, 8, 2, LAYERS, 10, 0.0, tied)
    assert filled(ours, theirs, tmp_path / "model").unexpected == (["lm_head.weight"] if tied else [])
    logits = theirs(torch.tensor(TOKENS))
    np.testing.assert_allclose(ours(TOKENS), logits.detach(), rtol=1e-5, atol=1e-5)
    after = np.roll(TOKENS, -1, 1)

    def loss(params):
        return F.cross_entropy(F.reshape(ours.apply(params, TOKENS), (21, 20)), after.ravel())

    check_gradients(ours, theirs, loss, T.cross_entropy(logits.reshape(21, 20), torch.tensor(after.ravel())))


def test_gpt2_goes_on():
    """The likeliest tokens are those of PyTorch, also past the last position; draws follow the seed."""
    theirs = stirred(TorchGPT2(False))
    ours = gpt2.GPT2(20, 8, 2, LAYERS, 10, 0.0, False)
    ours.load_state_dict(theirs.state_dict())
    expected = torch.tensor(TOKENS)
    for _ in range(6):
        best = theirs(expected[:, -10:])[:, -1].argmax(1, keepdim=True)
        expected = torch.cat([expected, best], 1)
    np.testing.assert_array_equal(ours.generate(TOKENS, 6), expected)
    drawn = ours.generate(TOKENS, 6, temperature=2.0, seed=0)
    np.testing.assert_array_equal(drawn, ours.generate(TOKENS, 6, temperature=2.0, seed=0))
    assert (drawn != expected.numpy()).any()
    with pytest.raises(ValueError, match=r"GPT2: tokens \(1, 11\); expected at most 10 in a row"):
        ours(np.zeros((1, 11), np.int64))


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_files_in_hugging_faces_names(name, tmp_path):
    from safetensors.torch import save_file

    state, forward = bert_of_hugging_face() if name == "bert" else gpt2_of_hugging_face()
    save_file(state, tmp_path / "model")
    read = fd.load_state_dict(tmp_path / "model")
    ours = bert.Bert(20, 8, 2, LAYERS, 16, 10) if name == "bert" else gpt2.GPT2(20, 8, 2, LAYERS, 10)
    ours.load_state_dict((bert if name == "bert" else gpt2).from_hugging_face(read))
    y = ours(TOKENS)[1] if name == "bert" else ours(TOKENS)
    np.testing.assert_allclose(y, forward(torch.tensor(TOKENS)), rtol=1e-5, atol=2e-5)


def test_initial_values_of_the_examples():
    fd.seed(0)
    for model, small in ((bert.Bert(100, 64, 4, 2, 128), []), (gpt2.GPT2(100, 64, 4, 2), ["out_proj", "linear2"])):
        for name, array in model.state_dict().items():
            *_, part, kind = name.split(".")
            if part.startswith("norm"):
                assert (array == (kind == "weight")).all()
            elif array.ndim == 1:
                assert not array.any()
            else:
                expected = 0.02 / 2 if part in small else 0.02
                assert abs(array.std() - expected) < 0.1 * expected, name
    assert not bert.Bert(20, 8, 2, 1, 8).words.weight[0].any()


class Mean(nn.Module):
    def __call__(self, x):
        return np.mean(x, axis=1)


class TorchMean(torch.nn.Module):
    def forward(self, x):
        return x.mean(1)


def classifier(m, dtype, **options):
    """Twelve features in six steps, two layers of each kind of normalisation."""
    of_torch = m is torch.nn
    extra, last = ({"batch_first": True}, {"enable_nested_tensor": False}) if of_torch else ({}, {})
    layer = m.TransformerEncoderLayer(8, 2, 12, 0.0, **options, **extra)
    model = m.Sequential(
        m.Linear(5, 8),
        m.TransformerEncoder(layer, 2, m.LayerNorm(8), **last),
        (TorchMean if of_torch else Mean)(),
        m.Linear(8, 3),
    )
    return model if of_torch else model.astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [{}, {"norm_first": True, "activation": "gelu"}], ids=["post", "pre"])
@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_twenty_steps_of_a_transformer(kind, options, dtype):
    optimizers = {
        "sgd": (optim.SGD(0.05, momentum=0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
        "adam": (optim.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    }
    torch.manual_seed(0)
    losses, params, others = twenty_steps(lambda m: classifier(m, dtype, **options), (6, 5), *optimizers[kind], dtype)
    np.testing.assert_allclose(*losses, rtol=1e-9 if dtype == "float64" else 1e-5)
    for a, b in zip(params, others, strict=True):
        assert a.dtype == dtype
        assert dtype == "float32" or np.linalg.norm(a - b) <= 1e-9 * np.linalg.norm(b)
