"""The text of a CSV file, cut into records; every complaint names the line.

The whole file is kept as bytes and read twice by `tables.py`: first to find which columns are numbers, then
to collect the text of the others. That costs the size of the file, instead of the many times larger list of
all cells.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fastdl.datasets.errors import DataError, counted, listed, opened, path_name

BLOCK_CELLS = 2**18  # parsed at a time: enough for long column-wise loops in C, about 15 MB of strings


@dataclass(frozen=True)
class CsvFile:
    """A checked file with a header; `blocks()` reads its rows."""

    source: str
    data: bytes = field(repr=False)
    delimiter: str
    header: tuple[str, ...]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> CsvFile:
        with opened(path) as file:
            data = file.read()
        return cls.parse(data, path_name(path))

    @classmethod
    def parse(cls, data: bytes, source: str) -> CsvFile:
        _check_text(data, source)
        delimiter = _delimiter(data)
        first = next(_records(data, delimiter, source), None)
        if first is None:
            raise DataError(f"{source}: the file is empty; it needs a header row and rows of values")
        header = tuple(name.strip() for name in first[1])
        _check_header(header, first[0], source)
        return cls(source, data, delimiter, header)

    def blocks(self) -> Iterator[tuple[list[int], list[tuple[str, ...]]]]:
        """(line number of each row, cells of each column), about BLOCK_CELLS cells at a time."""
        lines: list[int] = []
        rows: list[list[str]] = []
        height = max(1, BLOCK_CELLS // len(self.header))
        records = _records(self.data, self.delimiter, self.source)
        next(records)  # the header
        for line, cells in records:
            if len(cells) != len(self.header):
                raise DataError(
                    f"{self.source}: line {line} has {counted(len(cells), 'field')}, the header has "
                    f"{len(self.header)}; correct the line (a field that contains {self.delimiter!r} needs "
                    "double quotes)"
                )
            lines.append(line)
            rows.append(cells)
            if len(rows) == height:
                yield lines, list(zip(*rows, strict=True))
                lines, rows = [], []
        if rows:
            yield lines, list(zip(*rows, strict=True))


def _records(data: bytes, delimiter: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """(line where the record starts, its cells), without blank lines."""
    # newline="" leaves line ends to csv, which knows those inside quotes; strict reports quotes that are not
    # closed, which would otherwise swallow the rest of the file.
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{source}: line {line} cannot be divided into fields ({error}); check its double quotes"
        ) from None


def _check_text(data: bytes, source: str) -> None:
    """Refuse what is not UTF-8 text, before the csv module makes nonsense of it."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{source}: the text is UTF-16; save the file as CSV in UTF-8")
    if b"\0" in data:
        raise DataError(f"{source}: this is a binary file, not CSV text; export the table as CSV in UTF-8")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{source}: line {line} is not UTF-8 text; save the file as CSV in UTF-8") from None


def _delimiter(data: bytes) -> str:
    """Comma, semicolon or tab: the one that gives several columns, and equally many in the first lines.

    The csv module's own sniffer guesses from letter frequencies and takes an `e` or a blank for the
    delimiter.
    """

    def score(delimiter: str) -> tuple[bool, bool, int]:
        widths = []
        try:
            for (_, cells), _ in zip(_records(data, delimiter, ""), range(6), strict=False):
                widths.append(len(cells))
        except DataError:
            widths.append(0)  # so far and no further: the real reading names the line
        if not widths or widths[0] < 2:
            return False, False, 0
        return True, len(set(widths)) == 1, widths[0]

    return max(",;\t", key=score)  # of equals the first


def _check_header(header: Sequence[str], line: int, source: str) -> None:
    if all(_is_number(name) for name in header):
        raise DataError(
            f"{source}: line {line} is all numbers, but the first line must name the columns; "
            f"add a header row of {counted(len(header), 'name')}"
        )
    for position, name in enumerate(header, start=1):
        if not name:
            raise DataError(
                f"{source}: column {position} of {len(header)} has no name in the header; name or remove it "
                "(pandas: to_csv(path, index=False))"
            )
    if len(set(header)) < len(header):
        twice = [name for name, times in Counter(header).items() if times > 1]
        raise DataError(f"{source}: duplicate column names {listed(twice)}; rename or remove the copies")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
