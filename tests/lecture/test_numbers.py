"""Every number of the lecture, through the public interface, in the order of its topics."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import datasets, nn, optim
from fastdl import functional as F


def chances():
    X, weight, bias = datasets.stroke_patients()
    return F.dense(X, weight[None], np.array([bias]), activation="sigmoid")[:, 0]


def cost(w, reduction="sum"):
    x, y = datasets.five_points()
    return F.mse_loss(w * x, y, reduction=reduction)


def recorded_cost(w):
    x, y = datasets.five_points()
    return np.sum((y - w * x) ** 2)


def dense(sizes, activation=nn.Tanh):
    parts = [part for p, m in zip(sizes, sizes[1:], strict=False) for part in (nn.Dense(p, m), activation())]
    return nn.Sequential(*parts[:-1])


def test_1_neuron():
    X, weight, bias = datasets.stroke_patients()
    assert X.tolist() == [[130, 6, 28, 55], [130, 5.5, 23, 56]] and (weight.tolist(), bias) == (
        [0.1, 0.3, 1.1, 0.5],
        -71.2,
    )
    np.testing.assert_allclose(F.dense(X, weight[None], np.array([bias]))[:, 0], [1.9, -3.25], atol=1e-12)
    assert chances().round(3).tolist() == [0.870, 0.037]


def test_2_decision_rule():
    """A model's own rule: class 1 if the probability is above 1/2, and at 1/2 itself class 0."""
    X, weight, bias = datasets.stroke_patients()
    model = nn.Dense(4, 1).astype(np.float64)
    model.weight, model.bias = weight[None], np.array([bias])
    model.loss, model.classes = "bce_with_logits", [0, 1]
    assert model.predict(X).tolist() == [1, 0]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], chances(), rtol=1e-12)
    model.weight, model.bias = np.zeros((1, 4)), np.zeros(1)
    assert model.predict_proba(X)[:, 1].tolist() == [0.5, 0.5] and model.predict(X).tolist() == [0, 0]


def test_3_layer():
    rng = np.random.default_rng(0)
    X, W, b = rng.standard_normal((5, 4)), rng.standard_normal((3, 4)), rng.standard_normal(3)
    a = F.dense(X, W, b, activation="tanh")
    np.testing.assert_allclose(a, np.tanh([W @ x + b for x in X]), rtol=1e-12)
    np.testing.assert_allclose([F.dense(x, W, b, activation="tanh") for x in X], a, rtol=1e-12)
    layers = [nn.Dense(4, 3), nn.ReLU(), nn.Dense(3, 2), nn.Sigmoid()]
    model = nn.Sequential(*layers).astype(np.float64)
    f1, f2 = nn.Sequential(*layers[:2]), nn.Sequential(*layers[2:])
    np.testing.assert_array_equal(model(X), f2(f1(X)))


@pytest.mark.parametrize(("sizes", "count"), [((2, 1), 3), ((2, 4, 1), 17), ((2, 10, 1), 41), ((2, 4, 2, 1), 25)])
def test_4_parameters(sizes, count):
    assert dense(sizes).num_parameters == count


def test_5_universal_approximation():
    X, y = datasets.waves(200)
    worst = []
    for m in (1, 8, 32):
        fd.seed(0)
        model = dense((1, m, 1))
        model[0].weight *= 12
        model[0].bias *= 12
        model.fit(X, y, optimizer=optim.Adam(optim.cosine_decay(0.02, 3000)), epochs=3000, batch_size=None, seed=0)
        worst.append(np.abs(model(X) - y).max())
    assert worst[0] > 1 > worst[1] > worst[2] and worst[2] < 0.2


def test_6_expressivity():
    X, y = datasets.xor(200)
    accuracy = []
    for sizes in ((2, 1), (2, 10, 1)):
        fd.seed(0)
        model = dense(sizes)
        model.fit(X, y, loss="bce_with_logits", optimizer=optim.Adam(0.03), epochs=200, batch_size=20, seed=0)
        accuracy.append(model.evaluate(X, y)["accuracy"])
    assert accuracy[0] < 0.7 and accuracy[1] > 0.97


@pytest.mark.parametrize("k", range(1, 11))
def test_7_sawtooth(k):
    """The tent map composed k times: 2^k pieces from k hidden layers of width 2, and exactly that function."""
    model = dense((1, *[2] * k, 1), nn.ReLU).astype(np.float64)
    layers = [layer for layer in model if isinstance(layer, nn.Dense)]
    for layer in layers:
        layer.weight = np.broadcast_to([1.0] if layer is layers[0] else [2.0, -4.0], layer.weight.shape)
        layer.bias = np.array([0.0, -0.5]) if layer is not layers[-1] else np.zeros(1)
    x = np.arange(2 ** (k + 2) + 1)[:, None] / 2 ** (k + 2)
    composed = x
    for _ in range(k):
        composed = np.minimum(2 * composed, 2 - 2 * composed)
    y = model(x)
    np.testing.assert_array_equal(y, composed)
    assert 1 + np.count_nonzero(np.diff(y[:, 0], 2)) == 2**k
    assert [layer.weight.shape[0] for layer in layers[:-1]] == [2] * k


def test_8_loss():
    assert [round(float(cost(w)), 1) for w in (0.85, 0.65, 0.95)] == [5.4, 12.3, 4.9]
    for w in (0.85, 0.65, 0.95):
        assert float(cost(w, "mean")) == pytest.approx(float(cost(w)) / 5, rel=1e-12)
    found = fd.minimize(recorded_cost, 0.0, optim.SGD(0.004), tol=1e-9)
    assert (round(float(found.x), 3), round(found.fun, 2)) == (0.925, 4.84)


def test_9_slope():
    """The error falls with d down to about 1e-8, and grows below it."""
    x, y = datasets.five_points()
    slope = float(fd.grad(recorded_cost)(np.float64(0.65)))
    assert slope == pytest.approx(-2 * x @ (y - 0.65 * x), rel=1e-12)
    error = {k: abs((cost(0.65 + 10.0**-k) - cost(0.65)) / 10.0**-k - slope) for k in (1, 3, 5, 8, 12, 15)}
    assert error[1] > error[3] > error[5] > error[8] < error[12] < error[15] and error[8] < 1e-5


def test_10_gradient_descent():
    steps = fd.minimize(recorded_cost, 0.65, optim.SGD(0.002), max_steps=5)
    t = 0.65
    for at in steps.path:
        assert at == pytest.approx(t, rel=1e-12)
        t -= 0.002 * float(fd.grad(recorded_cost)(np.float64(t)))
    assert steps.nit == 5 and (np.diff(steps.losses) < 0).all()
    two = [fd.minimize(lambda t: (t**2 - 1) ** 2 + 0.3 * t, start, optim.SGD(0.05)) for start in (-0.2, 0.3)]
    assert all(abs(walk.jac) <= 1e-6 for walk in two)
    assert [round(float(walk.x), 3) for walk in two] == [-1.036, 0.960]


def test_11_sharpness():
    """Power iteration on Hessian-vector products finds the Hessian's largest eigenvalue."""
    X, y = (a.astype(np.float64) for a in datasets.moons(40, noise=0.2))
    fd.seed(0)
    model = dense((2, 3, 1)).astype(np.float64)
    params = model.parameters()
    names = [(layer, name) for layer in params for name in params[layer]]
    ends = np.cumsum([params[a][b].size for a, b in names]).tolist()

    def loss(t):
        tree = {}
        for (layer, name), end in zip(names, ends, strict=True):
            own = params[layer][name]
            tree.setdefault(layer, {})[name] = t[end - own.size : end].reshape(own.shape)
        return F.binary_cross_entropy_with_logits(model.apply(tree, X), y[:, None])

    t = np.concatenate([params[a][b].ravel() for a, b in names])
    times = fd.compile(lambda t, v: fd.hvp(loss, t, v))
    whole = np.linalg.eigvalsh([times(t, e) for e in np.eye(13)])
    v = np.ones(13)
    for _ in range(500):
        v = times(t, v / np.linalg.norm(v))
    assert np.linalg.norm(v) == pytest.approx(np.abs(whole).max(), rel=1e-6)


def test_12_batches():
    """With the mean as loss, a full-batch step is the mean of the single samples' slopes."""
    x, y = datasets.five_points()
    slope = fd.grad(lambda w, x, y: F.mse_loss(w * x, y))
    whole = slope(np.float64(0.65), x, y)
    assert whole == pytest.approx(np.mean([slope(np.float64(0.65), x[i : i + 1], y[i : i + 1]) for i in range(5)]))
    assert 5 * whole == pytest.approx(fd.grad(recorded_cost)(np.float64(0.65)))


def test_13_convolution_1d():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(10), rng.standard_normal(3)
    z = F.conv1d(x[None, None], w[None, None])
    assert z.shape == (1, 1, 8)
    np.testing.assert_allclose(z[0, 0], [w[0] * x[i] + w[1] * x[i + 1] + w[2] * x[i + 2] for i in range(8)], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_14_convolution_2d(dtype):
    x, w = (a.astype(dtype) for a in datasets.small_image())
    z = [[-11, -4, 9, 12], [-7, -6, 5, 11], [-9, -8, 6, 7], [-7, -4, 8, 7]]
    assert F.conv2d(x[None, None], w[None, None])[0, 0].tolist() == z
    assert F.filter2d(x, w, border="valid").tolist() == z
    assert x.tolist()[5] == [3, 1, 0, 1, 3, 3] and w.tolist() == [[-1, 0, 1]] * 3


def test_15_filters():
    image = datasets.brain_slices()[0][12, 0]
    filters = {name: w.astype(np.float32) for name, w in datasets.image_filters().items()}
    assert [*filters] == ["identity", "box blur", "sharpen", "outline", "sobel left-right", "sobel top-bottom"]
    assert [round(float(w.sum()), 6) for w in filters.values()] == [1, 1, 1, 0, 0, 0]
    np.testing.assert_array_equal(F.filter2d(image, filters["identity"]), image)
    i, j = np.indices((3, 3)).reshape(2, 9)
    for name, w in filters.items():
        y = F.filter2d(image, w)
        by_hand = sum(w[u, v] * image[u : u + 231, v : v + 195].astype(np.float64) for u, v in zip(i, j, strict=True))
        np.testing.assert_allclose(y[1:-1, 1:-1], by_hand, atol=1e-5, err_msg=name)
    assert F.filter2d(image, filters["box blur"])[100, 100] == pytest.approx(image[99:102, 99:102].mean(), rel=1e-5)


def test_16_few_parameters_and_a_small_window():
    assert (nn.Conv2d(1, 8, 3).num_parameters, nn.Dense(784, 8 * 26 * 26).num_parameters) == (80, 4245280)
    x, w = np.ones((1, 1, 15, 15)), np.ones((1, 1, 3, 3))

    def three(x):
        return F.conv2d(F.conv2d(F.conv2d(x, w), w), w)[0, 0, 4, 4]

    assert np.count_nonzero(fd.grad(three)(x)[0, 0].any(axis=0)) == 7


def test_18_dot_product():
    q, radians = np.array([2.0, 0.0]), np.deg2rad([0, 90, 180])
    k = 3 * np.stack([np.cos(radians), np.sin(radians)], 1)
    np.testing.assert_allclose(F.matmul(k, q), [6, 0, -6], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_19_attention(dtype):
    note = datasets.clinical_note()
    assert " ".join(note.words) == "The patient reports a headache and took ibuprofen for arthritis"
    query, keys, values, weight = (a.astype(dtype) for a in (note.query, note.keys, note.values, note.weight))
    context, weights = F.attention(query, keys, values, scale=1, return_weights=True)
    assert [round(float(a), 2) for a in weights[0]] == [0.02, 0.05, 0.03, 0.01, 0.75, 0.02, 0.03, 0.05, 0.02, 0.02]
    assert 0 < weights.min() and weights.max() < 1 and weights.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(weights, F.softmax(F.matmul(query, keys.T)), rtol=1e-5)
    np.testing.assert_allclose(context[0], sum(a * v for a, v in zip(weights[0], values, strict=True)), rtol=1e-5)
    answers = F.softmax(F.dense(context, weight))[0]
    assert note.answers[int(answers.argmax())] == "headache" and answers.max() > 0.9


def test_19_another_question():
    note = datasets.clinical_note("medicine")
    _, weights = F.attention(note.query, note.keys, note.values, scale=1, return_weights=True)
    assert note.words[int(weights.argmax())] == "ibuprofen"
    with pytest.raises(ValueError, match="clinical_note: query is 'dose'; expected one of 'symptom', 'medicine'"):
        datasets.clinical_note("dose")
