"""`TableEncoder`: from the columns of a table to the float32 matrix that a network takes, and back from a
dict.

Fit it on the training rows, keep it with the model, and every later file is encoded in the same way. Letters:
n rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.datasets.errors import DataError, counted, listed, place, quoted, suggested
from fastdl.datasets.tables import Column, Kind, Table, as_numbers, require_columns, text_for_numbers


@dataclass(frozen=True)
class TableEncoder:
    """Numeric columns as they are, categorical columns one-hot, in the order of the training table.

    Nothing is standardised: numbers keep their units.

    Attributes:
        kinds: name -> "numeric" or "categorical", in the order of the features.
        categories: name of each categorical column -> its categories, sorted.

    >>> import numpy as np
    >>> from fastdl import datasets
    >>> columns = {"size": np.array([1.5, 2.0]), "colour": ["red", "blue"]}
    >>> table = datasets.Table("made by hand", columns, lines=np.array([2, 3]))
    >>> encoder = datasets.TableEncoder.fit(table)
    >>> encoder.feature_names
    ('size', 'colour=blue', 'colour=red')
    >>> encoder.transform(table)
    array([[1.5, 0. , 1. ],
           [2. , 1. , 0. ]], dtype=float32)
    >>> datasets.TableEncoder.from_dict(encoder.to_dict()) == encoder
    True
    """

    kinds: Mapping[str, Kind]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, table: Table, *, max_categories: int = 1000) -> TableEncoder:
        """Learn the columns and categories of the training rows.

        Raises:
            DataError: a column has more than `max_categories` categories, as identifiers, free text, or
                numbers with a typing error among them have.
        """
        categories = {}
        for name, cells in table.columns.items():
            if isinstance(cells, list):
                categories[name] = tuple(sorted(set(cells)))
                if len(categories[name]) > max_categories:
                    raise _too_many(table, name, cells, len(categories[name]), max_categories)
        return cls(table.kinds, categories)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name per column of the matrix: `size`, and `colour=red` for a category."""
        names: list[str] = []
        for name, kind in self.kinds.items():
            names += [name] if kind == "numeric" else [f"{name}={category}" for category in self.categories[name]]
        return tuple(names)

    def transform(self, table: Table) -> NDArray[np.float32]:
        """The matrix (n, features), float32.

        Columns are found by name; their order in `table` does not matter, and columns that the encoder does
        not know are ignored (`extra_columns` lists them).

        Raises:
            DataError: a column is missing, text stands where numbers must be, a category is unknown, or a
                number is beyond the range of float32.
        """
        require_columns(table.source, self.kinds, table.names)
        matrix = np.zeros((len(table), len(self.feature_names)), np.float32)
        start = 0
        for name, kind in self.kinds.items():
            cells = table.columns[name]
            if kind == "numeric":
                matrix[:, start] = _float32(table, name, cells)
                start += 1
            else:
                codes = self._codes(table, name, cells)
                matrix[np.arange(len(table)), start + codes] = 1
                start += len(self.categories[name])
        return matrix

    def extra_columns(self, table: Table) -> tuple[str, ...]:
        """The columns of the file that `transform` ignores."""
        return tuple(name for name in (*table.names, *table.skipped) if name not in self.kinds)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and strings, for JSON."""
        columns: list[dict[str, Any]] = []
        for name, kind in self.kinds.items():
            column: dict[str, Any] = {"name": name, "kind": kind}
            if kind == "categorical":
                column["categories"] = list(self.categories[name])
            columns.append(column)
        return {"columns": columns}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TableEncoder:
        """The encoder that `to_dict` described; a DataError if it did not."""
        kinds: dict[str, Kind] = {}
        categories: dict[str, tuple[str, ...]] = {}
        columns = data.get("columns") if isinstance(data, Mapping) else None
        if not isinstance(columns, list):
            raise DataError(f"not the description of a TableEncoder: {quoted(data)}; expected what to_dict() gives")
        for column in columns:
            match column:
                case {"name": str(name), "kind": "numeric"} if name not in kinds:
                    kinds[name] = "numeric"
                case {"name": str(name), "kind": "categorical", "categories": [*known]} if (
                    name not in kinds and _distinct_strings(known)
                ):
                    kinds[name] = "categorical"
                    categories[name] = tuple(known)
                case _:
                    raise DataError(f"not a column of a TableEncoder: {quoted(column)}; expected what to_dict() gives")
        return cls(kinds, categories)

    def _codes(self, table: Table, name: str, cells: Column) -> NDArray[np.int64]:
        """The index of each cell's category."""
        if not isinstance(cells, list):
            # Back from 7.0 to the text of the file (7, 07 or 7.00?) is a guess.
            raise DataError(
                f"{table.source}: column {quoted(name)} holds categories, but was read as numbers; "
                "read the file with columns=encoder.kinds"
            )
        known = self.categories[name]
        index = {category: i for i, category in enumerate(known)}
        codes = np.array([index.get(cell, -1) for cell in cells], np.int64)
        unknown = np.flatnonzero(codes < 0)
        if len(unknown):
            i = int(unknown[0])
            raise DataError(
                f"{place(table.source, table.lines[i], name)}: unknown category {quoted(cells[i])} "
                f"({counted(len(unknown), 'row')} in all); the training rows had {listed(known)}"
                f"{suggested(cells[i], known)}; correct it or train with such rows"
            )
        return codes


def _float32(table: Table, name: str, cells: Column) -> NDArray[np.float32]:
    if isinstance(cells, list):
        numbers = as_numbers(cells)
        if numbers is None:
            raise text_for_numbers(table.source, table.lines, name, cells)
    else:
        numbers = cells
    with np.errstate(over="ignore"):
        values = np.asarray(numbers).astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DataError(
            f"{place(table.source, table.lines[bad[0]], name)}: {numbers[bad[0]]} is not a finite "
            "float32 number; rescale the column"
        )
    return values


def _too_many(table: Table, name: str, cells: list[str], found: int, allowed: int) -> DataError:
    texts = [i for i, cell in enumerate(cells) if as_numbers([cell]) is None]
    if texts and len(texts) < len(cells) / 2:  # mostly numbers: the text among them is the likely mistake
        return DataError(
            f"{place(table.source, table.lines[texts[0]], name)}: "
            f"text among numbers ({quoted(cells[texts[0]])}; {counted(len(texts), 'row')} in all) "
            f"makes {found} categories of the column; write numbers"
        )
    return DataError(
        f"{table.source}: column {quoted(name)} has {found} categories in {counted(len(cells), 'row')}, "
        f"more than {allowed}; remove the column if it is an identifier or free text, or group its values"
    )


def _distinct_strings(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values) and len(set(values)) == len(values)
