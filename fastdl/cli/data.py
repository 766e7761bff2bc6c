"""What DATA names: a bundled data set, a CSV file or an .npz file, read into one form.

Letters: n rows, F features, C channels, H W pixels.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import BUNDLED, DataError, Table, breast_cancer_features, read_csv, read_npz
from ..datasets.errors import listed, place, quoted, suggested
from ..datasets.tables import Kind, as_numbers
from .errors import CommandError


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to learn from or to predict. Either ``table`` or ``inputs`` is there.

    ``table`` has named columns; ``inputs`` is float32, (n, F) or (n, C, H, W). ``rows`` is how messages and predictions
    call the rows: the line of a CSV file, or the number in an array, from 0.
    """

    source: str
    rows: NDArray[np.int64]
    row_name: str
    table: Table | None
    inputs: NDArray[np.float32] | None
    targets: NDArray[Any] | None
    target_name: str

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, i: int) -> str:
        """A row as messages call it: `data.csv: line 17`."""
        return f"{self.source}: {self.row_name} {self.rows[i]}"


def read_for_training(options: argparse.Namespace) -> Data:
    """DATA with its targets."""
    kind = _kind(options)
    if kind == "csv":
        if options.target is None:
            raise CommandError(f"{options.data}: say which column to predict: --target COLUMN")
        data = _of_table(read_csv(options.data, options.target))
        for name, cells in [*_texts(data), (options.target, data.targets)]:
            _check_text(data, name, cells)
        return data
    return _bundled(options.data) if kind == "bundled" else _npz(options, labelled=True)


def read_for_model(
    options: argparse.Namespace, columns: dict[str, Kind] | None, target: str | None, *, labelled: bool
) -> Data:
    """DATA to be judged or predicted: of a CSV file only the ``columns`` that the model knows, and the target."""
    kind = _kind(options)
    if kind == "csv":
        if columns is None:
            raise CommandError(
                f"{options.data}: the model was trained on arrays without column names, which no .csv file can match; "
                "give an .npz file"
            )
        if labelled and target is None:
            raise CommandError(f"{options.data}: say which column holds the targets: --target COLUMN")
        return _of_table(read_csv(options.data, target if labelled else None, columns=columns))
    return _bundled(options.data) if kind == "bundled" else _npz(options, labelled)


def digest(inputs: NDArray[np.float32], targets: NDArray[Any] | None) -> str:
    """A fingerprint: equal for equal data."""
    found = hashlib.sha256(np.ascontiguousarray(inputs).data)
    if targets is not None:
        text = targets.dtype.kind == "U"
        found.update("\0".join(targets.tolist()).encode() if text else np.ascontiguousarray(targets).data)
    return found.hexdigest()


def _kind(options: argparse.Namespace) -> str:
    """What DATA is; options that belong to another kind are refused."""
    name = options.data
    suffix = Path(name).suffix.lower()
    kind = "bundled" if name in BUNDLED else {".csv": "csv", ".npz": "npz"}.get(suffix)
    if kind is None:
        raise CommandError(
            f"{quoted(name)} is no bundled data set ({listed(BUNDLED)}) and no file that ends in .csv or .npz"
            f"{suggested(name, BUNDLED)}"
        )
    for option, owner in (("target", "csv"), ("x", "npz"), ("y", "npz")):
        if getattr(options, option, None) is not None and kind != owner:
            raise CommandError(f"--{option} is for .{owner} files, not for {name}; leave it out")
    return kind


def _bundled(name: str) -> Data:
    inputs, targets = BUNDLED[name]()
    if targets.ndim != 1:
        raise CommandError(
            f"{name} has a label for each pixel, and the command learns one target for each image; "
            f"use {listed(n for n in BUNDLED if n != name)}, or train on {name} from Python"
        )
    rows = np.arange(len(inputs))
    if name != "breast_cancer":
        return Data(name, rows, "row", None, inputs, targets, "label")
    # With the names of its columns, so that the model also takes CSV files of the same measurements.
    columns = dict(zip(breast_cancer_features(), inputs.T.astype(np.float64), strict=True))
    return Data(name, rows, "row", Table(name, columns, rows, "benign", targets), None, targets, "benign")


def _npz(options: argparse.Namespace, labelled: bool) -> Data:
    inputs, targets = read_npz(options.data, options.x, getattr(options, "y", None), labelled=labelled)
    if targets is not None and targets.dtype.kind == "b":
        targets = targets.astype(np.int64)
    return Data(
        options.data, np.arange(len(inputs)), "row", None, inputs, targets, getattr(options, "y", None) or "target"
    )


def _of_table(table: Table) -> Data:
    return Data(table.source, table.lines, "line", table, None, table.target, table.target_name or "")


def _texts(data: Data) -> list[tuple[str, Any]]:
    return [] if data.table is None else [(k, v) for k, v in data.table.columns.items() if isinstance(v, list)]


def _check_text(data: Data, name: str, cells: Any) -> None:
    """A typing error in a column of numbers would make a category of every number in it."""
    if not isinstance(cells, list) and cells.dtype.kind != "U":
        return
    texts = [i for i, cell in enumerate(cells) if as_numbers([cell]) is None]
    if texts and len(texts) < len(cells) / 2:
        raise DataError(
            f"{place(data.source, data.rows[texts[0]], name)}: text where numbers must be "
            f"({quoted(str(cells[texts[0]]))}; {len(texts)} of {len(cells)} rows); write numbers, or put a letter "
            "before each number if they name categories"
        )
