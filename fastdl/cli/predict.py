"""`fastdl predict`: a CSV line for each row of the data."""

from __future__ import annotations

import argparse
import csv
import sys
from typing import Any, TextIO

from numpy.typing import NDArray

from ..datasets.errors import counted, path_name
from ..training.inference import probabilities
from . import modelfile
from .data import Data, read_for_model
from .errors import CommandError
from .files import check_output, written
from .preparation import Preparation
from .scores import choose


def run(options: argparse.Namespace) -> int:
    """Predict the rows of the data; returns the exit code."""
    if options.out is not None:
        check_output(options.out, force=options.force, inputs=[options.model, options.data])
    model, preparation = modelfile.load_prepared(options.model)
    if options.threshold is not None and len(preparation.classes) != 2:
        raise CommandError("--threshold is for models of two classes; leave it out")
    columns = None if preparation.encoder is None else dict(preparation.encoder.kinds)
    data = read_for_model(options, columns, None, labelled=False)
    outputs = modelfile.outputs_of(options.model, model, preparation, preparation.inputs_of(data))
    table = _table(data, preparation, model, outputs, 0.5 if options.threshold is None else options.threshold)
    if options.out is None:
        _write(sys.stdout, table)
        return 0
    with written(options.out) as file:
        _write(file, table)
    print(f"{counted(len(data), 'prediction')} written to {path_name(options.out)}")
    return 0


def _table(
    data: Data, preparation: Preparation, model: Any, outputs: NDArray[Any], threshold: float
) -> list[list[Any]]:
    """Heading and rows: line or row number, label or value, and the probability of each class."""
    heading = [data.row_name, f"predicted_{preparation.target}"]
    if preparation.outputs is not None:
        values = preparation.outputs.inverse(outputs).reshape(-1)
        return [heading, *([row, f"{value:.10g}"] for row, value in zip(data.rows, values, strict=True))]
    chances = probabilities(model, outputs)
    labels = [preparation.classes[i] for i in choose(chances, threshold)]
    heading += [f"probability_{label}" for label in preparation.classes]
    # str() of a float32 is the shortest text that names it: what is read back compares with a threshold as it did here.
    return [
        heading,
        *([row, label, *map(str, p)] for row, label, p in zip(data.rows, labels, chances, strict=True)),
    ]


def _write(file: TextIO, table: list[list[Any]]) -> None:
    csv.writer(file, lineterminator="\n").writerows(table)
