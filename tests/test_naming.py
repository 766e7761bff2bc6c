"""Names that callers write and nobody has: the error says which one was meant."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import fastdl as fd
from fastdl import augment, naming, nn, optim
from fastdl.training import Callback, Checkpoint, EarlyStopping

X, Y = np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1])


def fit(**options):
    nn.Dense(2, 1).fit(X, Y, **options)


class Own(nn.Module):
    """A class of somebody's own."""

    def __init__(self, width=3):
        self.last = nn.Dense(2, width)


class Anything(nn.Module):
    def __init__(self, **options):
        self.options = options


class Nothing(nn.Module):
    pass


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: fit(lr=0.1),
            r"fit: there is no argument lr; it belongs to the optimiser: optimizer=optim.SGD\(lr=...\)",
        ),
        (lambda: fit(weight_decay=0.1), "it belongs to the optimiser"),
        (lambda: fit(n_epochs=3), "fit: there is no argument n_epochs; did you mean epochs?"),
        (lambda: fit(criterion="mse"), "no argument criterion; did you mean loss?"),
        (lambda: fit(epoch=3), "no argument epoch; did you mean epochs?"),
        (lambda: fit(validation_split=0.2), r"give validation_data=\(X, y\)"),
        (lambda: fit(patience=3), r"give callbacks=\[fastdl.training.EarlyStopping\(patience=...\)\]"),
        (lambda: fit(qqq=3), "there is no argument qqq; expected X, y, loss, optimizer"),
        (lambda: nn.Dense(2, 1).predict(X, batchsize=3), "predict: .* did you mean batch_size?"),
        (lambda: nn.Dense(2, 1).predict_proba(X, batchsize=3), "predict_proba: .* did you mean batch_size?"),
        (lambda: nn.Dense(2, 1).evaluate(X, Y, metric="r2"), "evaluate: .* did you mean metrics?"),
        (lambda: fd.minimize(lambda x: x, 1.0, "sgd", max_iter=3), "minimize: .* did you mean max_steps?"),
        (
            lambda: fd.fit_many(lambda: nn.Dense(2, 1), 2, X, Y, learning_rate=1),
            "did you mean lr?.* belongs into settings",
        ),
        (lambda: optim.Adam(learning_rate=0.1), "Adam: there is no argument learning_rate; did you mean lr?"),
        (lambda: optim.AdamW(betas=(0.9, 0.99)), "AdamW: there is no argument betas; give beta1 and beta2"),
        (lambda: optim.SGD(0.1, momentun=0.9), "SGD: .* did you mean momentum?"),
        (lambda: optim.Adam(momentum=0.9), "Adam: there is no argument momentum; expected lr, beta1, beta2"),
        (lambda: optim.cosine_decay(0.1, T_max=30), "cosine_decay: .* did you mean steps?"),
        (lambda: optim.step_decay(0.1, step_size=30), "step_decay: .* did you mean every?"),
        (lambda: optim.one_cycle(max_lr=0.1), "one_cycle: .* did you mean peak?"),
        (lambda: optim.warmup(0.1, epochs=3), "warmup: there is no argument epochs; expected lr, steps"),
        (lambda: fit(callbacks=3), "fit: callbacks is 3; expected a list of Callbacks"),
        (lambda: fit(metrics=3), "fit: metrics is 3; expected a list of names"),
        (lambda: nn.Dense(2, 3, activation="relu"), "Dense: .* put the activation behind the layer"),
        (lambda: nn.RNN(2, 3, activation="relu"), "RNN: .* did you mean nonlinearity?"),
        (lambda: nn.Dense(units=3), "Dense: .* did you mean out_features?"),
        (lambda: nn.Conv2d(1, filters=3), "Conv2d: .* did you mean out_channels?"),
        (lambda: nn.Conv2d(1, 2, kernel=3), "Conv2d: .* did you mean kernel_size?"),
        (lambda: nn.Softmax(dim=1), "Softmax: there is no argument dim; did you mean axis?"),
        (lambda: nn.ReLU(inplace=True), "ReLU: .* leave it out"),
        (lambda: nn.Sequential(layers=[]), "Sequential: there is no argument layers; it takes no keywords"),
        (lambda: augment.Shift(pixel=3), "Shift: .* did you mean pixels?"),
        (lambda: EarlyStopping(monitr="loss"), "EarlyStopping: .* did you mean monitor?"),
        (lambda: Checkpoint("a.ckpt", every=3), "Checkpoint: .* expected path, every_epochs"),
        (lambda: Own(widht=3), "Own: there is no argument widht; did you mean width?"),
        (lambda: Nothing(width=3), "Nothing: there is no argument width; it takes no keywords"),
        (lambda: Nothing(3), "takes 1 positional argument"),
        (lambda: EarlyStopping(3), "monitor is 3; expected the name of a number"),
        (lambda: EarlyStopping(patience="a"), "EarlyStopping: patience is 'a'; expected an integer"),
        (lambda: EarlyStopping(min_delta="a"), "EarlyStopping: min_delta is 'a'; expected a number"),
        (lambda: EarlyStopping(restore_best=1), "EarlyStopping: restore_best is 1; expected True or False"),
    ],
)
def test_keywords(call, words):
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: fit(loss="crossentropy"),
            r"loss is 'crossentropy' \(did you mean 'cross_entropy'\?\); expected one of",
        ),
        (lambda: fit(loss="BCEWithLogitsLoss"), "did you mean 'bce_with_logits'?"),
        (lambda: fit(loss="mean_squared_error"), "did you mean 'mse'?"),
        (lambda: fit(optimizer="adamm"), r"optimizer is 'adamm' \(did you mean 'adam'\?\)"),
        (lambda: fit(metrics=["acc"]), "did you mean 'accuracy'?"),
        (lambda: nn.Conv2d(1, 2, 3, padding="Same"), r"padding is 'Same' \(did you mean 'same'\?\); expected one of"),
    ],
)
def test_values(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("train", r"model\(x, training=True\) trains"),
        ("eval", r"model\(x\) is inference"),
        ("compile", "give the loss and the optimizer to fit"),
        ("save", r"fd.save\(model, path\)"),
        ("score", r"model.evaluate\(X, y\)"),
        ("named_parameters", r"state_dict\(\) has the arrays by name"),
    ],
)
def test_methods_of_other_libraries(name, words):
    with pytest.raises(AttributeError, match=f"no attribute '{name}': .*{words}"):
        getattr(nn.Dense(2, 1), name)


def test_nothing_is_guessed_of_what_is_like_nothing():
    with pytest.raises(ValueError, match=r"loss is 'qqq'; expected one of"):
        fit(loss="qqq")


def test_what_takes_anything_gets_it():
    assert Anything(lr=3).options == {"lr": 3}


def test_errors_of_the_function_itself_come_through():
    @naming.named
    def function(a, *, b=0):
        raise TypeError("its own")

    with pytest.raises(TypeError, match="its own"):
        function(1, b=2)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        function(b=2)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'out_features'"):
        nn.Dense(2)


def test_signatures_are_those_of_the_constructors():
    assert list(inspect.signature(optim.SGD).parameters)[:2] == ["lr", "momentum"]
    assert next(iter(inspect.signature(EarlyStopping).parameters)) == "monitor"
    assert next(iter(inspect.signature(nn.Dense).parameters)) == "in_features"
    assert "ignore_index" in inspect.signature(nn.Module.fit).parameters
    assert issubclass(EarlyStopping, Callback)


@pytest.mark.parametrize("thing", [optim.Adam(0.1), augment.Shift(2), EarlyStopping("loss"), nn.Dense(2, 1)])
def test_copies(thing):
    for other in (copy.copy(thing), copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
        assert type(other) is type(thing)


def test_all_that_others_call_it_is_something_here():
    """No translation leads to a name that nothing has."""
    kinds = [
        *(getattr(nn, name) for name in nn.__all__ if isinstance(getattr(nn, name), type)),
        *(optim.step_decay, optim.cosine_decay, optim.one_cycle, optim.piecewise_constant),
        *(optim.SGD, optim.Adam, optim.RMSprop, nn.Module.fit, fd.minimize, fd.functional.sum, fd.functional.softmax),
        fd.functional.cross_entropy,
    ]
    known = {word for kind in kinds for word in inspect.signature(kind).parameters}
    assert {word for words in naming._ELSEWHERE.values() for word in words} <= known
