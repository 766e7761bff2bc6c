"""`read_csv`: a CSV file as a `Table` of numeric and categorical columns, or one line on what is wrong.

Letters: n rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.datasets.csvfile import CsvFile
from fastdl.datasets.errors import DataError, counted, listed, place, quoted, suggested

Kind = Literal["numeric", "categorical"]
Column = NDArray[np.float64] | list[str]

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "+nan", "-nan", "null", "?"})  # in lower case
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")  # fits int64
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+(,[0-9]+)+")
_LONGEST_LABEL = 1000  # NumPy gives every string of an array the room of the longest


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a CSV file.

    Attributes:
        source: the file, as messages name it.
        columns: name -> float64 array (numeric) or list of str (categorical), in the order of the file,
            without the target.
        lines: int64 array (n,), the line of the file on which each row starts.
        target_name: the target column, or None.
        target: array (n,) of int64, float64 or str, or None.
        skipped: the columns of the file that were not asked for.
    """

    source: str
    columns: Mapping[str, Column]
    lines: NDArray[np.int64]
    target_name: str | None = None
    target: NDArray[Any] | None = None
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, without the target."""
        return tuple(self.columns)

    @property
    def kinds(self) -> dict[str, Kind]:
        """name -> "numeric" or "categorical"."""
        return {name: "categorical" if isinstance(cells, list) else "numeric" for name, cells in self.columns.items()}

    def take(self, indices: ArrayLike) -> Table:
        """The table of these rows, for example of the training rows of a split."""
        rows = np.arange(len(self))[np.asarray(indices)]  # also from a boolean mask
        columns: dict[str, Column] = {
            name: [cells[i] for i in rows] if isinstance(cells, list) else cells[rows]
            for name, cells in self.columns.items()
        }
        target = None if self.target is None else self.target[rows]
        return Table(self.source, columns, self.lines[rows], self.target_name, target, self.skipped)


def read_csv(
    path: str | os.PathLike[str], target: str | None = None, *, columns: Mapping[str, Kind] | None = None
) -> Table:
    """Read a CSV file with a header row.

    The file is UTF-8 text, with or without a byte order mark; fields are separated by commas, semicolons or
    tabs, whichever fits the first lines. Blanks around names and values do not count, blank lines neither. A
    column in which every value is a number is numeric, any other is categorical. There may be no missing
    value (empty, NA, N/A, #N/A, NaN, null or ?, in any case) and no infinite number in the columns that are
    read.

    Parameters:
        path: the file.
        target: the column to predict; it is not among `Table.columns`. Its values are int64 when all are
            written as integers, float64 when all are numbers, otherwise strings.
        columns: name -> "numeric" or "categorical": read these columns, as these kinds, and skip the others.
            `read_csv(path, columns=encoder.kinds)` reads a file to be predicted, whose other columns may hold
            anything.

    Returns:
        A `Table`.

    Raises:
        DataError: no such file, not UTF-8, no header, rows of different lengths, missing values, an unknown
            column...

    >>> import pathlib, tempfile
    >>> from fastdl import datasets
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "plants.csv")
    ...     _ = path.write_text("height,colour,kind\\n1.5,red,rose\\n0.9,blue,iris\\n")
    ...     table = datasets.read_csv(path, target="kind")
    >>> table.kinds
    {'height': 'numeric', 'colour': 'categorical'}
    >>> table.columns["height"], table.target
    (array([1.5, 0.9]), array(['rose', 'iris'], dtype='<U4'))
    """
    return table_from(CsvFile.read(path), target, columns)


def table_from(file: CsvFile, target: str | None, columns: Mapping[str, Kind] | None = None) -> Table:
    """`read_csv` of a file that is already in memory."""
    names = _wanted(file, target, columns)
    forced = columns or {}
    lines, numbers = _numeric_columns(file, [name for name in names if forced.get(name) != "categorical"])
    if not len(lines):
        raise DataError(f"{file.source}: there is a header row but no row of values; add rows")
    others = [name for name in names if name not in numbers]
    texts = _text_columns(file, others if target is None else [*others, target])
    cells: dict[str, Column] = {name: numbers[name] if name in numbers else texts[name] for name in names}
    _check_missing(file, lines, cells if target is None else {**cells, target: texts[target]})
    for name in names:
        if name in numbers:
            _check_finite(file, lines, name, numbers[name])
        elif forced.get(name) == "numeric":
            raise text_for_numbers(file.source, lines, name, texts[name])
        elif name not in forced:
            _check_decimal_comma(file, lines, name, texts[name])
    values = None if target is None else _target_values(file, lines, target, texts[target])
    skipped = tuple(name for name in file.header if name not in cells and name != target)
    return Table(file.source, cells, lines, target, values, skipped)


def text_for_numbers(source: str, lines: NDArray[np.int64], name: str, cells: Sequence[str]) -> DataError:
    """The error for a column that must be numeric: names the first cell that is no number."""
    i = next((i for i, cell in enumerate(cells) if _number(cell) is None), 0)
    return DataError(
        f"{place(source, lines[i], name)}: text where numbers must be ({quoted(cells[i])}); write a number"
    )


def require_columns(source: str, needed: Iterable[str], present: Sequence[str]) -> None:
    """Raise an error that names the columns that are not there, and what is."""
    known = set(present)
    missing = [name for name in needed if name not in known]
    if missing:
        hint = suggested(missing[0], present) if len(missing) == 1 else ""
        raise DataError(f"{source}: no column {listed(missing)}; the columns are {listed(present)}{hint}")


def _wanted(file: CsvFile, target: str | None, columns: Mapping[str, Kind] | None) -> list[str]:
    """The columns to read besides the target, in the order of the file."""
    if target is not None:
        require_columns(file.source, [target], file.header)
    if columns is None:
        names = [name for name in file.header if name != target]
    else:
        for name, kind in columns.items():
            if kind not in ("numeric", "categorical"):
                raise DataError(f"columns[{quoted(name)}] must be 'numeric' or 'categorical', got {quoted(kind)}")
        if target in columns:
            raise DataError(
                f"the target {quoted(target)} cannot be among the columns to learn from; remove it from one"
            )
        require_columns(file.source, columns, file.header)
        names = [name for name in file.header if name in columns]
    if not names:
        raise DataError(f"{file.source}: no column besides the target {quoted(target)}; add columns to learn from")
    return names


def _numeric_columns(file: CsvFile, names: Sequence[str]) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Line numbers, and those of the columns in which each cell is a number or missing (then NaN)."""
    position = {name: i for i, name in enumerate(file.header)}
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
    lines: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    for block_lines, cells in file.blocks():
        lines.append(np.array(block_lines, np.int64))
        for name in list(parts):
            numbers = as_numbers(cells[position[name]])
            if numbers is None:
                del parts[name]
            else:
                parts[name].append(numbers)
    return np.concatenate(lines), {name: np.concatenate(blocks) for name, blocks in parts.items() if blocks}


def _text_columns(file: CsvFile, names: Sequence[str]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {name: [] for name in names}
    same: dict[str, str] = {}  # equal strings are kept once
    if names:
        position = {name: i for i, name in enumerate(file.header)}
        for _, cells in file.blocks():
            for name in names:
                stripped = map(str.strip, cells[position[name]])
                texts[name].extend(same.setdefault(text, text) for text in stripped)
    return texts


def as_numbers(cells: Sequence[str]) -> NDArray[np.float64] | None:
    """The cells as numbers, NaN where missing; None if one of them is neither."""
    if "_" not in "".join(cells):  # float() reads 1_000 as a number
        try:
            return np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            pass
    numbers = []
    for cell in cells:
        number = float("nan") if cell.strip().lower() in MISSING else _number(cell)
        if number is None:
            return None
        numbers.append(number)
    return np.array(numbers, np.float64)


def _number(cell: str) -> float | None:
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _check_missing(file: CsvFile, lines: NDArray[np.int64], columns: Mapping[str, Column]) -> None:
    where = {}
    for name, cells in columns.items():
        missing = np.isnan(cells) if isinstance(cells, np.ndarray) else [cell.lower() in MISSING for cell in cells]
        if np.any(missing):
            where[name] = np.flatnonzero(missing)
    if not where:
        return
    total = sum(len(rows) for rows in where.values())
    first = min(where, key=lambda name: where[name][0])
    raise DataError(
        f"{place(file.source, lines[where[first][0]], first)}: missing value; "
        f"{counted(total, 'missing value')} in all, in {counted(len(where), 'column')} ({listed(where)}); "
        "fill them in, or remove the rows or columns"
    )


def _check_finite(file: CsvFile, lines: NDArray[np.int64], name: str, numbers: NDArray[np.float64]) -> None:
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise DataError(
            f"{place(file.source, lines[infinite[0]], name)}: infinite number; "
            f"{len(infinite)} in this column; replace them or remove the rows"
        )


def _check_decimal_comma(file: CsvFile, lines: NDArray[np.int64], name: str, cells: Sequence[str]) -> None:
    """Numbers such as 1,5 would silently become categories."""
    if all(_DECIMAL_COMMA.fullmatch(cell) or _number(cell) is not None for cell in cells):
        i = next((i for i, cell in enumerate(cells) if "," in cell), None)
        if i is not None:
            raise DataError(
                f"{place(file.source, lines[i], name)}: number with a comma ({quoted(cells[i])}); "
                "write a decimal point and no thousands separators"
            )


def _target_values(file: CsvFile, lines: NDArray[np.int64], name: str, cells: Sequence[str]) -> NDArray[Any]:
    if all(map(_INTEGER.fullmatch, cells)):
        return np.array(list(map(int, cells)), np.int64)
    numbers = as_numbers(cells)
    if numbers is not None:
        _check_finite(file, lines, name, numbers)
        return numbers
    _check_decimal_comma(file, lines, name, cells)
    longest = max(range(len(cells)), key=lambda i: len(cells[i]))
    if len(cells[longest]) > _LONGEST_LABEL:
        raise DataError(
            f"{place(file.source, lines[longest], name)}: a class label of {len(cells[longest])} characters; "
            f"use labels of at most {_LONGEST_LABEL}"
        )
    return np.array(cells)
