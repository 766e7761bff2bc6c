"""A kernel against the reference, on random arguments; and, if it fails, the smallest case that shows it."""

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..ops import Array
from ._cases import Case, arrays_in, find_op, result_dtype, tidy
from ._code import POISONS, Problem, code
from ._draws import Only, check_only, make_case, optional_arguments
from ._report import Report, VerificationError
from ._shrink import shrink
from ._tolerance import SAMPLES, allowed_errors


def verify(
    function: Callable[..., Any],
    name: str,
    cases: int = 200,
    seed: int = 0,
    dtypes: Sequence[str] = ("float32", "float64"),
    *,
    only: Only | None = None,
    progress: bool | None = None,
) -> Report:
    """Check somebody's own kernel for the op ``name`` against the naive reference.

    ``function`` takes the arguments and options of ``functional.<name>`` (``"conv2d_backward"``: of the backward, and
    returns one gradient per array argument, None for an absent one). Each case checks the values, with the error that
    naive code of the same precision makes as the measure; shape and dtype of the result; that no input was changed;
    strided, reversed and read-only arrays; that two calls give the same bits, whatever the memory for the result held
    before; that large finite numbers do not overflow on the way (softmax, losses of logits, attention, ...); and for
    functions that go element by element, that NaN and infinity come through as in the formula.

    ``only`` is for a kernel with fewer options: the names of the optional arguments that it takes, ``{"stride",
    "padding"}``; all others are left out of the calls. A dict restricts their values to types as well: ``{"stride":
    int, "padding": int}``. With ``only=()`` nothing optional is passed, and the gradients of what is left out may be
    missing at the end of what a backward returns. ``progress``: a bar on standard error; None shows it on a terminal
    once a second has passed.

    Raises VerificationError with the smallest failing case as code to paste, ValueError for an unknown op or option.
    Returns a report: the number of cases and the largest error as a share of what is allowed.

    >>> import numpy as np
    >>> from fastdl import testing
    >>> testing.verify(lambda x: np.where(x < 0, 0, x).astype(x.dtype), "relu", cases=20)
    <relu verified: 20 cases in each of float32, float64; largest error 0 of the allowed one>
    """
    find_op(name)
    if only is not None:
        check_only(name, only)
    worst = 0.0
    with progress_bar(name, cases * len(dtypes), progress) as advance:
        for dtype in dtypes:
            for k in range(cases):
                case = make_case(name, dtype, seed, k, only)
                problem, ratio = check(function, case)
                worst = max(worst, ratio)
                if problem is not None:
                    raise failure(function, case, problem, seed, k, only)
                advance()
    return Report(name, cases, tuple(dtypes), worst)


def failure(
    function: Callable[..., Any], case: Case, problem: Problem, seed: int, k: int, only: Only | None
) -> VerificationError:
    """The error that shows the smallest case like this one."""
    smallest, problem = shrink(lambda other: check(function, other)[0], case, problem, seed, only)
    indented = "\n".join(f"    {line}" for line in code(smallest, function, problem).splitlines())
    return VerificationError(
        f"{case.name} in {case.dtype}, arrays {smallest.layout}: {problem.text}\n"
        f"Found in case {k} of seed {seed}; this is the smallest that fails alike:\n{indented}"
    )


@contextlib.contextmanager
def progress_bar(name: str, total: int, progress: bool | None) -> Iterator[Callable[[], Any]]:
    """What to call after each of ``total`` steps; a bar on standard error if ``progress``, or on a terminal if None."""
    if not (progress or (progress is None and sys.stderr is not None and sys.stderr.isatty())):
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=name, unit="case", leave=False, dynamic_ncols=True, delay=0 if progress else 1) as bar:
        yield bar.update


def check(function: Callable[..., Any], case: Case) -> tuple[Problem | None, float]:
    """One call of the function: what is wrong with it, and the largest error as a share of the allowed one."""
    expected = case.expected()
    results = []
    for poison in POISONS:
        args, options = case.arranged()
        before = [a.tobytes() for a in arrays_in([args, options])]
        _poison(expected, case.dtype, poison)
        try:
            with np.errstate(all="ignore"):
                results.append(function(*args, **options))
        except Exception as error:
            text = f"the function raised {type(error).__name__}: {error}{_missing(function, case, error)}"
            return Problem(type(error).__name__, text), 0.0
        for i, (array, old) in enumerate(zip(arrays_in([args, options]), before, strict=True)):
            if array.tobytes() != old:
                return Problem("changed", f"array argument {i} was changed by the call", array=i), 0.0
    problem, ratio = compare(results[0], expected, case)
    if problem is None and not same_bits(*results):
        problem = Problem("bits", "two calls with the same arguments gave different results: is all of it written?")
    return problem, ratio


def _poison(expected: Any, dtype: str, value: float) -> None:
    """Leave memory of the results' sizes behind that does not hold zeros, for the function to find."""
    with np.errstate(all="ignore"):
        for y in arrays_in(expected):
            kept = [np.full(y.shape, value).astype(dtype if y.dtype.kind == "f" else y.dtype) for _ in range(4)]
            del kept


def same_bits(first: Any, second: Any) -> bool:
    """Whether two results agree bit for bit (all NaN count as the same)."""
    pairs = zip(arrays_in(tidy(first)), arrays_in(tidy(second)), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def _missing(function: Callable[..., Any], case: Case, error: Exception) -> str:
    """The remedy if a kernel lacks some of the op's optional arguments."""
    if not isinstance(error, TypeError):
        return ""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # not every function written in C has one
        return ""
    known = optional_arguments(case.name)
    missing = [option for option in known if option not in parameters]
    if not missing or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return ""
    only = ", ".join(repr(option) for option in known if option in parameters)
    return f"; it takes no {', '.join(missing)}, so give verify only={f'{{{only}}}' if only else '()'}"


def compare(got: Any, expected: Any, case: Case) -> tuple[Problem | None, float]:
    """A result against the reference's: number of results, shapes, dtypes, values."""
    got = tidy(got)
    if isinstance(expected, tuple):
        if isinstance(got, tuple) and len(got) < len(expected) <= len(got) + case.left_out:
            if all(y is None for y in expected[len(got) :]):  # the gradients of what the kernel does not take
                got = (*got, *expected[len(got) :])
        if not (isinstance(got, tuple) and len(got) == len(expected)):
            came = f"{len(got)} values" if isinstance(got, tuple) else type(got).__name__
            claim = f"assert isinstance(got, (tuple, list)) and len(got) == {len(expected)}, type(got)"
            return Problem("structure", f"the result is {came}; expected a tuple of {len(expected)}", claim), 0.0
    floating = result_dtype(case.name, case.args, case.options, case.dtype)
    parts, truths = (got, expected) if isinstance(expected, tuple) else ((got,), (expected,))
    for i, (part, truth) in enumerate(zip(parts, truths, strict=True)):
        problem = _compare_kind(part, truth, floating, i if isinstance(expected, tuple) else None)
        if problem is not None:
            return problem, 0.0
    pairs = [(i, y, t) for i, (y, t) in enumerate(zip(parts, truths, strict=True)) if t is not None]
    if not any(t.dtype.kind == "f" for _, _, t in pairs):
        return _compare_all(pairs, [np.zeros(t.shape) for _, _, t in pairs], isinstance(expected, tuple))
    for samples in (1, SAMPLES):
        allowed = allowed_errors(case.name, case.args, case.options, expected, case.dtype, samples)
        problem, worst = _compare_all(pairs, allowed, isinstance(expected, tuple))
        if problem is None and worst <= 0.5:  # see allowed_errors
            break
    return problem, worst


def _compare_all(
    pairs: Sequence[tuple[int, Array, Array]], allowed: Sequence[Array], several: bool
) -> tuple[Problem | None, float]:
    """(number, result, truth) of each result, against the errors that are allowed."""
    worst = 0.0
    for (i, y, truth), limit in zip(pairs, allowed, strict=True):
        problem, ratio = _compare_values(y, truth, limit, f"[{i}]" if several else "")
        worst = max(worst, ratio)
        if problem is not None:
            return problem, worst
    return None, worst


def _compare_kind(part: Any, truth: Any, floating: np.dtype[Any], i: int | None) -> Problem | None:
    """One result: whether it is an array of the right shape and dtype."""
    what, got = ("the result", "got") if i is None else (f"result {i}", f"got[{i}]")
    if truth is None:
        text = f"{what} is {type(part).__name__}; expected None"
        return None if part is None else Problem("structure", text, f"assert {got} is None")
    if not isinstance(part, np.ndarray):
        text = f"{what} is {type(part).__name__}; expected a NumPy array"
        return Problem("structure", text, f"assert isinstance({got}, (np.ndarray, np.generic)), type({got})")
    if part.shape != truth.shape:
        claim = f"assert {got}.shape == {truth.shape}, {got}.shape"
        return Problem("shape", f"{what} has shape {part.shape}; expected {truth.shape}", claim)
    dtype = floating if truth.dtype.kind == "f" else truth.dtype
    if part.dtype != dtype:
        claim = f'assert {got}.dtype == "{dtype}", {got}.dtype'
        return Problem("dtype", f"{what} has dtype {part.dtype}; expected {dtype}", claim)
    return None


def _compare_values(y: Array, truth: Array, limit: Array, part: str) -> tuple[Problem | None, float]:
    """One result element by element; ``part`` is its index in code, if there are several."""
    if truth.dtype.kind == "f":
        with np.errstate(all="ignore"):
            rounded = truth.astype(y.dtype)  # what is too large for float32 is infinite there
            error = np.abs(y.astype(np.float64) - truth)
            finite = np.isfinite(rounded)
            same = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
            ratio = np.where(finite & ~same, error / limit, 0.0)  # the nearest number of the dtype is right
            ratio = np.where(np.isnan(ratio), np.inf, ratio)
            wrong = np.where(finite, ratio > 1, ~same)
        worst = float(ratio.max(initial=0.0))
    else:
        rounded, wrong, error, worst = truth, y != truth, np.zeros(truth.shape), 0.0
        finite = np.ones(truth.shape, bool)
    if not wrong.any():
        return None, worst
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.where(wrong, ratio_or_one(error), -1))), y.shape))
    off = f", off by {error[at]:.3g} where {limit[at]:.3g} is allowed" if np.isfinite(error[at]) else ""
    where = f"element {at}" if y.ndim else "the number"
    text = f"{where} is {y[at]}; expected {truth[at]}{off} ({int(wrong.sum())} of {y.size} elements are wrong)"
    kind = "values" if np.isfinite(y[at]) or not finite[at] else "overflow"
    return Problem(kind, text, _claim(f"{part}[{', '.join(map(str, at)) or '()'}]", rounded[at], limit[at])), worst


def _claim(place: str, truth: Any, limit: Any) -> str:
    """That the element at ``place`` is right, as code."""
    got, expected = f"got{place}", f"expected{place}"
    if truth.dtype.kind == "f" and np.isfinite(truth):
        return f"assert abs(float({got}) - {expected}) <= {float(limit):.3g}, ({got}, {expected})"
    wanted = "np.isnan({})" if truth.dtype.kind == "f" and np.isnan(truth) else f"{{}} == {truth.item()!r}"
    wanted = wanted.replace("== inf", "== np.inf").replace("== -inf", "== -np.inf")
    return f"assert {wanted.format(got)}, ({got}, {expected})"


def ratio_or_one(error: Array) -> Array:
    """Errors to be compared with each other: those that are no number count most."""
    return np.where(np.isfinite(error), error, np.inf)
