"""Options of the step: penalties, several batches for one update, the average of the parameters, smoothed labels."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.functional.averages import moving_average
from fastdl.training import Callback
from fastdl.tree import flatten

from .common import same, values

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((50, 6)), rng.integers(0, 3, 50)


def network(*inside, dtype=np.float64):
    fd.seed(0)
    return nn.Sequential(nn.Dense(6, 16), nn.Tanh(), *inside, nn.Dense(16, 3)).astype(dtype)


def close(a, b, tolerance=1e-12):
    """Where terms of about 1 cancel, what they were rounded by stays: a hundredth of the tolerance."""
    for p, q in zip(a, b, strict=True):
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance / 100)


@pytest.mark.parametrize("optimizer", [optim.SGD(0.1, momentum=0.9), optim.Adam(optim.linear_decay(0.05, 12))])
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_of_one_step_are_as_one_large_batch(optimizer, weighted):
    """50 samples: steps of 3 batches of 8 and 2, the last of 2 samples alone; and a schedule that counts steps."""
    options = {"epochs": 4, "seed": 3, "optimizer": optimizer, "metrics": ("accuracy",)}
    options |= {"sample_weight": np.arange(50) / 25} if weighted else {}
    one, many = network(), network()
    history = one.fit(X, Y, batch_size=24, **options)
    other = many.fit(X, Y, batch_size=8, accumulate=3, **options)
    close(values(one), values(many))
    assert other["accuracy"] == history["accuracy"]
    assert other["loss"] == pytest.approx(history["loss"], rel=1e-12)


def test_batches_of_one_step_have_masks_of_their_own_and_pass_buffers_on():
    """Dropout's masks differ from batch to batch, and batch norm's statistics move once for each."""
    model = network(nn.BatchNorm1d(16))
    model.fit(X, Y, batch_size=10, accumulate=5, epochs=1, optimizer=optim.SGD(0.0), shuffle=False)
    twin = network(nn.BatchNorm1d(16))
    for start in range(0, 50, 10):
        twin(X[start : start + 10], training=True)
    close(flatten(model.buffers())[0], flatten(twin.buffers())[0])
    ones = nn.Sequential(nn.Dropout(0.5)).astype(np.float64)
    seen = nn.Sequential(nn.Dense(64, 1, bias=False), nn.Dropout(0.0)).astype(np.float64)
    seen[0].weight[...] = 0
    model = nn.Sequential(ones[0], seen[0])
    model.fit(np.ones((2, 64)), np.ones(2), batch_size=1, accumulate=2, epochs=1, optimizer=optim.SGD(1.0), seed=0)
    assert len(np.unique(seen[0].weight)) == 3  # kept in none, one or both of the batches


def test_steps_are_counted_and_called_back():
    class Count(Callback):
        def __init__(self):
            self.steps = []

        def on_batch_end(self, model, step):
            self.steps.append(step)

    count = Count()
    network().fit(X, Y, batch_size=8, accumulate=3, epochs=2, callbacks=count)
    assert count.steps == list(range(6))


def test_penalties_are_on_weights_and_in_the_loss():
    one, twin = network(nn.LayerNorm(16)), network(nn.LayerNorm(16))
    history = one.fit(X, Y, epochs=3, batch_size=16, l1=1e-3, l2=1e-2, shuffle=False, optimizer=optim.SGD(0.1))
    params = twin.parameters()
    optimizer = optim.SGD(0.1)
    state = optimizer.init(params)

    def loss(params, x, y):
        value = F.cross_entropy(twin.apply(params, x, training=True), y)
        for w in (params["0"]["weight"], params["3"]["weight"]):
            value = value + 1e-3 * np.sum(np.abs(w)) + 1e-2 * np.sum(w * w)
        return value

    step = fd.value_and_grad(loss)
    for _ in range(3):
        total = 0.0
        for start in range(0, 50, 16):
            x, y = X[start : start + 16], Y[start : start + 16]
            found, grads = step(params, x, y)
            params, state = optimizer.update(params, grads, state)
            total += float(found) * len(x)
    close(values(one), flatten(params)[0])
    assert history["loss"][-1] == pytest.approx(total / 50, rel=1e-12)
    assert one.evaluate(X, Y)["loss"] < history["loss"][-1]


def test_label_smoothing():
    one, other = network(), network()
    options = {"epochs": 3, "seed": 1, "optimizer": "sgd"}
    one.fit(X, Y, label_smoothing=0.2, **options)
    other.fit(X, Y, loss=lambda outputs, target: F.cross_entropy(outputs, target, label_smoothing=0.2), **options)
    assert same(values(one), values(other)) and one.loss == "cross_entropy"
    plain = network()
    plain.fit(X, Y, **options)
    assert not same(values(one), values(plain))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_model_has_the_average(dtype):
    class Watch(Callback):
        def __init__(self):
            self.seen = []

        def on_batch_end(self, model, step):
            self.seen.append(values(model))

    plain, averaged = Watch(), Watch()
    options = {"epochs": 2, "batch_size": 16, "seed": 2, "optimizer": optim.Adam(0.05), "validation_data": (X, Y)}
    network(dtype=dtype).fit(X, Y, callbacks=plain, **options)
    model = network(dtype=dtype)
    history = model.fit(X, Y, callbacks=averaged, ema=0.9, **options)
    average = plain.seen[0]
    for step, found in enumerate(averaged.seen):
        if step:
            average = [0.9 * e + 0.1 * p for e, p in zip(average, plain.seen[step], strict=True)]
        close(found, average, 1e-5 if dtype == np.float32 else 1e-12)
    assert same(values(model), averaged.seen[-1])
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y)["loss"], rel=1e-6)


def test_a_weight_that_a_callback_changes_changes_behind_the_average_as_well():
    def freeze(model, epoch, numbers):
        model[0].bias[...] = 5.0

    model = network()
    model.fit(X, Y, epochs=2, ema=0.5, callbacks=freeze, optimizer=optim.SGD(0.0))
    assert (model[0].bias == 5).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_same_bits_when_resumed(threads, tmp_path):
    """Everything at once, interrupted within an epoch and between two."""

    class Stop(Callback):
        def __init__(self, at=None):
            self.at = at

        def on_batch_end(self, model, step):
            if step == self.at:
                raise KeyboardInterrupt

    def fit(callback, **options):
        model = network(nn.BatchNorm1d(16), nn.Dropout(0.3), dtype=np.float32)
        step = {"l1": 1e-4, "l2": 1e-3, "label_smoothing": 0.1, "accumulate": 2, "ema": 0.8, "batch_size": 8}
        optimizer = optim.AdamW(optim.cosine_decay(0.02, 12), weight_decay=0.1, clip_norm=0.5)
        with fd.threads(threads):
            try:
                model.fit(X, Y, epochs=3, optimizer=optimizer, callbacks=callback, **step, **options)
            except KeyboardInterrupt:
                pass
        return [a.tobytes() for a in model.state_dict().values()]

    whole = fit(Stop(), seed=4)
    for at in range(12):
        fit(Stop(at), seed=4, checkpoint=tmp_path / "c")
        assert fit(Stop(), resume=tmp_path / "c") == whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1": -1}, "l1 is -1; expected a finite number"),
        ({"l2": "much"}, "l2 is 'much'"),
        ({"accumulate": 0}, "accumulate is 0; expected an integer of at least 1"),
        ({"accumulate": 2, "batch_size": None}, "accumulate is 2, but batch_size is None"),
        ({"ema": 1}, "ema is 1; expected None or a decay"),
        ({"label_smoothing": 2}, "label_smoothing is 2"),
        ({"label_smoothing": 0.1, "loss": "nll"}, 'loss is nll_loss; it is for "cross_entropy"'),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        network().fit(X, Y, **options)


def test_a_last_batch_that_is_too_small_is_named_by_the_batch_size():
    model = nn.Sequential(nn.Dense(6, 4), nn.BatchNorm1d(4), nn.Dense(4, 3))
    x, y = rng.standard_normal((33, 6)).astype(np.float32), rng.integers(0, 3, 33)
    with pytest.raises(ValueError, match="33 samples in batches of 8 leave 1 for the last one.* such as [79] "):
        model.fit(x, y, batch_size=8, accumulate=2)


def test_batches_of_an_iterator_are_not_put_together():
    with pytest.raises(ValueError, match="accumulate is 2, but X gives batches"):
        network().fit([(X, Y)], accumulate=2)


def test_moving_average_by_itself():
    e, p = rng.standard_normal((2, 5000))
    assert np.array_equal(moving_average(e, p, np.array(0), decay=0.9), p)
    np.testing.assert_allclose(moving_average(e, p, np.array(3), decay=0.9), 0.9 * e + 0.1 * p, rtol=1e-13, atol=1e-15)
