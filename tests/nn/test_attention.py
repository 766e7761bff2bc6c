"""MultiheadAttention and Residual: against PyTorch, masks, dropout, saving, training."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, testing


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


PAIRS = [
    ({}, "self"),
    ({"bias": False}, "self"),
    ({}, "memory"),
    ({}, "three"),
    ({"kdim": 5, "vdim": 7}, "three"),
    ({"kdim": 5, "bias": False}, "three"),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options, inputs", PAIRS)
def test_names_outputs_and_gradients_as_in_torch(options, inputs, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True, **options).to(getattr(torch, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.1 * torch.randn_like(parameter)  # biases start as zeros
    ours = nn.MultiheadAttention(8, 2, **options, dtype=dtype)
    state = theirs.state_dict()
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [(k, tuple(v.shape)) for k, v in state.items()]
    ours.load_state_dict(state)
    shapes = (3, 4, 8), (3, 6, options.get("kdim", 8)), (3, 6, options.get("vdim", 8))
    x = [normal(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes)]
    x = {"self": x[:1], "memory": x[:2], "three": x}[inputs]
    keys = x[1].shape[1] if len(x) > 1 else 4
    mask, padding = normal(4, keys, seed=5) > -1, normal(3, keys, seed=6) > -1
    mask[:, 0], padding[:, 0] = True, True
    given = [torch.tensor(a, requires_grad=True) for a in x]
    query, key, value = [*given, *given[-1:] * 2][:3]
    y, weights = theirs(query, key, value, key_padding_mask=~torch.tensor(padding), attn_mask=~torch.tensor(mask))
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    got, got_weights = ours(*x, mask=mask, key_padding_mask=padding, return_weights=True)
    np.testing.assert_allclose(got, y.detach(), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(got_weights, weights.detach(), rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(ours(*x, mask=mask, key_padding_mask=padding), got)
    g = normal(*got.shape, seed=9, dtype=dtype)
    y.backward(torch.tensor(g))

    def loss(params, *x):
        return np.sum(ours.apply(params, *x, mask=mask, key_padding_mask=padding) * g)

    grads, *of_inputs = fd.grad(loss, argnums=tuple(range(len(x) + 1)))(ours.parameters(), *x)
    for name, parameter in theirs.named_parameters():
        part = grads
        for step in name.split("."):
            part = part[step]
        np.testing.assert_allclose(part, parameter.grad, rtol=10 * tolerance, atol=10 * tolerance)
    for a, b in zip(of_inputs, given, strict=True):
        np.testing.assert_allclose(a, b.grad, rtol=10 * tolerance, atol=10 * tolerance)


def test_initial_values_as_in_torch():
    fd.seed(0)
    layer = nn.MultiheadAttention(64, 4)
    bound = np.sqrt(6 / (64 + 3 * 64))
    assert 0.99 * bound < abs(layer.in_proj_weight).max() <= bound
    assert 0.98 / 8 < abs(layer.out_proj.weight).max() <= 1 / 8
    assert not layer.in_proj_bias.any() and not layer.out_proj.bias.any()
    assert nn.MultiheadAttention(8, 2, bias=False).num_parameters == 4 * 64
    apart = nn.MultiheadAttention(64, 4, kdim=16)
    assert 0.98 * np.sqrt(6 / 80) < abs(apart.k_proj_weight).max() <= np.sqrt(6 / 80)


def test_masks_of_all_kinds():
    fd.seed(1)
    layer, x = nn.MultiheadAttention(8, 2), normal(3, 5, 8)
    allowed = normal(3, 2, 5, 5, seed=1) > 0
    added = np.where(allowed, np.float32(0), np.float32(-np.inf))
    y = layer(x, mask=allowed)
    np.testing.assert_array_equal(layer(x, mask=added), y)
    np.testing.assert_array_equal(layer(x, mask=np.tri(5, dtype=bool)), layer(x, causal=True))
    np.testing.assert_array_equal(layer(x, mask=allowed[:, :1]), layer(x, mask=allowed[:, 0]))
    padding = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    for one, other in ((allowed, allowed & padding[:, None, None]), (added, allowed & padding[:, None, None])):
        np.testing.assert_array_equal(layer(x, mask=one, key_padding_mask=padding), layer(x, mask=other))
    np.testing.assert_array_equal(layer(x, key_padding_mask=padding)[2], np.zeros((5, 8)))  # the bias is 0
    short = layer(x[1:2, :3])
    np.testing.assert_allclose(layer(x, key_padding_mask=padding)[1, :3], short[0], rtol=1e-5, atol=1e-6)
    recorded = fd.compile(lambda x, mask, padding: layer(x, mask=mask, key_padding_mask=padding))
    np.testing.assert_array_equal(recorded(x, allowed, padding), layer(x, mask=allowed & padding[:, None, None]))


def test_weights_averaged_or_by_head():
    fd.seed(2)
    layer, x = nn.MultiheadAttention(8, 4), normal(2, 5, 8)
    _, average = layer(x, causal=True, return_weights=True)
    _, weights = layer(x, causal=True, return_weights=True, average_weights=False)
    assert average.shape == (2, 5, 5) and weights.shape == (2, 4, 5, 5)
    np.testing.assert_allclose(average, weights.mean(1), rtol=1e-6)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)
    assert not weights[..., ~np.tri(5, dtype=bool)].any()


def test_dropout_drops_weights_in_training():
    fd.seed(3)
    layer, x = nn.MultiheadAttention(8, 2, dropout=0.5), normal(4, 6, 8)
    params = layer.parameters()
    options = {"training": True, "return_weights": True, "average_weights": False, "seed": 1}
    y, dropped = layer.apply(params, x, step=0, **options)
    _, weights = layer(x, return_weights=True, average_weights=False)
    kept = dropped != 0
    assert 0.4 < kept.mean() < 0.6
    np.testing.assert_allclose(dropped[kept], 2 * weights[kept], rtol=1e-6)
    projected = x @ layer.in_proj_weight[16:].T
    heads = dropped @ projected.reshape(4, 6, 2, 4).swapaxes(1, 2)
    expected = heads.swapaxes(1, 2).reshape(4, 6, 8) @ layer.out_proj.weight.T
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(layer.apply(params, x, step=0, **options)[1], dropped)
    assert (layer.apply(params, x, step=1, **options)[1] != dropped).any()


def test_gradients_by_finite_differences():
    fd.seed(4)
    layer = nn.MultiheadAttention(4, 2, kdim=3, vdim=5, dtype=np.float64)
    q, k, v = normal(2, 3, 4), normal(2, 4, 3), normal(2, 4, 5)
    testing.check_grad(lambda params, *x: layer.apply(params, *x, causal=True), layer.parameters(), q, k, v)


def test_what_does_not_fit():
    x = normal(2, 3, 8)
    layer = nn.MultiheadAttention(8, 2)
    for make, error, match in [
        (lambda: nn.MultiheadAttention(8, 3), ValueError, "num_heads is 3; expected a divisor of embed_dim 8"),
        (lambda: nn.MultiheadAttention(8, 2, dropout=1), ValueError, "dropout is 1"),
        (lambda: nn.MultiheadAttention(8, 2, kdim=0), ValueError, "kdim is 0"),
        (lambda: layer(x[0]), ValueError, r"query has shape \(3, 8\); expected \(N, length, 8\)"),
        (lambda: layer(x, normal(2, 3, 7)), ValueError, r"key has shape \(2, 3, 7\)"),
        (lambda: layer(x, x, x[:, 1:]), ValueError, "as many values as keys"),
        (lambda: layer(x, x[:1]), ValueError, "expected one N"),
        (lambda: layer(x, key_padding_mask=np.ones((2, 4), bool)), ValueError, r"expected booleans \(2, 3\)"),
        (lambda: layer(x, key_padding_mask=np.ones((2, 3))), ValueError, "float64; expected booleans"),
        (lambda: layer(x, mask=np.ones((4, 3), bool)), ValueError, r"mask has shape \(4, 3\)"),
        (
            lambda: layer(x, mask=np.tri(3, dtype=int)),
            TypeError,
            r"mask has dtype int64; expected booleans, True where",
        ),
        (lambda: layer(x, return_weights=1), TypeError, "MultiheadAttention: return_weights is 1; expected True or F"),
        (lambda: layer(x, average_weights=0), TypeError, "average_weights is 0; expected True or False"),
        (lambda: nn.Residual(3), TypeError, "Residual: module is 3"),
        (lambda: nn.Residual(nn.Dense(8, 1))(x), ValueError, r"Residual: the module makes \(2, 3, 1\) of \(2, 3, 8\)"),
    ]:
        with pytest.raises(error, match=match):
            make()


def blocks():
    return nn.Sequential(
        nn.Residual(nn.MultiheadAttention(8, 2, dropout=0.1)),
        nn.Residual(nn.Sequential(nn.Dense(8, 16), nn.ReLU(), nn.Dense(16, 8))),
        nn.Flatten(),
        nn.Dense(40, 3),
    )


def test_saved_and_loaded(tmp_path):
    fd.seed(5)
    model, x = blocks(), normal(2, 5, 8)
    model[1].module.append(nn.Identity())
    shared = nn.Sequential(model, nn.Residual(nn.ReLU()))
    shared.append(shared[1].module).append(shared[1])
    fd.save(shared, tmp_path / "model.safetensors")
    again = fd.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(shared) and again[2] is again[1].module and again[3] is again[1]
    np.testing.assert_array_equal(again(x), shared(x))
    assert list(again.state_dict()) == list(shared.state_dict())
    assert "0.1.module.0.weight" in again.state_dict()


def test_summary_and_training():
    fd.seed(6)
    model = blocks()
    table = str(model.summary((5, 8)))
    assert "MultiheadAttention" in table and "(N, 5, 8)" in table
    x, y = normal(60, 5, 8), np.arange(60) % 3
    x[np.arange(60), 2, y] += 3
    model.fit(x, y, epochs=40, batch_size=20, seed=0, progress=False)
    assert (model.predict(x) == y).mean() > 0.9


def test_residual_adds():
    x = normal(3, 2)
    layer = nn.Residual(nn.Dense(2, 2))
    np.testing.assert_array_equal(layer(x), x + layer.module(x))
    np.testing.assert_allclose(layer(x.tolist()), layer(x))
    assert list(layer.state_dict()) == ["module.weight", "module.bias"]
    assert fd.compile(layer)(x).shape == (3, 2) and F.add(x, x).dtype == layer(x).dtype
