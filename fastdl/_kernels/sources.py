"""The source files that a kernel is made from: its own, and those of the package that it imports, and so on.

They are found by reading, because importing a kernel's file imports numba, which a process with a full cache does
without. Reading must be quick, too: to parse whole files takes 2 ms each, to look for their import statements 0.1.
"""

import ast
import functools
import hashlib
import re
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

from .._version import __version__

# A statement to its end, where that is the end of the line or of a list in parentheses.
_STATEMENT = re.compile(rb"^[ \t]*((?:import|from[ \t]+[.\w]+[ \t]*import)\b[^\n(]*(?:\([^)]*\))?)", re.MULTILINE)
_PACKAGE = __name__.rpartition(".")[0]
_ALWAYS = "compiler"  # what makes machine code of every kernel, with what it imports


class _Source(NamedTuple):
    digest: bytes
    imports: frozenset[str]


@functools.cache
def digest(module: str) -> bytes:
    """Hash of all that decides what the kernels of ``_kernels/<module>.py`` are."""
    found: dict[str, bytes] = {}
    waiting = [module, _ALWAYS]
    while waiting:
        name = waiting.pop()
        if name not in found:
            source = _read(name)
            found[name] = source.digest
            waiting += source.imports
    return hashlib.sha256(b"".join(name.encode() + b"\0" + found[name] for name in sorted(found))).digest()


@functools.cache
def _read(module: str) -> _Source:
    """A module without source (in an application frozen to one file) has the version for one."""
    spec = PathFinder.find_spec(f"{_PACKAGE}.{module}", sys.modules[_PACKAGE].__path__)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return _Source(__version__.encode(), frozenset())
    loader: Any = spec.loader
    text: bytes = loader.get_data(spec.origin)
    return _Source(hashlib.sha256(text).digest(), frozenset(_imports(text)))


def _imports(text: bytes) -> Iterator[str]:
    """The modules of this package that a file imports anywhere: ``block`` for ``from .block import pointer``."""
    for statement in _statements(text):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        else:
            base = ".".join(filter(None, [_PACKAGE if statement.level == 1 else "", statement.module]))
            names = [f"{base}.{alias.name}" for alias in statement.names] if base == _PACKAGE else [base]
        for name in names:
            inside = name.removeprefix(_PACKAGE + ".")
            if inside != name:
                yield inside


def _statements(text: bytes) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of a file; what only looks like one, in a docstring, makes the whole file be parsed."""
    try:
        tree = ast.parse(b"\n".join(found.group(1) for found in _STATEMENT.finditer(text)))
    except SyntaxError:
        tree = ast.parse(text)
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
