"""``training=True``: dropout and its masks, buffers and how they change, and who sees the mode."""

import threading

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn

X = np.ones((64, 16), np.float32)


class Counter(nn.Module):
    """Counts its calls in training mode, and keeps the last mean."""

    def __init__(self):
        self.count = nn.Buffer(np.zeros((), np.float32))
        self.mean = nn.Buffer(np.zeros((), np.float32))

    def __call__(self, x):
        if nn.is_training():
            self.update_buffer("count", self.count + np.float32(1))
            self.update_buffer("mean", np.mean(x))
        return x


class Spy(nn.Module):
    def __init__(self):
        self.seen = []

    def __call__(self, x, training):
        assert training == nn.is_training()
        self.seen.append(training)
        return x


def test_the_mode_reaches_inner_layers():
    spies = Spy(), Spy()
    model = nn.Sequential(spies[0], nn.Sequential(spies[1]))
    model(X)
    model(X, training=True)
    model(X, training=False)
    model.apply({}, X, training=True)
    assert spies[0].seen == spies[1].seen == [False, True, False, True]
    assert not nn.is_training()


def test_an_inner_call_may_turn_it_off():
    class Frozen(nn.Module):
        def __init__(self):
            self.body, self.head = nn.Sequential(nn.Dropout(0.5), Spy()), Spy()

        def __call__(self, x):
            return self.head(self.body(x, training=False))

    model = Frozen()
    np.testing.assert_array_equal(model(X, training=True), X)
    assert model.body[1].seen == [False] and model.head.seen == [True]


def test_the_mode_ends_with_an_error():
    class Broken(nn.Module):
        def __call__(self, x):
            raise KeyError("broken")

    for call in (lambda: Broken()(X, training=True), lambda: Broken().apply({}, X, training=True)):
        with pytest.raises(KeyError):
            call()
        assert not nn.is_training()
        with pytest.raises(RuntimeError):
            nn.random_key()


def test_training_must_be_a_bool():
    with pytest.raises(TypeError, match="Dropout: training is 'yes'; expected True or False"):
        nn.Dropout()(X, training="yes")


def test_dropout_is_off_in_inference():
    layer = nn.Dropout(0.5)
    assert layer(X) is X
    assert layer.apply({}, X, seed=3) is X
    assert nn.Dropout(0.0)(X, training=True) is X


def test_dropout_mask_is_a_function_of_seed_step_and_place():
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))
    first = nn.Dropout(0.5)

    def mask(m=first, **options):
        y = m.apply({}, X, training=True, **options)
        assert set(np.unique(y)) <= {0, 2, 4}
        return y != 0

    assert 0.4 < mask(seed=1, step=0).mean() < 0.6
    np.testing.assert_array_equal(mask(seed=1, step=0), mask(seed=1, step=0))
    assert not np.array_equal(mask(seed=1, step=0), mask(seed=2, step=0))
    assert not np.array_equal(mask(seed=1, step=0), mask(seed=1, step=1))
    both = mask(model, seed=1, step=0)  # two different masks: a quarter is left
    assert 0.15 < both.mean() < 0.35 and not (both & ~mask(seed=1, step=0)).any()


def test_recorded_dropout_takes_seed_and_step_as_values():
    layer = nn.Dropout(0.5)
    run = fd.compile(lambda x, seed, step: layer.apply({}, x, training=True, seed=seed, step=step))
    for seed, step in ((0, 0), (5, 0), (5, 7)):
        expected = layer.apply({}, X, training=True, seed=seed, step=step)
        np.testing.assert_array_equal(run(X, np.int64(seed), np.int64(step)), expected)


def test_eager_training_draws_from_the_seed():
    layer = nn.Dropout(0.5)
    fd.seed(4)
    first, second = layer(X, training=True), layer(X, training=True)
    fd.seed(4)
    np.testing.assert_array_equal(layer(X, training=True), first)
    assert not np.array_equal(first, second)


def test_eager_training_updates_buffers():
    model = nn.Sequential(Counter(), nn.Dense(16, 1))
    model(X)
    assert model[0].count == 0
    model(X, training=True)
    model(2 * X, training=True)
    assert model[0].count == 2 and model[0].mean == 2


def test_apply_returns_new_buffers_and_changes_none():
    model = nn.Sequential(Counter(), Counter())
    given = {
        "0": {"count": np.float32(10), "mean": np.float32(0)},
        "1": {"count": np.float32(0), "mean": np.float32(0)},
    }
    y, new = model.apply({}, X, training=True, buffers=given)
    np.testing.assert_array_equal(y, X)
    assert new["0"]["count"] == 11 and new["1"]["count"] == 1 and new["1"]["mean"] == 1
    assert model[0].count == 0 and given["0"]["count"] == 10
    y, new = model.apply({}, X, training=True)
    assert new["0"]["count"] == 1 and new.keys() == model.buffers().keys()
    np.testing.assert_array_equal(model.apply({}, X, buffers=given), X)  # inference: no buffers come back
    with pytest.raises(ValueError, match="apply: buffers: the values do not fit the model: 1.count"):
        model.apply({}, X, buffers={"0": given["0"]})


def test_buffers_that_did_not_change_come_back_too():
    class Still(nn.Module):
        def __init__(self):
            self.state = nn.Buffer(np.ones(2))

        def __call__(self, x):
            return x

    _, new = Still().apply({}, X, training=True)
    assert new["state"].tolist() == [1, 1]
    _, new = Still().apply({}, X, training=True, buffers={"state": np.zeros(2)})
    assert new["state"].tolist() == [0, 0]


def test_a_layer_that_is_called_twice_updates_twice():
    counter = Counter()
    model = nn.Sequential(counter, counter)
    _, new = model.apply({}, X, training=True)
    assert new == {"0": {"count": 2, "mean": 1}}
    model(X, training=True)
    assert counter.count == 2


def test_recorded_buffers():
    model = nn.Sequential(Counter())
    run = fd.compile(lambda x, buffers: model.apply({}, x, training=True, buffers=buffers))
    y, new = run(3 * X, {"0": {"count": np.ones((), np.float32), "mean": np.zeros((), np.float32)}})
    assert new["0"]["count"] == 2 and new["0"]["mean"] == 3 and model[0].count == 0


def test_update_buffer_checks():
    counter = Counter()
    with pytest.raises(RuntimeError, match="does not run in training mode"):
        counter.update_buffer("count", np.float32(1))

    class Wrong(Counter):
        value = np.float32(1)
        name = "count"

        def __call__(self, x):
            self.update_buffer(self.name, self.value)
            return x

    wrong = Wrong()
    wrong.value = np.ones(2, np.float32)
    with pytest.raises(ValueError, match=r"update_buffer\('count'\): got \(2,\) float32; expected \(\) float32"):
        wrong(X, training=True)
    wrong.name = "variance"
    with pytest.raises(ValueError, match=r"Wrong has no buffer 'variance'; it has \['count', 'mean'\]"):
        wrong(X, training=True)
    assert wrong.count == 0

    hidden = Counter()

    class Careless(nn.Module):
        def __call__(self, x):
            return hidden(x)

    with pytest.raises(RuntimeError, match="is no part of the model that runs"):
        Careless().apply({}, X, training=True)


def test_training_while_recording_needs_apply():
    model = nn.Dropout()
    with pytest.raises(TypeError, match=r"use model.apply\(model.parameters\(\), x, training=True"):
        fd.compile(lambda x: model(x, training=True))(X)


def test_threads_have_modes_of_their_own():
    inside, leave = threading.Event(), threading.Event()

    class Waiting(nn.Module):
        def __call__(self, x):
            inside.set()
            assert leave.wait(10)
            return x

    thread = threading.Thread(target=lambda: Waiting()(X, training=True))
    thread.start()
    assert inside.wait(10)
    assert not nn.is_training() and nn.Dropout()(X) is X
    leave.set()
    thread.join()
