"""`fastdl evaluate`: how good a trained network is on data with known targets."""

from __future__ import annotations

import argparse

import numpy as np

from . import modelfile, report
from .data import digest, read_for_model
from .errors import CommandError
from .preparation import PARTS
from .scores import score


def run(options: argparse.Namespace) -> int:
    """Judge the model on the data; returns the exit code."""
    model, preparation = modelfile.load_prepared(options.model)
    if options.threshold is not None and len(preparation.classes) != 2:
        raise CommandError("--threshold is for models of two classes; leave it out")
    threshold = 0.5 if options.threshold is None else options.threshold
    columns = None if preparation.encoder is None else dict(preparation.encoder.kinds)
    data = read_for_model(options, columns, options.target or preparation.target, labelled=True)
    inputs = preparation.inputs_of(data)
    labels = preparation.labels_of(data)
    outputs = modelfile.outputs_of(options.model, model, preparation, inputs)

    parts = {"all": np.arange(len(data))}
    same = digest(preparation.raw(data), data.targets) == preparation.digest
    if same:  # training rows say little: take the parts apart again
        parts = dict(zip(PARTS, preparation.split(labels), strict=True))
    loss = modelfile.loss_function(model)
    scores = {
        name: score(model, loss, preparation, outputs[rows], labels[rows], threshold) for name, rows in parts.items()
    }
    name, judged = list(scores.items())[-1]
    print(f"{data.source}: {len(data)} rows")
    if same:
        print("these are the data that the model was trained on, in the same parts; only the test part is new to it")
    print("\n" + report.scores_table(scores))
    if judged.confusion is not None:
        print(f"\n{name} part:" if same else "")
        print(report.confusion_table(judged.confusion, preparation.classes))
    if judged.truth is not None:
        print("\n" + report.positive_class(preparation.classes, threshold))
        print(report.thresholds_table(judged, threshold))
    return 0
