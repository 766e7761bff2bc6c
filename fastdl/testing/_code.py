"""Code to paste: a failing case as a few lines of Python, the last of which fails as the kernel did."""

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import functional, reference
from ..ops import Array
from ._cases import LAYOUTS, Case, argument_names, arrays_in

POISONS = (666.666, 777.777)


class Problem(NamedTuple):
    """What is wrong with a result: the kind stays the same while a case is made smaller. ``claim`` is a line of code
    that holds for a right result; ``array`` the number of the array that was changed."""

    kind: str
    text: str
    claim: str = ""
    array: int | None = None


class Caller(NamedTuple):
    """How code calls a function: its name there, and the line that gets it."""

    name: str
    line: str


def caller(function: Callable[..., Any]) -> Caller:
    """How to call a function from code; one that cannot be imported is named in a comment."""
    name, module = getattr(function, "__name__", ""), getattr(function, "__module__", None) or ""
    if name and getattr(functional, name, None) is function:
        return Caller(f"F.{name}", "from fastdl import functional as F")
    if not name.isidentifier():
        return Caller("function", "# function is what was given to verify")
    if module not in ("", "__main__") and getattr(sys.modules.get(module), name, None) is function:
        return Caller(name, f"from {module} import {name}")
    return Caller(name, f"# {name} is what was given to verify")


def code(case: Case, function: Callable[..., Any], problem: Problem | None = None) -> str:
    """The call as code, and the claim that fails."""
    called = caller(function)
    lines = ["import numpy as np", "from fastdl import reference"]
    if case.source and not case.literal:
        lines.append("from fastdl import testing")
    if called.line not in lines:
        lines.append(called.line)
    if case.source and not case.literal:
        layout = "" if case.layout == "plain" else f", layout={case.layout!r}"
        lines.append(f"args, options = testing.draw({case.source}{layout})")
        call = "*args, **options"
        arguments = [f"args[{i}]" for i in range(len(case.args))] + [f"options[{name!r}]" for name in case.options]
    else:
        names = argument_names(getattr(reference, case.name), len(case.args))
        arguments = [*names, *case.options]
        given = []
        for i, (name, value) in enumerate(zip(arguments, [*case.args, *case.options.values()], strict=True)):
            text = literal(value)
            if any(True for _ in arrays_in(value)):
                lines += [f"{name} = {text}", *_arranged(name, value, case.layout)]
                text = name
            given.append(text if i < len(case.args) else f"{name}={text}")
        call = ", ".join(given)
    values = [*case.args, *case.options.values()]
    paths = [path for name, value in zip(arguments, values, strict=True) for path in _paths(name, value)]
    return "\n".join([*lines, *_calls(called.name, case, call, paths, problem)])


def _calls(name: str, case: Case, call: str, paths: list[str], problem: Problem | None) -> list[str]:
    """The lines that call reference and kernel, and compare."""
    expected, got = f"expected = reference.{case.name}({call})", f"got = {name}({call})"
    if problem is None:
        return [expected, got]
    if problem.array is not None:
        array = paths[problem.array]
        claim = f'assert {array}.tobytes() == before, "the call changed {array}"'
        return [f"before = {array}.tobytes()", got, claim]
    if problem.kind == "bits":
        several = isinstance(case.expected(), tuple)
        return [
            expected,
            "outcomes = []",
            f"for poison in {POISONS}:  # what the memory that the kernel gets may hold",
            f"    for y in {'expected' if several else '[expected]'}:",
            f"        kept = [np.full(np.shape(y), poison, np.{case.dtype}) for _ in range(4)]",
            "        del kept",
            f"    outcomes.append({name}({call}))",
            f"pairs = zip({'*outcomes' if several else 'outcomes[:1], outcomes[1:]'})",
            "assert all(np.array_equal(a, b, equal_nan=True) for a, b in pairs if a is not None)",
        ]
    return [expected, got, *([problem.claim] if problem.claim else [])]


def _paths(name: str, value: Any) -> Iterator[str]:
    """The arrays inside an argument, as expressions, in the order of ``arrays_in``."""
    if isinstance(value, np.ndarray):
        yield name
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from _paths(f"{name}[{i}]", part)


def _arranged(name: str, value: Any, layout: str) -> list[str]:
    """The line that brings an argument into its layout."""
    change = LAYOUTS[layout][1]
    if layout == "plain" or not any(a.ndim for a in arrays_in(value)):
        return []
    if isinstance(value, np.ndarray):
        return [f"{name} = {change.format(x=name)}"]
    kind = type(value).__name__
    return [f"{name} = {kind}({change.format(x='x')} if isinstance(x, np.ndarray) and x.ndim else x for x in {name})"]


def literal(value: Any) -> str:
    """A value as code that makes the same value; arrays keep every bit but the payload of a NaN."""
    if isinstance(value, np.ndarray):
        if value.size == 0:
            return f"np.zeros({value.shape}, np.{value.dtype})"
        return f"np.array({_nested(value)}, np.{value.dtype})".replace("np.bool)", "bool)")
    if isinstance(value, (list, tuple)) and any(True for _ in arrays_in(value)):
        inside = ", ".join(map(literal, value))
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)"
    if isinstance(value, np.dtype):
        return f"np.{value!r}"
    return repr(value)


def _nested(x: Array) -> str:
    if x.ndim:
        return f"[{', '.join(_nested(part) for part in x)}]"
    if x.dtype.kind != "f":
        return str(x)
    if np.isfinite(x):
        return (
            str(x).removesuffix(".0") if x else str(x)
        )  # the shortest digits that give x again; "-0" would lose a sign
    return f"{'-' if x < 0 else ''}np.{abs(x)}"
