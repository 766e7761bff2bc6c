"""`fastdl train`: from data to a model file and a report."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import init, optim
from .._kernels import threads
from .._kernels.loader import seconds_compiling
from ..datasets.errors import counted, listed, path_name
from ..training import EarlyStopping
from ..training.inference import Inference
from . import modelfile, networks, report
from .data import Data, read_for_training
from .errors import CommandError
from .files import check_output
from .preparation import PARTS, Preparation, described, learn
from .scores import Scores, score

INTERRUPTED = 130
_THRESHOLD = 0.5
_FEW_VALUES = 20


def run(options: argparse.Namespace) -> int:
    """Train as the options say; returns the exit code."""
    check_output(options.out, force=options.force, inputs=[options.data])
    if options.threads is not None:
        threads.set_num_threads(options.threads)
    data = read_for_training(options)
    preparation = learn(data, options.seed, options.positive)
    settings = networks.choose(options, preparation.shape, data.source)
    inputs, labels = preparation.inputs_of(data), preparation.labels_of(data)
    rows = preparation.split(labels)
    init.seed(options.seed)
    model = networks.build(settings, preparation.shape, preparation.output_count)
    print(_introduction(data, preparation, settings, [len(part) for part in rows], model.num_parameters), flush=True)

    compiling = seconds_compiling()
    try:
        _fit(model, preparation, settings, inputs, labels, rows)
        outputs = Inference(model)(inputs, modelfile.BATCH)
        loss = modelfile.loss_function(model)
        parts = {
            name: score(model, loss, preparation, outputs[part], labels[part], _THRESHOLD)
            for name, part in zip(PARTS, rows, strict=True)
        }
    except KeyboardInterrupt:
        return _keep_interrupted(model, preparation, settings, options.out)
    seconds = {"compile": seconds_compiling() - compiling, "train": model.history.seconds["train"]}
    modelfile.save(model, _with_notes(preparation, settings, model.history, parts), options.out)
    print(_results(preparation, parts, model.history.epochs, seconds, options.out))
    if options.json:
        scores = {name: part.to_json() for name, part in parts.items()}
        print(json.dumps({**scores, "seconds": seconds, "epochs": model.history.epochs, "model": options.out}))
    return 0


def _fit(
    model: Any,
    preparation: Preparation,
    settings: networks.Settings,
    inputs: NDArray[np.float32],
    labels: NDArray[Any],
    rows: tuple[NDArray[np.int64], ...],
) -> None:
    train, validation, _ = rows
    targets = labels
    if preparation.outputs is not None:
        targets = preparation.outputs.transform(labels.reshape(-1, 1))
    patience = settings.patience
    try:
        model.fit(
            inputs[train],
            targets[train],
            loss=modelfile.loss_of(preparation),
            optimizer=optim.get(settings.optimizer, lr=settings.lr),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation_data=(inputs[validation], targets[validation]),
            seed=preparation.seed,
            classes=None if preparation.outputs is not None else list(preparation.classes),
            metrics=() if preparation.outputs is not None else ("accuracy",),
            augment=networks.changes(settings, inputs[train]),
            callbacks=() if patience is None else EarlyStopping("val_loss", patience=patience),
        )
    except FloatingPointError:
        raise CommandError(
            f"the loss is no longer a number in epoch {model.history.epochs + 1}: the learning rate {settings.lr:g} is "
            f"too large; try --lr {settings.lr / 10:g}"
        ) from None


def _keep_interrupted(model: Any, preparation: Preparation, settings: networks.Settings, out: str) -> int:
    """After Ctrl-C: the model as it is goes into the file."""
    if model.history is None:
        print("interrupted before the first step; nothing was written")
        return INTERRUPTED
    modelfile.save(model, _with_notes(preparation, settings, model.history, {}), out)
    epochs = counted(model.history.epochs, "whole epoch")
    print(f"interrupted after {epochs}; what the model had learned until then is in {path_name(out)}")
    return INTERRUPTED


def _with_notes(
    preparation: Preparation, settings: networks.Settings, history: Any, parts: Mapping[str, Scores]
) -> Preparation:
    notes = {
        "written": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "settings": dataclasses.asdict(settings),
        "history": history.to_dict(),
        "scores": {name: part.to_json() for name, part in parts.items()},
    }
    return dataclasses.replace(preparation, notes=notes)


def _introduction(
    data: Data, preparation: Preparation, settings: networks.Settings, sizes: list[int], parameters: int
) -> str:
    """What was recognised, and what is going to happen."""
    network = settings.model if len(settings.layers) == 0 else f"{settings.model} ({settings.activation})"
    train, validation, test = sizes
    stratified = "each class in proportion, " if preparation.outputs is None else ""
    lines = [
        f"{data.source}: {counted(len(data), 'row')}, {_inputs(preparation)}",
        _task(data, preparation),
        f"{train} rows to train, {validation} to validate, {test} to test ({stratified}seed {preparation.seed})",
        f"{network} with {parameters:,} parameters; {settings.optimizer}, learning rate {settings.lr:g}, "
        f"batches of {settings.batch_size}, {_epochs(settings)}",
    ]
    if settings.augment:
        lines.append("images are shifted and turned at random in training")
    return "\n".join(lines)


def _inputs(preparation: Preparation) -> str:
    """The shape of an input; of a table the columns that are in the file, too."""
    encoder, numbers = preparation.encoder, preparation.shape[0]
    if encoder is None or len(encoder.kinds) == numbers:
        return described(preparation.shape)
    return f"{described((len(encoder.kinds),))} ({numbers} inputs: each category of a text column has its own)"


def _task(data: Data, preparation: Preparation) -> str:
    """What was recognised from the targets, and how to have it otherwise."""
    target, classes, values = preparation.target, preparation.classes, np.unique(np.asarray(data.targets))
    if preparation.outputs is None:
        hint = "; for a regression write them with a decimal point" if values.dtype.kind in "iu" else ""
        return f"classification: {target} is one of {len(classes)} classes ({listed(classes, 10)}){hint}"
    few = len(values) <= _FEW_VALUES and bool(np.all(values == np.round(values)))
    hint = f" ({len(values)} different ones; if they are classes, write them as integers: 1 and not 1.0)" if few else ""
    return f"regression: {target} is a number{hint}"


def _epochs(settings: networks.Settings) -> str:
    if settings.patience is None:
        return counted(settings.epochs, "epoch")
    return (
        f"at most {counted(settings.epochs, 'epoch')}, ended by {settings.patience} without a better validation loss; "
        "the best is kept"
    )


def _results(
    preparation: Preparation, parts: Mapping[str, Scores], epochs: int, seconds: Mapping[str, float], out: str
) -> str:
    blocks = [report.scores_table(parts)]
    test = parts["test"]
    if test.confusion is not None:
        blocks.append("test part:\n" + report.confusion_table(test.confusion, preparation.classes))
    if test.truth is not None:
        blocks.append(report.positive_class(preparation.classes, _THRESHOLD))
    blocks.append(
        f"{counted(epochs, 'epoch')} in {seconds['train']:.1f} s, compiled in {seconds['compile']:.1f} s; "
        f"model, preprocessing and history are in {path_name(out)}"
    )
    return "\n" + "\n\n".join(blocks)
