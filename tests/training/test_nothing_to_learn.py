"""Training that could not do what its caller wants is refused, or warned of, before it begins."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn
from fastdl.training.checkpoint import Keeper
from fastdl.training.steps import Steps

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 4)).astype(np.float32)
Y = np.arange(12) % 3


class Plain(nn.Module):
    """Its weight is an array, which was forgotten to be made a parameter."""

    def __init__(self):
        self.weight = np.ones((3, 4), np.float32)

    def __call__(self, x):
        return F.dense(x, self.weight)


class Unused(nn.Module):
    def __init__(self):
        self.layer = nn.Dense(4, 3)

    def __call__(self, x):
        return x[:, :3] * 2


def test_a_model_without_parameters():
    with pytest.raises(ValueError, match=r"fit: Plain has no parameters to train; expected arrays wrapped in nn.Param"):
        Plain().fit(X, Y, loss="cross_entropy", epochs=1)


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"l2": 0.1}])
@pytest.mark.parametrize(
    ("model", "loss"),
    [(Unused, "cross_entropy"), (lambda: nn.Dense(4, 3), lambda outputs, y: F.mean(F.astype(y, np.float32)))],
)
def test_a_loss_that_does_not_depend_on_the_parameters(model, loss, options):
    net = model()
    with pytest.raises(ValueError, match="the loss does not depend on the parameters"):
        net.fit(X, Y, loss=loss, epochs=1, batch_size=4, **options)
    assert net.loss is None


def test_a_layer_that_is_not_used_is_left_alone():
    class Half(nn.Module):
        def __init__(self):
            self.used, self.unused = nn.Dense(4, 3), nn.Dense(4, 3)

        def __call__(self, x):
            return self.used(x)

    net = Half()
    used, unused = net.used.weight.copy(), net.unused.weight.copy()
    net.fit(X, Y, epochs=1)
    assert np.array_equal(unused, net.unused.weight) and not np.array_equal(used, net.used.weight)


@pytest.mark.parametrize(
    ("last", "loss", "instead"),
    [
        (nn.Softmax(), "cross_entropy", 'nn.LogSoftmax.* loss="nll"'),
        (nn.Sigmoid(), "bce_with_logits", 'loss="bce"'),
    ],
)
def test_probabilities_under_a_loss_that_makes_them_itself(last, loss, instead):
    y = Y if loss == "cross_entropy" else Y % 2
    net = nn.Sequential(nn.Dense(4, 3 if loss == "cross_entropy" else 1), last)
    with pytest.warns(UserWarning, match=f"applies one itself.*{instead}") as seen:
        net.fit(X, y, loss=loss, epochs=1)
    assert [warning.filename for warning in seen] == [__file__]


@pytest.mark.parametrize(
    "train",
    [
        lambda build: fd.fit_many(build, 2, X, Y, loss="cross_entropy", epochs=1),
        lambda build: fd.cross_validate(build, X, Y, folds=2, loss="cross_entropy", epochs=1),
    ],
)
def test_many_networks_that_end_with_probabilities(train):
    with pytest.warns(UserWarning, match="applies one itself") as seen:
        train(lambda: nn.Sequential(nn.Dense(4, 3), nn.Softmax()))
    assert [warning.filename for warning in seen] == [__file__]


@pytest.mark.parametrize(
    ("last", "loss"), [(nn.Softmax(), "mse"), (nn.LogSoftmax(), "nll"), (nn.LogSoftmax(), "cross_entropy")]
)
def test_others_are_not_warned_of(last, loss):
    targets = np.eye(3, dtype=np.float32)[Y] if loss == "mse" else Y
    nn.Sequential(nn.Dense(4, 3), last).fit(X, targets, loss=loss, epochs=1)


ENTRIES = {
    "fit": lambda model, x: model.fit(x, np.zeros(len(x), np.float32), epochs=1),
    "predict": lambda model, x: model.predict(x),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    ("features", "remedy"),
    [(1, r"X\[:, None\], a sample for each number"), (5, r"if that is one sample, pass X\[None\]$")],
)
def test_one_dimension(entry, features, remedy):
    with pytest.raises(ValueError, match=remedy):
        ENTRIES[entry](nn.Sequential(nn.Dense(features, 1)), np.arange(5.0))


@pytest.mark.parametrize("which", ["X", "y"])
def test_rows_of_several_lengths(which):
    ragged, good = [[1.0, 2.0], [3.0]], [[1.0, 2.0], [3.0, 4.0]]
    arguments = (ragged, good) if which == "X" else (good, ragged)
    with pytest.raises(ValueError, match=f"fit: {which} has rows of 1 to 2 entries; expected rows of one length"):
        nn.Dense(2, 2).fit(*arguments, epochs=1)


def test_ctrl_c_before_the_first_step(monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Steps, "__init__", pressed)  # where kernels are compiled
    net = nn.Dense(4, 3)
    before = net.weight.copy()
    with pytest.raises(KeyboardInterrupt, match="stopped before the first step; the model is as it was"):
        net.fit(X, Y, epochs=1)
    assert net.history is None and np.array_equal(before, net.weight)


def test_ctrl_c_after_the_model_was_changed_says_nothing_else(monkeypatch, tmp_path):
    def pressed(*_):
        raise KeyboardInterrupt

    path = tmp_path / "run"
    net = nn.Dense(4, 3)
    net.fit(X, Y, epochs=1, seed=0, checkpoint=path)
    monkeypatch.setattr(Keeper, "__init__", pressed)
    with pytest.raises(KeyboardInterrupt) as stopped:
        nn.Dense(4, 3).fit(X, Y, epochs=2, seed=0, checkpoint=path, resume=path)
    assert not stopped.value.args


def test_depends():
    recorded = fd.graph.Graph()
    with recorded as graph:
        a, b = (graph.input(fd.ops.Spec((2,), np.dtype(np.float32))) for _ in range(2))
        c = F.exp(a)
        d = F.add(c, b)
    assert fd.autodiff.depends(d, [a]) and fd.autodiff.depends(d, [b]) and fd.autodiff.depends(c, [a, b])
    assert fd.autodiff.depends(a, [a]) and not fd.autodiff.depends(c, [b]) and not fd.autodiff.depends(a, [c])
