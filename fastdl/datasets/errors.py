"""The error of this package, and the few phrases that its messages share.

Data come from outside, so every message is one line that a shell user can act on: the file, what was found,
what was expected, the remedy. Text taken from a file is quoted and clipped, because a cell may hold line
breaks or a megabyte.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO


class DataError(ValueError):
    """Data cannot be used as they are; the message is one line that names the remedy.

    >>> from fastdl import datasets
    >>> datasets.read_csv("no_such_file.csv")
    Traceback (most recent call last):
        ...
    fastdl.datasets.errors.DataError: no_such_file.csv: no such file; check the path
    """


def quoted(value: object, limit: int = 60) -> str:
    """`repr`, clipped in the middle: one line whatever the value holds."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 20]}...{text[-15:]}"


def listed(values: Iterable[object], limit: int = 12) -> str:
    """The values, quoted and separated by commas; beyond `limit` only their number."""
    shown = [quoted(value) for value in values]
    rest = len(shown) - limit
    return ", ".join(shown) if rest <= 0 else f"{', '.join(shown[:limit])} and {rest} more"


def suggested(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'benign'?`, or nothing when no known name is close."""
    import difflib  # only needed once something is wrong

    by_folded = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(str(name).casefold(), by_folded, n=1)
    return f"; did you mean {quoted(by_folded[close[0]])}?" if close else ""


def counted(n: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def place(source: str, line: object, column: str) -> str:
    """Where in a file: `data.csv: line 17, column 'age'`."""
    return f"{source}: line {line}, column {quoted(column)}"


def path_name(path: str | os.PathLike[str]) -> str:
    """The path as messages show it."""
    text = os.fsdecode(path)
    return text if text.isprintable() and text else repr(text)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for reading; whatever the operating system refuses becomes a DataError."""
    if not isinstance(path, (str, os.PathLike)):
        # open(0) would wait for the terminal.
        raise DataError(f"path must be a string or a path, got {quoted(path)} ({type(path).__name__})")
    name = path_name(path)
    if "\0" in os.fsdecode(path):
        raise DataError(f"{name}: not a path, it contains a null character; check the path")
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{name}: no such file; check the path") from None
    except IsADirectoryError:
        raise DataError(f"{name}: is a directory; give the path of a file in it") from None
    except PermissionError:
        # Windows also refuses to open a directory in this way.
        raise DataError(f"{name}: permission denied; check that it is a file that you may read") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}); check the path and the disk") from None
