"""Drawing: random arguments from the registry, restricted to some options if asked, with ordinary or extreme values.

An op draws its own arguments; here they are put to use. ``only`` leaves out options that a kernel does not have: those
are set back to their defaults, and where the arguments are no longer valid (``groups`` left out) others are drawn. The
op's own door says what is valid: the call is recorded, and nothing is compiled.
"""

import difflib
import inspect
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import functional, reference
from ..graph import Graph
from ..ops import Spec
from ._cases import (
    LAYOUTS,
    Case,
    argument_names,
    arrays_in,
    find_op,
    graded,
    map_arrays,
    random_like,
    result_dtype,
)

Only: TypeAlias = Collection[str] | Mapping[str, type | tuple[type, ...]]

VALUES = ("drawn", "large", "non-finite", "smooth")
_POSITIVE = ("log", "power", "sqrt")  # real numbers come out for positive arguments only
_NON_FINITE = (np.nan, np.inf, -np.inf)
_TRIES = 1000
# Ops whose formula overflows where it is written down naively, though their result does not: exp of large numbers.
# Their first argument is made large; in those of the second row all of it may also be moved up or down.
_CURVES = ("elu", "gelu", "mish", "selu", "sigmoid", "silu", "softplus", "tanh")
_SCALED = ("binary_cross_entropy_with_logits", *_CURVES)
# Forward only: saturated weights and gates hide the terms that cancel in the gradients, so the size of the rounding
# errors cannot be seen in the results.
_SCALED_FORWARD = ("attention", "gru", "lstm", "rnn")
_MOVED = ("cross_entropy", "log_softmax", "softmax")
_LARGE = {"float32": 300.0, "float64": 2500.0}  # exp overflows at 89 and 710


def draw(
    name: str,
    seed: int | Sequence[int],
    dtype: str = "float32",
    *,
    only: Only | None = None,
    values: str = "drawn",
    layout: str = "plain",
) -> tuple[list[Any], dict[str, Any]]:
    """Random valid arguments and options of an op or of its backward, as ``verify`` uses them.

    The same seed gives the same arguments. A backward's begin with the gradient of the result. ``only`` is that of
    ``verify``. ``values``: ``"large"`` makes arguments of exponential functions so large that a naive formula
    overflows, ``"non-finite"`` puts a NaN or an infinity somewhere, ``"smooth"`` moves them by up to a tenth away from
    ties and zeros, so that the op has derivatives there. ``layout``: how the arrays lie in memory,
    ``"plain"``, ``"strided"``, ``"reversed"``, ``"read-only"`` or ``"Fortran order"``.

    Raises ValueError for an unknown op, option, kind of values or layout.

    >>> from fastdl import testing
    >>> (x, shape), options = testing.draw("reshape", seed=3)
    >>> x.dtype
    dtype('float32')
    """
    for what, came, expected in (("values", values, VALUES), ("layout", layout, tuple(LAYOUTS))):
        if came not in expected:
            raise ValueError(f"draw: {what} is {came!r}; expected one of {', '.join(map(repr, expected))}")
    case = draw_case(name, seed, dtype, only, values)._replace(layout=layout)
    return (case.args, case.options) if layout == "plain" else case.arranged()


def draw_case(
    name: str, seed: int | Sequence[int], dtype: str, only: Only | None = None, values: str = "drawn"
) -> Case:
    """What ``draw`` draws, as a case."""
    op = find_op(name)
    if only is not None:
        check_only(name, only)
    rng = np.random.default_rng(seed)
    if op.draw is None:
        raise ValueError(f"{op.name} has no way to draw arguments")
    for _ in range(_TRIES):
        drawn, options = op.draw(rng, np.dtype(dtype))
        args = [np.asarray(x) if isinstance(x, np.generic) else x for x in drawn]
        if only is None:
            break
        args, options, changed = _restricted(op.name, args, options, only)
        if not changed or is_accepted(op.name, args, options):
            break
    else:
        raise ValueError(f"{name}: {_TRIES} draws gave no valid arguments with only={only!r}; allow more")
    left_out = 0 if only is None else _positional(op.name) - len(args)
    if name != op.name:
        y = graded(op.name, op.reference(*args, **options))
        args = [random_like(rng, y, result_dtype(op.name, args, options, dtype)), *args]
    source = f"{name!r}, {seed!r}, {dtype!r}" + (f", only={_only_text(only)}" if only is not None else "")
    case = Case(name, dtype, args, options, source=source, left_out=left_out)
    if values != "drawn":
        change = {"large": with_large, "non-finite": with_non_finite, "smooth": smoothed}[values]
        changed_case = change(case, int(rng.integers(0, 97)))
        if changed_case is not case:
            case = changed_case._replace(source=f"{source}, values={values!r}")
    return case


def make_case(name: str, dtype: str, seed: int, k: int, only: Only | None = None) -> Case:
    """The k-th case: every second one with contiguous arrays, the others in a layout of their own; of each seven one
    with large values and one with a NaN or an infinity, where the op is one for them."""
    layout = "plain" if k % 2 == 0 else list(LAYOUTS)[1 + k // 2 % (len(LAYOUTS) - 1)]
    values = {3: "large", 6: "non-finite"}.get(k % 7, "drawn")
    case = draw_case(name, (seed, k), dtype, only, "large" if values == "large" else "drawn")
    if values == "non-finite" and goes_by_element(case):
        case = draw_case(name, (seed, k), dtype, only, values)
    return case._replace(layout=layout)


def check_only(name: str, only: Only) -> None:
    """Refuse what is no optional argument of the op."""
    if isinstance(only, str):
        raise ValueError(f"verify: only is the string {only!r}; expected a collection of options, as {{{only!r}}}")
    known = optional_arguments(name)
    for option in only:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=2)
            remedy = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(known) or 'none'}"
            raise ValueError(f"verify: {name} has no optional argument {option!r} for only; {remedy}")


def optional_arguments(name: str) -> dict[str, Any]:
    """The optional arguments of an op (or of the op of a backward), and what they are if not given."""
    parameters = inspect.signature(getattr(functional, name.removesuffix("_backward"))).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty and p.name != "out"}


def _positional(name: str) -> int:
    """How many arguments of an op may be given by position."""
    kinds = [p.kind for p in inspect.signature(getattr(functional, name)).parameters.values()]
    return sum(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)


def _only_text(only: Only) -> str:
    """``only`` as code."""
    if not isinstance(only, Mapping):
        return f"{{{', '.join(map(repr, sorted(only)))}}}" if only else "()"
    return f"{{{', '.join(f'{option!r}: {_type_text(kind)}' for option, kind in only.items())}}}"


def _type_text(kind: type | tuple[type, ...]) -> str:
    if isinstance(kind, tuple):
        return f"({', '.join(_type_text(k) for k in kind)},)"
    return kind.__name__ if kind.__module__ == "builtins" else f"np.{kind.__name__}"


def _restricted(
    name: str, args: list[Any], options: dict[str, Any], only: Only
) -> tuple[list[Any], dict[str, Any], bool]:
    """The arguments with the options outside of ``only`` at their defaults, or absent; whether any changed."""
    defaults = optional_arguments(name)

    def allowed(option: str, value: Any) -> bool:
        if option not in only:
            return option not in defaults
        return not isinstance(only, Mapping) or value is defaults[option] or isinstance(value, only[option])

    names = argument_names(getattr(reference, name), len(args))
    left = [x if allowed(n, x) else defaults[n] for n, x in zip(names, args, strict=True)]
    kept = {n: x for n, x in options.items() if allowed(n, x)}
    changed = len(kept) < len(options) or any(a is not b for a, b in zip(left, args, strict=True))
    while left and names[len(left) - 1] in defaults and names[len(left) - 1] not in only:
        left.pop()
    return left, kept, changed


def is_accepted(name: str, args: Sequence[Any], options: Mapping[str, Any]) -> bool:
    """Whether the op's checks let these arguments in, and the reference finds the values in order (classes)."""
    graph = Graph()

    def tensor(x: Any) -> Any:
        return graph.input(Spec(x.shape, x.dtype)) if x.dtype.kind == "f" else x

    try:
        with graph:
            getattr(functional, name)(*map_arrays(tensor, list(args)), **map_arrays(tensor, dict(options)))
        getattr(reference, name)(*args, **options)
    except (TypeError, ValueError, IndexError):
        return False
    return True


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


def with_large(case: Case, k: int) -> Case:
    """The case with arguments so large that a naive formula overflows, if the op is one whose result does not."""
    name = case.name.removesuffix("_backward")
    if name not in (*_SCALED, *_MOVED) and case.name not in _SCALED_FORWARD:
        return case
    args = list(case.args)
    first = 1 if name != case.name else 0
    x = args[first]
    size = x.dtype.type(_LARGE[x.dtype.name])
    change = k % 3 if name in _MOVED else 0
    args[first] = np.asarray((x * size, x + size, x - size)[change], x.dtype)
    return case._replace(args=args, source="")


def smoothed(case: Case, k: int) -> Case:
    """The case with its arguments where the op has derivatives: no ties, no zeros, all within a tenth of before."""
    rng = np.random.default_rng(k)

    def moved(x: Any) -> Any:
        if x.dtype.kind != "f":
            return x
        x = np.where(x == 0, 0.1, np.abs(x) if case.name in _POSITIVE else x)
        return np.asarray(np.where(np.isfinite(x), x, 0.5) * rng.uniform(0.9, 1.0, x.shape), x.dtype)

    return case._replace(args=map_arrays(moved, case.args), source="")
