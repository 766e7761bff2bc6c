"""fastdl's own ops, verified where they run: values, gradients, and the same bits with any number of threads."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import functional, ops, reference
from .._kernels import threads
from ._cases import Case, arrays_in, find_op, graded
from ._code import code
from ._draws import draw_case, make_case
from ._gradients import check_grad
from ._report import OpReport, VerificationError
from ._verify import progress_bar, same_bits, verify

NO_SLOPE = ("astype",)  # rounding to another type has no finite differences
_PER_GRADIENT = 10  # a gradient is compared with finite differences for one case of so many
_TRIES = 20


def verify_op(
    name: str,
    cases: int = 50,
    seed: int = 0,
    dtypes: Sequence[str] = ("float32", "float64"),
    *,
    progress: bool | None = None,
) -> OpReport:
    """Check one of fastdl's own ops on this machine; ``fastdl verify`` does so with all of them.

    Forward and backward against the naive reference as in ``verify``; the same bits with one thread and with two; and,
    for a tenth of the cases, the gradient against finite differences in one random direction (float64). Kernels are
    chosen and compiled for the processor at hand, so what was right elsewhere is worth a look here.

    Raises VerificationError with the failing case as code to paste, ValueError for an unknown op.

    >>> from fastdl import testing
    >>> testing.verify_op("negative", cases=10).cases
    10
    """
    if find_op(name).name != name:
        raise ValueError(f"verify_op: {name!r} is a backward; name the op, its backward is checked with it")
    both = [n for n in (name, f"{name}_backward") if hasattr(reference, n)]
    worst = [verify(getattr(functional, n), n, cases, seed, dtypes, progress=progress).worst for n in both]
    with progress_bar(f"{name}, threads", len(both) * len(dtypes) * cases, progress) as advance, cut_everywhere():
        for n in both:
            for dtype in dtypes:
                for k in range(cases):
                    _check_threads(make_case(n, dtype, seed, k))
                    advance()
    slope = None
    if len(both) == 2 and name not in NO_SLOPE:
        slope = max(_check_slope(name, seed, k) for k in range(-(-cases // _PER_GRADIENT)))
    return OpReport(name, cases, tuple(dtypes), worst[0], worst[1] if len(both) == 2 else None, slope)


@contextlib.contextmanager
def cut_everywhere() -> Iterator[None]:
    """Even the smallest launch is cut into parts inside the block, so that small cases run on several threads."""
    usual: float = threads.WORK_PER_PART
    ops.forget_programs()
    threads.WORK_PER_PART = 0.001
    try:
        yield
    finally:
        threads.WORK_PER_PART = usual
        ops.forget_programs()


def _check_threads(case: Case) -> None:
    """The same bits with one thread and with two."""
    results: list[Any] = []
    for count in (1, 2):
        args, options = case.arranged()
        with threads.threads(count):
            results.append(getattr(functional, case.name)(*args, **options))
    if same_bits(*results):
        return
    call = code(case, getattr(functional, case.name)).splitlines()
    lines = [*call[:-2], "import fastdl as fd", "from fastdl.testing._own import cut_everywhere"]
    lines.append("with cut_everywhere():")
    for n, result in ((1, "alone"), (2, "together")):
        lines += [f"    with fd.threads({n}):", f"        {result} = {call[-1].removeprefix('got = ')}"]
    lines.append("np.testing.assert_equal(together, alone)")
    text = "\n".join(f"    {line}" for line in lines)
    raise VerificationError(f"{case.name} in {case.dtype}: two threads give other bits than one:\n{text}")


def _check_slope(name: str, seed: int, k: int) -> float:
    """One gradient against finite differences; where a draw lies at a kink or a pole, the next one is taken."""
    refused: ValueError | None = None
    for attempt in range(_TRIES):
        case = draw_case(name, (seed, k, attempt), "float64", values="smooth")
        expected = case.expected()
        several = isinstance(expected, tuple) and not isinstance(graded(name, expected), tuple)
        results = list(arrays_in(expected))
        if not all(np.isfinite(y).all() for y in results) or not any(y.size for y in results):
            continue

        def function(*args: Any, case: Case = case, several: bool = several) -> Any:
            result = getattr(functional, name)(*args, **case.options)
            return result[0] if several else result

        try:
            return check_grad(function, *case.args).worst
        except ValueError as error:
            refused = error
        except VerificationError as error:
            raise VerificationError(
                f"{str(error).replace('of function', f'of {name}')}\n"
                "    from fastdl import functional as F\n    from fastdl import testing\n"
                f"    args, options = testing.draw({case.source})\n"
                f"    testing.check_grad(lambda *a: F.{name}(*a, **options){'[0]' if several else ''}, *args)"
            ) from None
    raise VerificationError(f"{name}: no case of {_TRIES} has a slope; the last: {refused}")
