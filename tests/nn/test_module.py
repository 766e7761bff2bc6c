"""Modules as functions of their parameters, and parameters as trees."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn


class Residual(nn.Module):
    """Ordinary Python: a branch on a static attribute, a loop over a list, NumPy in between."""

    def __init__(self, width, depth, double=False):
        self.blocks = [nn.Dense(width, width, dtype=np.float64) for _ in range(depth)]
        self.scale = nn.Parameter(np.full(width, 0.5))
        self.double = double

    def __call__(self, x):
        for block in self.blocks:
            x = x + np.tanh(block(x)) * self.scale
        return 2 * x if self.double else x


def numpy_residual(params, x, depth):
    for i in range(depth):
        layer = params["blocks"][str(i)]
        x = x + np.tanh(x @ layer["weight"].T + layer["bias"]) * params["scale"]
    return x


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((5, 3))


def test_apply_is_a_function_of_its_parameters(x):
    net = Residual(3, 2)
    before = net.state_dict()
    params = {
        "scale": np.ones(3),
        "blocks": {str(i): {"weight": np.full((3, 3), 0.1 * (i + 1)), "bias": np.ones(3)} for i in range(2)},
    }
    np.testing.assert_allclose(net.apply(params, x), numpy_residual(params, x, 2), rtol=1e-13)
    np.testing.assert_allclose(net(x), numpy_residual(net.parameters(), x, 2), rtol=1e-13)
    np.testing.assert_array_equal(net.apply(net.parameters(), x), net(x))
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_flat_names_serve_as_well(x):
    net = Residual(3, 1)
    np.testing.assert_array_equal(net.apply(net.state_dict(), x), net(x))


def test_apply_inside_compile_and_grad(x):
    net = Residual(3, 2)
    params = net.parameters()

    def loss(params, x):
        return np.sum(net.apply(params, x) ** 2)

    value, grads = fd.value_and_grad(loss)(params, x)
    np.testing.assert_allclose(value, np.sum(net(x) ** 2), rtol=1e-12)
    np.testing.assert_allclose(fd.compile(net.apply)(params, x), net(x), rtol=1e-12)
    for name, place in (("blocks", ("1", "weight")), ("blocks", ("0", "bias"))):
        layer, leaf = place
        step = 1e-6
        array = params[name][layer][leaf]
        moved = array.copy()
        array.flat[1] += step
        up = loss(params, x)
        array.flat[1] -= 2 * step
        down = loss(params, x)
        array[...] = moved
        np.testing.assert_allclose(grads[name][layer][leaf].flat[1], (up - down) / (2 * step), rtol=1e-6)


def test_compiled_model_sees_new_parameters(x):
    net = nn.Dense(3, 2, dtype=np.float64)
    compiled = fd.compile(lambda x: net(x))
    before = compiled(x)
    net.weight = np.zeros((2, 3))
    assert not np.allclose(before, compiled(x))
    np.testing.assert_allclose(compiled(x), np.broadcast_to(net.bias, (5, 2)))


def test_eight_threads_apply_one_model(x, at_once):
    net = Residual(3, 2)
    results = {}

    def work(k):
        params = {
            "scale": np.full(3, float(k)),
            "blocks": {str(i): {"weight": np.full((3, 3), 0.01 * k), "bias": np.full(3, -k / 9)} for i in range(2)},
        }
        for _ in range(20):
            y = net.apply(params, x)
            np.testing.assert_allclose(y, numpy_residual(params, x, 2), rtol=1e-12)
        results[k] = y

    at_once(work, 8)
    assert len(results) == 8


def test_apply_lists_all_that_does_not_fit(x):
    net = Residual(3, 1)
    params = {"scale": np.ones(4), "blocks": {"0": {"weight": np.ones((3, 3), np.int64)}}, "extra": np.ones(1)}
    with pytest.raises(ValueError) as caught:
        net.apply(params, x)
    assert str(caught.value) == (
        "apply: params: the values do not fit the model: blocks.0.bias (3,) is missing; extra is unexpected; "
        "scale has shape (4,), expected (3,); blocks.0.weight has dtype int64, expected float64"
    )


@pytest.mark.parametrize(
    "params, message",
    [
        ([1], "apply: params is a list; expected a dict of arrays"),
        ({0: {}}, "apply: params has the key 0; expected text"),
    ],
)
def test_apply_wants_dicts(params, message, x):
    with pytest.raises(TypeError, match=message):
        nn.Dense(3, 1).apply(params, x)


def test_load_state_dict():
    model = nn.Sequential(nn.Dense(2, 3), nn.ReLU(), nn.Dense(3, 1, bias=False))
    live = model[0].weight
    state = {"0.weight": np.arange(6.0).reshape(3, 2), "0.bias": [1, 2, 3], "2.weight": np.ones((1, 3), np.float16)}
    with pytest.raises(ValueError, match="0.bias has dtype int64, expected float32$"):
        model.load_state_dict(state)
    assert not np.array_equal(live, state["0.weight"])
    model.load_state_dict(state | {"0.bias": [1.0, 2, 3]})
    assert live is model[0].weight and live.tolist() == [[0, 1], [2, 3], [4, 5]] and live.dtype == np.float32
    assert model[0].bias.tolist() == [1, 2, 3] and model[2].weight.tolist() == [[1, 1, 1]]
    copies = model.state_dict()
    copies["0.weight"][...] = 9
    assert live[0, 0] == 0


def test_load_state_dict_of_a_wrapped_model_and_of_old_files():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    state = model.state_dict()
    wrapped = {f"module.{name}": array for name, array in state.items()}
    with pytest.raises(ValueError, match='All names begin with "module.": pass {k.removeprefix'):
        model.load_state_dict(wrapped)
    with pytest.raises(ValueError, match='extra is unexpected. All names begin with "module."'):
        model.load_state_dict({**wrapped, "module.extra": np.zeros(3)})
    report = model.load_state_dict(wrapped, strict=False)
    assert not report.loaded and str(report).endswith('pass {k.removeprefix("module."): v for k, v in state.items()}')
    model.load_state_dict({k.removeprefix("module."): v for k, v in wrapped.items()})
    old = {name: array + 1 for name, array in state.items() if not name.endswith("num_batches_tracked")}
    assert len(model.load_state_dict(old).loaded) == len(old) == len(state) - 1
    np.testing.assert_array_equal(model[1].running_mean, old["1.running_mean"])


def test_load_state_dict_names_everything_at_once():
    model = nn.Sequential(nn.Dense(2, 3), nn.Dense(3, 1))
    before = model.state_dict()
    with pytest.raises(ValueError) as caught:
        model.load_state_dict({"0.weight": np.ones((3, 2)), "0.bias": np.ones(4), "5.weight": np.ones(1)})
    assert str(caught.value) == (
        "load_state_dict: the values do not fit the model: 1.weight (1, 3) is missing; 1.bias (1,) is missing; "
        "5.weight is unexpected; 0.bias has shape (4,), expected (3,)"
    )
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_load_parameters_round_trip():
    model, other = nn.Sequential(nn.Dense(2, 3)), nn.Sequential(nn.Dense(2, 3))
    other.load_parameters(model.parameters())
    np.testing.assert_array_equal(other[0].weight, model[0].weight)
    with pytest.raises(ValueError, match="load_parameters: the values do not fit"):
        other.load_parameters({})


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("f8")])
def test_astype(dtype, x):
    model = nn.Sequential(nn.Rescale(1 / 3), nn.Dense(3, 2))
    assert model.dtype == np.float32 and model(x).dtype == np.float32
    weight = model[1].weight.astype(np.float64)
    assert model.astype(dtype) is model and model.dtype == np.float64
    assert model(x).dtype == np.float64
    np.testing.assert_allclose(model(x), x / 3 @ weight.T + model[1].bias, rtol=1e-13)
    assert model.to("float32").dtype == np.float32


@pytest.mark.parametrize("dtype", ["cuda", np.float16, int, None])
def test_astype_refuses(dtype):
    with pytest.raises(TypeError, match=r"Dense.astype: dtype is .*; expected float32 or float64"):
        nn.Dense(1, 1).astype(dtype)


def test_a_module_without_call():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty has no __call__; define one: def __call__\(self, x\)"):
        Empty()(1)


def test_dtype_of_a_model_without_parameters():
    assert nn.Sequential(nn.ReLU()).dtype == np.float32
    assert nn.Sequential(nn.ReLU(), nn.Rescale(2, dtype=np.float64)).dtype == np.float64


def test_inputs_are_converted_not_rescaled():
    layer = nn.Dense(2, 1)
    layer.weight, layer.bias = np.ones((1, 2)), np.zeros(1)
    for x in ([[200, 100]], np.uint8([[200, 100]]), np.array([[200, 100]]), np.array([[200.0, 100.0]])):
        y = layer(x)
        assert y.dtype == np.float32 and y.tolist() == [[300]]
    assert layer(np.array([[True, False]])).tolist() == [[1]]
    recorded = fd.compile(lambda x: layer(x))(np.array([[200, 100]]))
    assert recorded.dtype == np.float32 and recorded.tolist() == [[300]]
    with pytest.raises(TypeError, match=r"Dense\(2, 1\): x has dtype <U1; expected numbers"):
        layer(np.array([["a", "b"]]))


def test_super_call():
    class Doubled(nn.Dense):
        def __call__(self, x):
            return 2 * super().__call__(x)

    layer = Doubled(2, 1, dtype=np.float64)
    x = np.ones((1, 2))
    np.testing.assert_allclose(layer(x), 2 * (x @ layer.weight.T + layer.bias))
    np.testing.assert_allclose(layer.apply(layer.parameters(), x), layer(x))


def test_several_inputs_and_options():
    class Mixed(nn.Module):
        def __init__(self):
            self.dense = nn.Dense(2, 2, dtype=np.float64)

        def __call__(self, a, b, *, sign=1.0):
            return self.dense(a) + sign * b

    net, a, b = Mixed(), np.ones((1, 2)), np.full((1, 2), 3.0)
    np.testing.assert_allclose(net.apply(net.parameters(), a, b, sign=-1.0), net.dense(a) - b)


def test_functional_is_reachable_in_own_modules(x):
    class Net(nn.Module):
        def __init__(self):
            self.dense = nn.Dense(3, 2, dtype=np.float64)

        def __call__(self, x):
            return F.log_softmax(F.relu(self.dense(x)))

    np.testing.assert_allclose(np.exp(Net()(x)).sum(axis=-1), 1)
