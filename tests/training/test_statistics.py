"""Statistics of layers: equal to what a loop by hand finds, and without a trace in the training."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn, optim
from fastdl.tree import flatten

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((30, 4)), rng.integers(0, 3, 30)


def network():
    fd.seed(0)
    return nn.Sequential(nn.Dense(4, 8), nn.ReLU(), nn.Residual(nn.Dense(8, 8)), nn.Dense(8, 3)).astype(np.float64)


def test_they_are_those_of_the_last_batch_after_the_epoch():
    model = network()
    model[0].bias[2] = -100.0  # a relu that is dead
    optimizer = optim.SGD(0.1, weight_decay=0.01)
    options = {"batch_size": 8, "shuffle": False, "optimizer": optimizer}
    history = model.fit(X, Y, epochs=1, statistics=True, **options)
    (taken,) = history.statistics
    assert taken.epoch == 0 and set(taken.parameters) == {n for n in model.state_dict()}
    assert list(taken.activations) == ["0", "1", "2.module", "3"]

    def loss(params):
        return F.cross_entropy(model.apply(params, X[24:], training=True), Y[24:])

    grads = fd.grad(loss)(model.parameters())
    for name, tree in (("0", grads["0"]), ("3", grads["3"])):
        for kind in ("weight", "bias"):
            g, p, found = tree[kind], model.parameters()[name][kind], taken.parameters[f"{name}.{kind}"]
            expected = {
                "norm": np.linalg.norm(p),
                "grad_mean": g.mean(),
                "grad_std": g.std(),
                "grad_norm": np.linalg.norm(g),
                "ratio": np.linalg.norm(0.1 * (g + 0.01 * p)) / np.linalg.norm(p),
            }
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-15)
    hidden = F.relu(model[0](X[24:]))
    assert taken.activations["1"]["mean"] == pytest.approx(hidden.mean())
    assert taken.activations["1"]["zeros"] == pytest.approx((hidden == 0).mean())
    assert taken.activations["1"]["dead"] == pytest.approx((hidden == 0).all(axis=0).mean()) and not hidden[:, 2].any()
    text = str(taken)
    assert text.startswith("epoch 0\n") and "2.module.weight" in text and "grad_norm" in text and "dead" in text


def test_training_is_the_same_with_them():
    runs = []
    for statistics in (False, True, 2):
        model = network()
        history = model.fit(X, Y, epochs=5, batch_size=8, seed=1, statistics=statistics)
        runs.append([a.tobytes() for a in flatten(model.parameters())[0]])
        assert [taken.epoch for taken in history.statistics] == {False: [], True: [0, 1, 2, 3, 4], 2: [1, 3]}[
            statistics
        ]
    assert runs[0] == runs[1] == runs[2]


def test_they_are_kept_in_checkpoints(tmp_path):
    whole = network().fit(X, Y, epochs=4, seed=1, statistics=True)
    network().fit(X, Y, epochs=2, seed=1, statistics=True, checkpoint=tmp_path / "c")
    again = network().fit(X, Y, epochs=4, statistics=True, resume=tmp_path / "c")
    assert again.statistics == whole.statistics


def test_wrong_options():
    with pytest.raises(ValueError, match="statistics is 0; expected True, False, or after how many epochs"):
        network().fit(X, Y, statistics=0)


@pytest.mark.parametrize("kind", ["array", "chunks", "batches"])
def test_they_are_the_same_after_ctrl_c_during_validation(kind, tmp_path):
    pieces = [(X[:12], Y[:12]), (X[12:], Y[12:])]
    given = (pieces,) if kind == "batches" else (X, Y)
    chunk_bytes = 200 if kind == "chunks" else None

    def metric(y, predicted):
        if metric.interrupts:
            raise KeyboardInterrupt
        return 0.0

    def fit(**options):
        return network().fit(
            *given,
            epochs=1,
            batch_size=8,
            chunk_bytes=chunk_bytes,
            statistics=True,
            metrics=(metric,),
            validation_data=(X, Y),
            **options,
        )

    metric.interrupts = False
    whole = fit(seed=1).statistics
    metric.interrupts = True
    with pytest.raises(KeyboardInterrupt):
        fit(seed=1, checkpoint=tmp_path / "c")
    metric.interrupts = False
    assert fit(resume=tmp_path / "c").statistics == whole
