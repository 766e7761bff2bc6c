"""A kernel against the reference, on random arguments; and, if it fails, the smallest case that shows it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops import Array
from ._cases import LAYOUTS, Case, arrays_in, draw, find_op, graded, map_arrays, random_like, result_dtype, tidy
from ._report import Report, VerificationError
from ._tolerance import allowed_errors

POISONS = (666.666, 777.777)
_SMALLER_DRAWS = 300
_NON_FINITE = (np.nan, np.inf, -np.inf)


class Problem(NamedTuple):
    """What is wrong with a result: the kind stays the same while a case is made smaller."""

    kind: str
    text: str


def verify(
    function: Callable[..., Any],
    name: str,
    cases: int = 200,
    seed: int = 0,
    dtypes: Sequence[str] = ("float32", "float64"),
) -> Report:
    """Check somebody's own kernel for the op ``name`` against the naive reference.

    ``function`` takes the arguments and options of ``functional.<name>`` (``"conv2d_backward"``: of the backward, and
    returns one gradient per array argument, None for an absent one). Each case checks the values, with the error that
    naive code of the same precision makes as the measure; shape and dtype of the result; that no input was changed;
    strided, reversed and read-only arrays; that two calls give the same bits, whatever the memory for the result held
    before; and for functions that go element by element, that NaN and infinity come through as in the formula.

    Raises VerificationError with the smallest failing case as code to paste, ValueError for an unknown op.
    Returns a report: the number of cases and the largest error as a share of what is allowed.

    >>> import numpy as np
    >>> from fastdl import testing
    >>> testing.verify(lambda x: np.where(x < 0, 0, x).astype(x.dtype), "relu", cases=20)
    <relu verified: 20 cases in each of float32, float64; largest error 0 of the allowed one>
    """
    find_op(name)
    worst = 0.0
    for dtype in dtypes:
        for k in range(cases):
            case = make_case(name, dtype, seed, k)
            problem, ratio = check(function, case)
            worst = max(worst, ratio)
            if problem is not None:
                smallest, problem = _shrink(function, case, problem, seed)
                caller = getattr(function, "__name__", "function")
                code = smallest.code(caller if caller.isidentifier() else "function")
                indented = "\n".join(f"    {line}" for line in code.splitlines())
                raise VerificationError(
                    f"{name} in {dtype}, arrays {smallest.layout}: {problem.text}\n"
                    f"Found in case {k} of seed {seed}; this is the smallest that fails alike:\n{indented}"
                )
    return Report(name, cases, tuple(dtypes), worst)


def make_case(name: str, dtype: str, seed: int, k: int) -> Case:
    """The k-th case: every second one with contiguous arrays, the others in a layout of their own."""
    args, options = draw(name, (seed, k), dtype)
    layout = "plain" if k % 2 == 0 else list(LAYOUTS)[1 + k // 2 % (len(LAYOUTS) - 1)]
    case = Case(name, dtype, args, options, layout, f"testing.draw({name!r}, {(seed, k)}, {dtype!r})")
    return with_non_finite(case, k // 7) if k % 7 == 6 and goes_by_element(case) else case


def goes_by_element(case: Case) -> bool:
    """Whether each result has the shape to which the floating arguments broadcast."""
    floats = [a.shape for a in arrays_in(case.args) if a.dtype.kind == "f"]
    results = list(arrays_in(case.expected()))
    try:
        shape = np.broadcast_shapes(*floats)
    except ValueError:
        return False
    return bool(results) and all(y.shape == shape for y in results)


def with_non_finite(case: Case, k: int) -> Case:
    """The case with a NaN or an infinity somewhere in one of the op's arrays, unless the op refuses that."""
    args = map_arrays(lambda x: x.copy(), case.args)
    own = args[1:] if case.name.endswith("_backward") else args
    if case.name.endswith("_update"):
        own = args[1:2]  # the gradient: a parameter that is not finite is lost, whatever becomes of the others
    candidates = [a for a in arrays_in(own) if a.dtype.kind == "f" and a.size]
    if candidates:
        chosen = candidates[k % len(candidates)]
        chosen.flat[(7 * k) % chosen.size] = _NON_FINITE[k % 3]
    changed = case._replace(args=args, source="")
    try:
        changed.expected()
    except ValueError:  # an op may refuse such values
        return case
    return changed


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
            return Problem(type(error).__name__, f"the function raised {type(error).__name__}: {error}"), 0.0
        for i, (array, old) in enumerate(zip(arrays_in([args, options]), before, strict=True)):
            if array.tobytes() != old:
                return Problem("changed", f"array argument {i} was changed by the call"), 0.0
    problem, ratio = compare(results[0], expected, case)
    if problem is None and not _same_bits(*results):
        problem = Problem("bits", "two calls with the same arguments gave different results: is all of it written?")
    return problem, ratio


def _poison(expected: Any, dtype: str, value: float) -> None:
    """Leave memory of the results' sizes behind that does not hold zeros, for the function to find."""
    with np.errstate(all="ignore"):
        for y in arrays_in(expected):
            kept = [np.full(y.shape, value).astype(dtype if y.dtype.kind == "f" else y.dtype) for _ in range(4)]
            del kept


def _same_bits(first: Any, second: Any) -> bool:
    """Whether two results agree bit for bit (all NaN count as the same)."""
    pairs = zip(arrays_in(tidy(first)), arrays_in(tidy(second)), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def compare(got: Any, expected: Any, case: Case) -> tuple[Problem | None, float]:
    """A result against the reference's: number of results, shapes, dtypes, values."""
    got = tidy(got)
    if isinstance(expected, tuple) and not (isinstance(got, tuple) and len(got) == len(expected)):
        came = f"{len(got)} values" if isinstance(got, tuple) else type(got).__name__
        return Problem("structure", f"the result is {came}; expected a tuple of {len(expected)}"), 0.0
    floating = result_dtype(case.name, case.args, case.options, case.dtype)
    parts, truths = (got, expected) if isinstance(expected, tuple) else ((got,), (expected,))
    for i, (part, truth) in enumerate(zip(parts, truths, strict=True)):
        what = f"result {i}" if isinstance(expected, tuple) else "the result"
        if truth is None:
            if part is not None:
                return Problem("structure", f"{what} is {type(part).__name__}; expected None"), 0.0
            continue
        if not isinstance(part, np.ndarray):
            return Problem("structure", f"{what} is {type(part).__name__}; expected a NumPy array"), 0.0
        dtype = floating if truth.dtype.kind == "f" else truth.dtype
        if part.shape != truth.shape:
            return Problem("shape", f"{what} has shape {part.shape}; expected {truth.shape}"), 0.0
        if part.dtype != dtype:
            return Problem("dtype", f"{what} has dtype {part.dtype}; expected {dtype}"), 0.0
    pairs = [(y, t) for y, t in zip(parts, truths, strict=True) if t is not None]
    if all(t.dtype.kind == "f" for _, t in pairs):
        allowed = allowed_errors(case.name, case.args, case.options, expected, case.dtype)
    else:
        allowed = [np.zeros(t.shape) for _, t in pairs]
    worst = 0.0
    for (y, truth), limit in zip(pairs, allowed, strict=True):
        problem, ratio = _compare_values(y, truth, limit)
        worst = max(worst, ratio)
        if problem is not None:
            return problem, worst
    return None, worst


def _compare_values(y: Array, truth: Array, limit: Array) -> tuple[Problem | None, float]:
    if truth.dtype.kind == "f":
        with np.errstate(all="ignore"):
            rounded = truth.astype(y.dtype)  # what is too large for float32 is infinite there
            error = np.abs(y.astype(np.float64) - truth)
            finite = np.isfinite(rounded)
            ratio = np.where(finite, np.where(error == 0, 0.0, error / limit), 0.0)
            ratio = np.where(np.isnan(ratio), np.inf, ratio)
            same = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
            wrong = np.where(finite, ratio > 1, ~same)
        worst = float(ratio.max(initial=0.0))
    else:
        wrong, error, worst = y != truth, np.zeros(truth.shape), 0.0
    if not wrong.any():
        return None, worst
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.where(wrong, ratio_or_one(error), -1))), y.shape))
    off = f", off by {error[at]:.3g} where {limit[at]:.3g} is allowed" if np.isfinite(error[at]) else ""
    where = f"element {at}" if y.ndim else "the number"
    text = f"{where} is {y[at]}; expected {truth[at]}{off} ({int(wrong.sum())} of {y.size} elements are wrong)"
    return Problem("values", text), worst


def ratio_or_one(error: Array) -> Array:
    """Errors to be compared with each other: those that are no number count most."""
    return np.where(np.isfinite(error), error, np.inf)


def _shrink(function: Callable[..., Any], case: Case, problem: Problem, seed: int) -> tuple[Case, Problem]:
    """A small case that fails in the same way: other draws first, then the arguments simplified."""
    for k in range(_SMALLER_DRAWS):
        other = make_case(case.name, case.dtype, seed + 1, k)
        if other.size < case.size:
            found, _ = check(function, other)
            if found is not None and found.kind == problem.kind:
                case, problem = other, found
    while True:
        for simpler in _simpler(case):
            try:
                found, _ = check(function, simpler)
            except (TypeError, ValueError, IndexError):  # the reference refuses these arguments
                continue
            if found is not None and found.kind == problem.kind:
                case, problem = simpler, found
                break
        else:
            return case, problem


def _simpler(case: Case) -> Iterator[Case]:
    """Cases a little simpler than this one; some are not valid."""
    if case.layout != "plain":
        yield case._replace(layout="plain")
    for name in case.options:
        options = {key: value for key, value in case.options.items() if key != name}
        yield _with_grad_to_fit(case._replace(options=options, source=""))
    first = 2 if case.name.endswith("_backward") else 1
    for i in range(first, len(case.args)):
        if isinstance(case.args[i], np.ndarray):
            yield case._replace(args=[*case.args[:i], None, *case.args[i + 1 :]], source="")
    if case.literal and any(_is_fraction(a) for a in arrays_in(case.args)):
        yield case._replace(args=map_arrays(_rounded, case.args), source="")


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
