"""A loss that is not finite: where it began, what the model keeps, and that watching costs nothing."""

import math

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.training import Callback, DivergenceWarning
from fastdl.training.steps import Steps

rng = np.random.default_rng(0)
X = rng.standard_normal((50, 6)).astype(np.float32)
Y, T = rng.integers(0, 3, 50), rng.standard_normal(50).astype(np.float32)


def network(*inside, outputs=3):
    fd.seed(0)
    return nn.Sequential(nn.Dense(6, 16), nn.ReLU(), *inside, nn.Dense(16, outputs))


class Log(nn.Module):
    def __call__(self, x):
        return F.log(x)


class Root(nn.Module):
    """Finite, with a gradient that is not."""

    def __call__(self, x):
        return F.sqrt(x * 0)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: network(Log()), {}, r"step 0 of epoch 0 .* in layer 2 \(Log\(\)\), is log: result\[0, \d+\] is -inf"),
        (
            lambda: network(Root()),
            {},
            r"whose loss is [01]\..* in the gradient of layer 2 \(Root\(\)\), is \w+: .* -?(inf|nan)",
        ),
        (lambda: network(), {"loss": lambda o, t: np.mean(F.log(o))}, r"in the loss, is log: result\[.*\] is nan"),
        (
            lambda: network(),
            {"optimizer": optim.SGD(1e38)},
            r"step 1 of .* in layer \d \(Dense\(\d+, \d+\)\), is dense: result.* \(the largest is [\d.]+e\+37\)",
        ),
        (lambda: network(), {"optimizer": optim.SGD(1e300)}, r"in the update of the parameters, is sgd_update"),
    ],
)
def test_the_error_names_step_layer_and_op(model, options, message):
    network = model()
    with pytest.raises(FloatingPointError, match=message) as error:
        network.fit(X, Y, epochs=3, batch_size=16, seed=0, **options)
    assert "\n" not in str(error.value) and "clip_norm" in str(error.value)
    assert network.history.stopped == "not finite"
    assert all(np.isfinite(a).all() for a in network.state_dict().values())


class Recorder(Callback):
    def __init__(self):
        self.states = []

    def on_batch_end(self, model, step):
        self.states.append({name: a.tobytes() for name, a in model.state_dict().items()})


@pytest.mark.parametrize("bad", [0, 3, 4, 7, 12, 13, 39])
@pytest.mark.parametrize("watched", [False, True])
def test_the_model_keeps_what_it_had_before_the_bad_step(bad, watched):
    """A learning rate that is too large in one step: 4 steps an epoch, shuffled, dropout, Adam."""

    def fit(epochs, callbacks=(), rate=1e300):
        model = network(nn.Dropout(0.5))
        rates = optim.piecewise_constant({0: 0.01, bad: rate, bad + 1: 0.01})
        return model, lambda: model.fit(
            X, Y, epochs=epochs, batch_size=16, seed=1, optimizer=optim.Adam(rates), callbacks=callbacks
        )

    recorder = Recorder()
    fit(10, recorder, 0.01)[1]()
    before = {n: a.tobytes() for n, a in network(nn.Dropout(0.5)).state_dict().items()}
    states = [before, *recorder.states]
    model, run = fit(10, (Recorder(),) if watched else ())
    with pytest.raises(
        FloatingPointError,
        match=f"after step {bad} of epoch {bad // 4} .* in the update of the parameters, is adam_update",
    ):
        run()
    assert {n: a.tobytes() for n, a in model.state_dict().items()} == states[bad]


def test_parameters_that_are_not_finite_at_the_end():
    """The last step broke them, and no loss has told."""
    model = network(outputs=1)
    rates = optim.piecewise_constant({0: 0.0, 3: 1e300})
    with pytest.raises(FloatingPointError, match="step 3 of epoch 0"):
        model.fit(X, T, epochs=1, batch_size=16, optimizer=optim.SGD(rates))
    assert np.array_equal(model[0].weight, network(outputs=1)[0].weight)


def test_a_model_that_is_not_finite_from_the_start():
    model = network()
    model[0].bias[3] = np.nan
    with pytest.raises(ValueError, match="fit: 0.bias of the model holds NaN"):
        model.fit(X, Y)


def test_what_a_callback_changes_is_what_training_goes_back_to():
    class Change(Callback):
        def on_epoch_end(self, model, epoch, numbers):
            model[0].bias[...] = epoch + 100.0

    model = network(outputs=1)
    rates = optim.piecewise_constant({0: 0.0, 9: 1e300})
    with pytest.raises(FloatingPointError, match="step 9 of epoch 2"):
        model.fit(X, T, epochs=5, batch_size=16, optimizer=optim.SGD(rates), callbacks=Change())
    assert (model[0].bias == 101).all()


def test_divergence_is_warned_of_once():
    steepest = 2 * np.linalg.eigvalsh(X.T @ X / len(X)).max()
    model = nn.Dense(6, 1)
    with pytest.warns(DivergenceWarning, match=r"the loss was [\d.]+ in the first epoch and is") as warned:
        model.fit(X, T, epochs=200, batch_size=None, optimizer=optim.SGD(1.05 * 2 / steepest))
    assert len(warned) == 1 and warned[0].filename == __file__


def test_divergence_is_warned_of_from_code_without_a_module():
    steepest = 2 * np.linalg.eigvalsh(X.T @ X / len(X)).max()
    names = {"fit": nn.Dense(6, 1).fit, "X": X, "T": T, "slope": optim.SGD(1.05 * 2 / steepest)}
    with pytest.warns(DivergenceWarning, match="in the first epoch"):
        exec("fit(X, T, epochs=200, batch_size=None, optimizer=slope)", names)


def test_debug_nans():
    def f(x):
        return np.sum(np.log(x))

    zero = np.float32([1, 0])
    assert math.isinf(F.log(zero)[1])
    with fd.debug_nans():
        for call in (lambda: F.log(zero), lambda: fd.compile(f)(zero), lambda: fd.grad(f)(zero)):
            with pytest.raises(FloatingPointError, match=r"^(log|divide): result\[1\] is -?inf, though all its"):
                call()
        assert np.isnan(F.exp(np.float32([np.nan]))).all()  # not the op's fault
        assert fd.grad(f)(np.float32([1, 2])).tolist() == [1, 0.5]
    assert math.isinf(fd.compile(f)(zero))
    with pytest.raises(TypeError, match="on is 1"):
        fd.debug_nans(1)
    fd.debug_nans(True)
    try:
        with fd.debug_nans(False):
            F.log(zero)
        with pytest.raises(FloatingPointError):
            F.log(zero)
    finally:
        fd.debug_nans(False)


def test_ctrl_c_during_the_search_for_the_cause(monkeypatch, tmp_path):
    """No checkpoint of a place in the midst of the search, and the model keeps what was finite."""
    again = Steps.run

    def interrupted(self, *arguments, one_by_one=False):
        if one_by_one:
            raise KeyboardInterrupt
        again(self, *arguments, one_by_one=one_by_one)

    monkeypatch.setattr(Steps, "run", interrupted)
    model = network()
    with pytest.raises(FloatingPointError, match="Ctrl-C ended the search"):
        model.fit(X, Y, epochs=2, optimizer=optim.SGD(1e38), checkpoint=tmp_path / "c")
    assert not (tmp_path / "c").exists() and model.history.stopped == "not finite"
    assert all(np.isfinite(a).all() for a in model.state_dict().values())


def test_batches_that_come_only_once():
    """They cannot be gone over again: the error names the step as well as it can be known."""
    batches = [(X[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10)]
    model = network()
    rates = optim.piecewise_constant({0: 0.01, 2: 1e300})
    with pytest.raises(
        FloatingPointError, match=r"not finite any more between the steps \d and [23] \(counted from 0\)"
    ):
        model.fit(iter(batches), epochs=1, optimizer=optim.SGD(rates))
    assert all(np.isfinite(a).all() for a in model.state_dict().values())
