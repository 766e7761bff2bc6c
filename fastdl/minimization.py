"""``fd.minimize``: gradient descent on any function of an array, with the path that it took.

Letters: x the point, g the gradient of the function there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import optim
from .init import FLOATS
from .naming import named
from .options import is_integer, is_number
from .transforms import value_and_grad

CONVERGED, OUT_OF_STEPS, NOT_FINITE, STOPPED = 0, 1, 2, 3
_MESSAGES = {
    CONVERGED: "The largest slope is at most tol.",
    OUT_OF_STEPS: "max_steps steps were taken before the slope fell to tol.",
    NOT_FINITE: "The function or its gradient is not finite: try a smaller learning rate or clip_norm.",
    STOPPED: "The callback raised StopIteration.",
}


@named
def minimize(
    fun: Callable[[Any], Any],
    x0: Any,
    optimizer: Any,
    *,
    max_steps: int = 1000,
    tol: float = 1e-6,
    callback: Callable[[Any, float], Any] | None = None,
    keep_path: bool = True,
) -> Any:
    """Walk downhill from ``x0`` until the slope is about 0: x <- x - step(g), g the gradient of ``fun`` at x.

    ``fun`` takes an array and returns a number; it is recorded, so it is written with NumPy or ``fastdl.functional``.
    ``x0``: a float32 or float64 array of any shape; numbers and lists become float64. ``optimizer``: a name or one of
    ``fastdl.optim``, whose steps these are. Ends when max |g| <= ``tol``, after ``max_steps``, when something is not
    finite, or when ``callback(x, loss)``, called at every point, raises StopIteration.

    Returns a ``scipy.optimize.OptimizeResult``: ``x``, ``fun``, ``jac``, ``nit`` (steps), ``nfev``, ``njev``,
    ``success``, ``status`` (0 converged, 1 out of steps, 2 not finite, 3 stopped), ``message``, ``losses`` (nit + 1,)
    and, unless ``keep_path=False``, ``path`` (nit + 1, *x.shape). Which minimum is found depends on the start.

    Raises TypeError and ValueError for arguments that do not fit, before ``fun`` is called.
    Source: Cauchy, Methode generale pour la resolution des systemes d'equations simultanees (1847).

    >>> import fastdl as fd
    >>> result = fd.minimize(lambda x: (x - 3) ** 2, 0.0, fd.optim.SGD(0.25), tol=1e-3)
    >>> result.path[:4].tolist(), bool(abs(result.x - 3) < 1e-3), result.nit
    ([0.0, 1.5, 2.25, 2.625], True, 13)
    """
    from scipy.optimize import OptimizeResult  # takes longer to import than most runs take

    x, steps = _start(x0), _steps(max_steps)
    if not is_number(tol):
        raise TypeError(f"minimize: tol is {tol!r}; expected a number")
    if not tol >= 0:
        raise ValueError(f"minimize: tol is {tol}; expected at least 0")
    for name, function in (("fun", fun), ("callback", callback)):
        if not callable(function) and not (name == "callback" and function is None):
            raise TypeError(f"minimize: {name} is a {type(function).__name__}; expected a function")
    chosen = optim.get(optimizer)
    evaluate, state = value_and_grad(fun), chosen.init(x)
    path, losses = [x], []
    while True:
        value, g = evaluate(x)
        losses.append(float(value))
        status = _status(value, g, tol, len(losses) > steps)
        if callback is not None:
            try:
                callback(x.copy(), losses[-1])
            except StopIteration:
                status = STOPPED if status is None else status
        if status is not None:
            break
        x, state = chosen.update(x, g, state)
        if keep_path:
            path.append(x)
    result = OptimizeResult(
        x=x,
        fun=losses[-1],
        jac=g,
        nit=len(losses) - 1,
        nfev=len(losses),
        njev=len(losses),
        success=status == CONVERGED,
        status=status,
        message=_MESSAGES[status],
        losses=np.array(losses),
    )
    if keep_path:
        result.path = np.stack(path)
    return result


def _status(value: Any, g: Any, tol: float, last: bool) -> int | None:
    """Why to end here, or None."""
    slope = np.abs(g).max(initial=0)
    if not (np.isfinite(value) and np.isfinite(slope)):
        return NOT_FINITE
    if slope <= tol:
        return CONVERGED
    return OUT_OF_STEPS if last else None


def _start(x0: Any) -> Any:
    try:
        x = np.array(x0)
    except ValueError as error:
        raise ValueError(f"minimize: x0 is no array: {error}") from None
    if x.dtype.kind in "iub":
        x = x.astype(np.float64)
    if x.dtype not in FLOATS:
        raise TypeError(f"minimize: x0 has dtype {x.dtype}; expected float32 or float64: np.asarray(x0, np.float64)")
    return x


def _steps(max_steps: Any) -> int:
    if not is_integer(max_steps):
        raise TypeError(f"minimize: max_steps is {max_steps!r}; expected an integer")
    if max_steps < 0:
        raise ValueError(f"minimize: max_steps is {max_steps}; expected at least 0")
    return int(max_steps)
