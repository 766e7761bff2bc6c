"""Making a failing case smaller: other draws first, then the arguments simplified, as long as it fails in the same way.

Ordinary numbers come before large ones, and these before NaN and infinity; then fewer elements; then fewer options.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..ops import Array
from ._cases import Case, arrays_in, graded, map_arrays, random_like
from ._code import Problem
from ._draws import Only, is_accepted, make_case

_SMALLER_DRAWS = 100


def shrink(
    fails: Callable[[Case], Problem | None], case: Case, problem: Problem, seed: int, only: Only | None
) -> tuple[Case, Problem]:
    """A small case that fails in the same way, or, if this one has NaN or infinity in it, in any way without them."""
    for k in range(_SMALLER_DRAWS):
        other = make_case(case.name, case.dtype, seed + 1, k, only)
        if other.size < case.size:
            found = fails(other)
            if found is not None and (found.kind == problem.kind or other.wildness < case.wildness == 2):
                case, problem = other, found
    drawn = case, problem
    while True:
        for simpler in _simpler(case):
            try:
                found = fails(simpler)
            except (TypeError, ValueError, IndexError):  # the reference refuses these arguments
                continue
            if found is not None and found.kind == problem.kind:
                case, problem = simpler, found
                break
        else:  # what is too long to be written out is better drawn
            return (case, problem) if case.literal else drawn


def _simpler(case: Case) -> Iterator[Case]:
    """Cases a little simpler than this one; some are not valid."""
    if case.layout != "plain":
        yield case._replace(layout="plain")
    for name in case.options:
        options = {key: value for key, value in case.options.items() if key != name}
        yield _with_grad_to_fit(case._replace(options=options, source=""))
    first = _first(case) + 1
    for i in range(first, len(case.args)):
        if isinstance(case.args[i], np.ndarray):
            yield case._replace(args=[*case.args[:i], None, *case.args[i + 1 :]], source="")
    if case.args[-1] is None:
        yield case._replace(args=case.args[:-1], source="")
    yield from _shorter(case)
    if case.literal and any(_is_fraction(a) for a in arrays_in(case.args)):
        yield case._replace(args=map_arrays(_rounded, case.args), source="")


def _first(case: Case) -> int:
    """Where the op's own arguments begin."""
    return 1 if case.name.endswith("_backward") else 0


def _shorter(case: Case) -> Iterator[Case]:
    """The arrays cut: one axis of one array, or all axes of one length; to a single element, to half, by one."""
    first = _first(case)
    own = case.args[first:]
    shapes = [a.shape for a in arrays_in(own)]
    single = [(i, axis, n) for i, shape in enumerate(shapes) for axis, n in enumerate(shape)]
    together = sorted({n for shape in shapes for n in shape if sum(s.count(n) for s in shapes) > 1})
    for i, axis, n in [*single, *((None, None, n) for n in together)]:
        for length in dict.fromkeys((1, n // 2, n - 1)):
            if 0 < length < n:
                cut = _cut(own, i, axis, n, length)
                candidate = case._replace(args=[*case.args[:first], *cut], source="")
                if is_accepted(case.name.removesuffix("_backward"), cut, case.options):
                    yield _with_grad_to_fit(candidate)


def _cut(args: list[Any], i: int | None, axis: int | None, n: int, length: int) -> list[Any]:
    """The arguments with axis ``axis`` of the i-th array, or every axis of length n, cut to ``length``."""
    numbers = iter(range(len(list(arrays_in(args)))))

    def cut(x: Array) -> Array:
        if i is not None:
            chosen = [axis] if next(numbers) == i else []
        else:
            chosen = [a for a, size in enumerate(x.shape) if size == n]
        return x[tuple(slice(length) if a in chosen else slice(None) for a in range(x.ndim))].copy()

    cut_args: list[Any] = map_arrays(cut, args)
    return cut_args


def _is_fraction(x: Array) -> bool:
    return x.dtype.kind == "f" and bool(np.any(np.isfinite(x) & (x != np.rint(x))))


def _rounded(x: Array) -> Array:
    return np.asarray(np.rint(x) + 0.0, x.dtype) if x.dtype.kind == "f" else x


def _with_grad_to_fit(case: Case) -> Case:
    """Another option may make another result, so the gradient of a backward is drawn anew."""
    if not case.name.endswith("_backward"):
        return case
    forward = case._replace(name=case.name.removesuffix("_backward"), args=case.args[1:])
    try:
        result = graded(forward.name, forward.expected())
    except (TypeError, ValueError):
        return case
    return case._replace(args=[random_like(np.random.default_rng(0), result, case.dtype), *case.args[1:]])
