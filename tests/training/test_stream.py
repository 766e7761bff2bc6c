"""Batches that Python code makes: the same bits as in memory, made ahead, and what happens when they are wrong."""

import threading
import time

import numpy as np
import pytest

import fastdl as fd

from .common import network, same, values


def data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 6)).astype(np.float32), rng.integers(0, 3, n)


def cut(*arrays, size=32):
    return [tuple(a[i : i + size] for a in arrays) for i in range(0, len(arrays[0]), size)]


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "fastdl reader"]


class Loader:
    """As those of other libraries: a fresh iterator each time, the same memory for every batch."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __iter__(self):
        x, y = np.empty((32, 6), np.float32), np.empty(32, np.int64)
        for start in range(0, len(self.x), 32):
            count = min(32, len(self.x) - start)
            x[:count], y[:count] = self.x[start : start + count], self.y[start : start + count]
            yield x[:count], y[:count]


@pytest.mark.parametrize("kind", ["list", "loader", "function"])
def test_the_bits_of_training_in_memory(kind):
    x, y = data()
    whole = network()
    twin = whole.fit(x, y, epochs=3, batch_size=32, shuffle=False, seed=7, metrics=("accuracy",))
    given = {"list": cut(x, y), "loader": Loader(x, y), "function": lambda: iter(cut(x, y))}[kind]
    for threads in (1, 2):
        model = network()
        with fd.threads(threads):
            history = model.fit(given, epochs=3, seed=7, metrics=("accuracy",))
        assert same(values(whole), values(model))
        assert history.to_dict()["epochs"] == twin.to_dict()["epochs"]
    assert not readers()


def test_weights_come_with_the_batches():
    x, y = data()
    weight = np.linspace(0, 2, len(x))
    whole, model = network(), network()
    whole.fit(x, y, epochs=2, shuffle=False, seed=7, sample_weight=weight, class_weight={1: 3.0})
    model.fit(cut(x, y, weight), epochs=2, seed=7, class_weight={1: 3.0})
    assert same(values(whole), values(model))


def test_weights_of_none_and_of_a_loss_of_ones_own():
    x, y = data()
    whole, model = network(), network()
    whole.fit(cut(x, y), epochs=1, seed=7)
    model.fit([(*batch, None) for batch in cut(x, y)], epochs=1, seed=7)
    assert same(values(whole), values(model))
    with pytest.raises(ValueError, match="sample_weight and class_weight need a named loss"):
        model.fit([(x, x[:, :3], np.ones(len(x)))], loss=lambda z, t: np.mean((z - t) ** 2))


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, "2", True])
def test_class_weights_are_numbers(weight):
    x, y = data()
    for given in ((x, y), (cut(x, y),)):
        with pytest.raises(ValueError, match="class_weight of 1 is .*; expected a finite number of at least 0"):
            network().fit(*given, class_weight={1: weight})


def test_batches_of_any_size():
    x, y = data(60)
    sizes = [3, 1, 20, 3, 20, 13]
    starts = np.cumsum([0, *sizes])
    batches = [(x[a:b], y[a:b]) for a, b in zip(starts, starts[1:], strict=False)]
    steps = []

    class Count(fd.training.Callback):
        def on_batch_end(self, model, step):
            steps.append(step)

    model = network()
    history = model.fit(batches, epochs=2, seed=0, callbacks=Count(), progress=True)
    assert steps == list(range(12)) and history.epochs == 2


def test_a_generator_is_one_epoch():
    x, y = data()
    whole, model = network(), network()
    whole.fit(x, y, epochs=1, shuffle=False, seed=7)
    model.fit((batch for batch in cut(x, y)), epochs=1, seed=7)
    assert same(values(whole), values(model))
    with pytest.raises(ValueError, match="X is a generator, which gives its batches once, but epochs is 10"):
        model.fit(batch for batch in cut(x, y))


def test_labels():
    x, y = data()
    model = network()
    model.fit(cut(x, np.array(["c", "a", "b"])[y]), epochs=1)
    assert model.classes == ["a", "b", "c"]
    model.fit(cut(x, np.array(["c", "a", "b"])[y]), epochs=1, classes=["b", "c", "a"])
    assert model.classes == ["b", "c", "a"] and set(model.predict(x)) <= {"a", "b", "c"}
    model.fit(cut(x, np.sort(y)), epochs=1)  # the first batch has class 0 alone
    assert model.classes == [0, 1, 2]
    names = np.array(["a", "b", "c"])[np.sort(y)]
    with pytest.raises(
        ValueError, match=r"1 classes.*; these are the labels of the first batch: name all of them, classes=\["
    ):
        model.fit(cut(x, names), epochs=1)
    model.fit(cut(x, names), epochs=1, classes=("a", "b", "c"))
    for classes in (["a", "b"], ["a", "b", "b"], "abc"):
        with pytest.raises(ValueError, match="expected 3 different labels"):
            model.fit(x, names, classes=classes)
    with pytest.raises(ValueError, match="takes values; leave it out"):
        model.fit(x, x[:, :3], classes=[1, 2, 3])


def test_batches_are_made_ahead_but_no_more_than_one():
    x, y = data()
    made = []

    def batches():
        for i, batch in enumerate(cut(x, y)):
            made.append(i)
            yield batch

    class Look(fd.training.Callback):
        def on_batch_end(self, model, step):
            deadline = time.monotonic() + 10
            while len(made) < min(7, step + 2) and time.monotonic() < deadline:
                time.sleep(0.001)
            seen.append(len(made))

    seen = []
    network().fit(batches, epochs=1, callbacks=Look())
    assert seen == [2, 3, 4, 5, 6, 7, 7]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (5, TypeError, "batch 2 of X is a int; expected pairs"),
        ((1, 2, 3, 4), TypeError, "batch 2 of X is 4 parts"),
        ((np.zeros((4, 6)), np.zeros(3, int)), ValueError, r"y has 3 rows, X has 4.*\(batch 2\)"),
        ((np.zeros((4, 5)), np.zeros(4, int)), ValueError, r"batch 2 of X has samples of shape \(5,\)"),
        ((np.zeros((4, 6)), np.zeros(4, int), np.ones(4)), ValueError, "with weights; those of the first"),
        ((np.zeros((0, 6)), np.zeros(0, int)), ValueError, "batch 2 of X has no samples"),
        ((np.full((4, 6), np.inf), np.zeros(4, int)), ValueError, r"X of batch 2\[0, 0\] is inf"),
        ((np.zeros((4, 6)), np.full(4, 3)), ValueError, r"y holds 3, which is none of .* \(batch 2\)"),
        (([["a"] * 6]), TypeError, "batch 2 of X is"),
    ],
)
def test_wrong_batches_are_named_and_leave_no_thread(wrong, error, message):
    batches = cut(*data())
    batches[2] = wrong
    closed = []

    def opened():
        try:
            yield from batches
        finally:
            closed.append(True)

    with pytest.raises(error, match=message):
        network().fit(opened, epochs=3)
    assert closed == [True] and not readers()


def test_what_is_no_source_of_batches():
    x, y = data()
    for given, error, message in (
        (None, TypeError, "X is a NoneType and y is missing"),
        ({"x": x}, TypeError, "X is a dict and y is missing"),
        (x, TypeError, "y is missing"),
        ([], ValueError, "gave no batch"),
        (lambda: 3, TypeError, "X returned a int"),
    ):
        with pytest.raises(error, match=message):
            network().fit(given)
    with pytest.raises(ValueError, match="let it give triples"):
        network().fit(cut(x, y), sample_weight=np.ones(200))
    with pytest.raises(ValueError, match="give a dict from label to weight"):
        network().fit(cut(x, y), class_weight="balanced")
    for call in (lambda m: m.fit(lambda: cut(x, y), y), lambda m: m.predict(iter(cut(x, y)))):
        with pytest.raises(TypeError, match=r"X is a \w+; expected an array .* batches are for fit\(batches\) alone"):
            call(network())
    iterators = iter([iter(cut(x, y)), iter(())])
    with pytest.raises(ValueError, match="gave no batch in epoch 2"):
        network().fit(lambda: next(iterators), epochs=2)


def test_an_error_of_the_users_comes_through():
    def batches():
        yield from cut(*data())[:3]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        network().fit(batches, epochs=2)
    assert not readers()
