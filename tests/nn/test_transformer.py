"""Transformer layers and stacks: against PyTorch, masks, dropout, copies, saving, training."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn, testing


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def leaf(tree, name):
    for step in name.split("."):
        tree = tree[step]
    return tree


OPTIONS = [
    {},
    {"norm_first": True, "activation": "gelu", "layer_norm_eps": 1e-3},
    {"bias": False, "norm_first": True},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["Encoder", "Decoder"])
def test_names_outputs_and_gradients_as_in_torch(kind, options, dtype):
    """Stacks of two layers with a norm, masks of both kinds, in training mode without dropout."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sizes = (8, 2, 12, 0.0)
    one = getattr(torch.nn, f"Transformer{kind}Layer")(*sizes, batch_first=True, **options)
    options_of_stack = {"enable_nested_tensor": False} if kind == "Encoder" else {}
    theirs = getattr(torch.nn, f"Transformer{kind}")(one, 2, torch.nn.LayerNorm(8), **options_of_stack)
    theirs = theirs.to(getattr(torch, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    layer = getattr(nn, f"Transformer{kind}Layer")(*sizes, **options, dtype=dtype)
    ours = getattr(nn, f"Transformer{kind}")(layer, 2, nn.LayerNorm(8, dtype=dtype))
    state = theirs.state_dict()
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [(k, tuple(v.shape)) for k, v in state.items()]
    ours.load_state_dict(state)
    x = [normal(3, n, 8, seed=n, dtype=dtype) for n in ((4, 6) if kind == "Decoder" else (4,))]
    mask, padding = normal(4, 4, seed=5) > -1, normal(3, 4, seed=6) > -1
    mask[:, 0], padding[:, 0] = True, True
    given = {"mask": mask, "key_padding_mask": padding}
    if kind == "Decoder":
        memory_mask, memory_padding = normal(4, 6, seed=7) > -1, normal(3, 6, seed=8) > -1
        memory_mask[:, 0], memory_padding[:, 0] = True, True
        given |= {"memory_mask": memory_mask, "memory_key_padding_mask": memory_padding}
    prefix = "tgt_" if kind == "Decoder" else "src_"
    names = {"mask": "tgt_mask" if kind == "Decoder" else "mask", "key_padding_mask": f"{prefix}key_padding_mask"}
    tensors = [torch.tensor(a, requires_grad=True) for a in x]
    y = theirs(*tensors, **{names.get(k, k): ~torch.tensor(v) for k, v in given.items()})
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(ours(*x, **given), y.detach(), rtol=tolerance, atol=tolerance)
    g = normal(*y.shape, seed=9, dtype=dtype)
    y.backward(torch.tensor(g))
    loss = fd.grad(lambda p, *x: np.sum(ours.apply(p, *x, **given) * g), argnums=tuple(range(len(x) + 1)))
    grads, *of_inputs = loss(ours.parameters(), *x)
    pairs = [(leaf(grads, name), parameter) for name, parameter in theirs.named_parameters()]
    for a, b in [*pairs, *zip(of_inputs, tensors, strict=True)]:
        np.testing.assert_allclose(a, b.grad, rtol=10 * tolerance, atol=10 * tolerance)


def test_initial_values_as_in_torch():
    fd.seed(0)
    layer = nn.TransformerDecoderLayer(64, 4, 100)
    for part in (layer.self_attn, layer.multihead_attn):
        bound = np.sqrt(6 / (64 + 3 * 64))
        assert 0.99 * bound < abs(part.in_proj_weight).max() <= bound and not part.in_proj_bias.any()
    for part, inputs in ((layer.linear1, 64), (layer.linear2, 100)):
        for array in (part.weight, part.bias):
            assert 0.9 / np.sqrt(inputs) < abs(array).max() <= 1 / np.sqrt(inputs)
    assert (layer.norm3.weight == 1).all() and not layer.norm3.bias.any()
    assert nn.TransformerEncoderLayer(8, 2).linear1.out_features == 2048
    assert [name for name in nn.TransformerDecoderLayer(8, 2, 4, bias=False).state_dict() if "bias" in name] == []


def test_one_layer_written_out():
    """Every activation, the norm before and after, from the parts of the layer."""
    fd.seed(1)
    x = normal(2, 5, 8)
    written = {"relu": lambda z: np.maximum(z, 0), "silu": lambda z: z / (1 + np.exp(-z)), "tanh": np.tanh}
    for activation, s in written.items():
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation=activation)
        h = layer.norm1(x + layer.self_attn(x, causal=True))
        expected = layer.norm2(h + layer.linear2(s(layer.linear1(h))))
        np.testing.assert_allclose(layer(x, causal=True), expected, rtol=1e-5, atol=1e-5)
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu_tanh", norm_first=True)
    h = x + layer.self_attn(layer.norm1(x))
    z = layer.linear1(layer.norm2(h))
    s = z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    np.testing.assert_allclose(layer(x), h + layer.linear2(s), rtol=1e-5, atol=1e-5)


def test_causal_layers_do_not_look_ahead():
    fd.seed(2)
    x, memory = normal(2, 6, 8), normal(2, 4, 8, seed=1)
    other = x.copy()
    other[:, 3:] += 1
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, norm_first=True), 2)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)
    for run in (lambda x, **o: encoder(x, **o), lambda x, **o: decoder(x, memory, **o)):
        np.testing.assert_array_equal(run(x, causal=True)[:, :3], run(other, causal=True)[:, :3])
        assert (run(x, causal=True)[:, 3:] != run(other, causal=True)[:, 3:]).any()
        assert (run(x)[:, :3] != run(other)[:, :3]).any()
        np.testing.assert_array_equal(run(x, mask=np.tri(6, dtype=bool)), run(x, causal=True))
    seen = np.tri(6, 4, dtype=bool)
    np.testing.assert_array_equal(decoder(x, memory, memory_causal=True), decoder(x, memory, memory_mask=seen))
    hidden = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool)
    changed = np.where(hidden[..., None], memory, 9)
    y = decoder(x, memory, memory_key_padding_mask=hidden)
    np.testing.assert_array_equal(decoder(x, changed, memory_key_padding_mask=hidden), y)


def test_copies_start_as_equals_and_a_function_makes_others():
    fd.seed(3)
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    one, two = nn.TransformerEncoder(layer, 2).layers
    for (name, array), twin in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        np.testing.assert_array_equal(array, layer.state_dict()[name])
        np.testing.assert_array_equal(array, twin)
    two.linear1.weight[...] = 0
    assert one.linear1.weight.all() and layer.linear1.weight.all()
    one, two = nn.TransformerEncoder(lambda: nn.TransformerEncoderLayer(8, 2, 16), 2).layers
    assert (one.linear1.weight != two.linear1.weight).all()
    shared = nn.TransformerEncoder(lambda: layer, 3)  # as ALBERT does
    assert shared.num_parameters == layer.num_parameters


def dropped(model, *x, **options):
    return model.apply(model.parameters(), *x, training=True, **options)


def test_dropout_in_training():
    fd.seed(4)
    layer, x = nn.TransformerEncoderLayer(8, 2, 16, 0.5, norm_first=True), normal(4, 6, 8)
    y = dropped(layer, x, seed=1, step=0)
    np.testing.assert_array_equal(dropped(layer, x, seed=1, step=0), y)
    assert (dropped(layer, x, seed=1, step=1) != y).any()
    np.testing.assert_array_equal(layer(x), layer(x))
    mean = np.mean([dropped(layer, x, seed=0, step=i) for i in range(300)], axis=0)
    assert np.abs(mean - layer(x)).mean() < 0.1 < np.abs(y - layer(x)).mean()
    none = nn.TransformerEncoderLayer(8, 2, 16, 0.0)
    np.testing.assert_array_equal(dropped(none, x), none(x))
    # Half of what attention adds is zero, and so is half of what the dense layers add.
    only = nn.TransformerEncoderLayer(8, 2, 16, 0.5, norm_first=True)
    for array in (only.linear2.weight, only.linear2.bias):
        array[...] = 0
    assert 0.35 < (dropped(only, x, seed=1) == x).mean() < 0.65


def test_gradients_by_finite_differences():
    fd.seed(5)
    layer = nn.TransformerDecoderLayer(4, 2, 3, 0.0, "gelu", dtype=np.float64)
    x, memory = normal(2, 3, 4), normal(2, 2, 4, seed=1)
    testing.check_grad(lambda p, *x: layer.apply(p, *x, causal=True), layer.parameters(), x, memory)


class Positions(nn.Module):
    """Adds a learned vector to each position."""

    def __init__(self, length, features):
        self.weight = nn.Parameter(np.zeros((length, features), np.float32))

    def __call__(self, x):
        return x + self.weight


class Mean(nn.Module):
    def __call__(self, x):
        return np.mean(x, axis=1)


def test_a_sequence_classifier_trains_with_fit(tmp_path):
    """Which of two words comes first: what a bag of words cannot know."""
    fd.seed(6)
    rng = np.random.default_rng(0)
    X = rng.integers(2, 10, (256, 6))
    places = np.sort(np.argsort(rng.random((256, 6)))[:, :2], axis=1)
    y = rng.integers(0, 2, 256)
    X[np.arange(256), places[:, 0]], X[np.arange(256), places[:, 1]] = y, 1 - y

    def make():
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.05)
        return nn.Sequential(
            nn.Embedding(10, 16), Positions(6, 16), nn.TransformerEncoder(layer, 2), Mean(), nn.Dense(16, 2)
        )

    model = make()
    assert "(N, 6, 16)" in str(model.summary((6,)))
    history = model.fit(X, y, epochs=30, optimizer=fd.optim.Adam(5e-3), seed=0, progress=False)
    assert model.evaluate(X, y)["accuracy"] > 0.95 and history["loss"][-1] < 0.3
    fd.save(model, tmp_path / "model")
    again = fd.load(tmp_path / "model", make())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_saved_and_loaded(tmp_path):
    fd.seed(7)
    x = normal(2, 5, 8)
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.2, "gelu", 1e-6, norm_first=True, bias=False)
    model = nn.Sequential(
        layer,
        nn.TransformerEncoder(lambda: nn.TransformerEncoderLayer(8, 4, 16), 2, nn.LayerNorm(8)),
        nn.TransformerEncoder(lambda: layer, 2),
    )
    fd.save(model, tmp_path / "model")
    again = fd.load(tmp_path / "model")
    assert repr(again) == repr(model) and list(again.state_dict()) == list(model.state_dict())
    assert again[2].layers[1] is again[0] and again[2].norm is None
    np.testing.assert_array_equal(again(x), model(x))
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, dtype=np.float64), 2)
    fd.save(decoder, tmp_path / "model")
    again = fd.load(tmp_path / "model")
    np.testing.assert_array_equal(again(x, x, causal=True), decoder(x, x, causal=True))
    assert again.dtype == np.float64 and decoder.astype("float32")(x, x).dtype == np.float32


def test_what_does_not_fit():
    x = normal(2, 3, 8)
    layer, decoder = nn.TransformerEncoderLayer(8, 2, 16), nn.TransformerDecoderLayer(8, 2, 16)
    for make, error, match in [
        (lambda: nn.TransformerEncoderLayer(8, 3), ValueError, "nhead is 3; expected a divisor of d_model 8"),
        (lambda: nn.TransformerEncoderLayer(8, 2, 0), ValueError, "dim_feedforward is 0"),
        (lambda: nn.TransformerDecoderLayer(8, 2, dropout=1), ValueError, "TransformerDecoderLayer: dropout is 1"),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="swish"), ValueError, "'swish'; expected one of 'relu'"),
        (lambda: nn.TransformerEncoderLayer(8, 2, layer_norm_eps=-1), ValueError, "layer_norm_eps is -1"),
        (lambda: layer(x[0]), ValueError, r"x has shape \(3, 8\); expected \(N, length, 8\), the batch first"),
        (lambda: decoder(x, x[..., :4]), ValueError, r"memory has shape \(2, 3, 4\); expected"),
        (lambda: decoder(x, x[:1]), ValueError, "expected one N"),
        (lambda: nn.TransformerEncoder(layer, 0), ValueError, "num_layers is 0"),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer, 2), TypeError, "expected a layer to copy"),
        (lambda: nn.TransformerDecoder(3, 2), TypeError, "layer is 3; expected a layer to copy"),
        (lambda: nn.TransformerEncoder(lambda: 3, 2), TypeError, r"layer\(\) is a int; expected a function"),
        (lambda: nn.TransformerEncoder(layer, 2, 8), TypeError, "norm is 8; expected an nn.Module"),
    ]:
        with pytest.raises(error, match=match):
            make()
