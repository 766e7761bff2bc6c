"""How far from the reference a result may be: as far as naive code of the same precision strays, and a little more.

Nobody is asked to invent a tolerance. The reference's own code is run once more in float32, on arguments a little
beside the case's own (four times, so that luck plays no part), and the largest error E that it makes anywhere in the
result is measured against float64; for float64 it is scaled by the ratio of the two precisions. An element may be wrong
by

    2 E + 8 eps size

where eps is the distance from 1 to the next number and size is the size of the terms that the element is made of: its
own, plus how much it moves if each argument moves by its own size (that is what is left to see after terms cancelled).
A kernel that returns zeros, shifts a window or computes float64 in float32 is off by many orders of magnitude more;
one that sums in another order, or fuses multiply and add, is not.
"""

import functools
import importlib.util
import sys
from typing import Any

import numpy as np

from .. import reference
from ..ops import Array
from ._cases import arrays_in, map_arrays, tidy

SAMPLES = 4
_NUDGE = 2.0**-10  # changes the lower half of a float32's digits, and little else
_WORD = np.uint64


class _Float32NumPy:
    """NumPy as the reference sees it, with float32 in the place of float64."""

    float64 = np.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def empty(shape: Any, dtype: Any = np.float32) -> Array:
        return np.empty(shape, dtype)

    @staticmethod
    def zeros(shape: Any, dtype: Any = np.float32) -> Array:
        return np.zeros(shape, dtype)


@functools.cache
def reference_in_float32() -> Any:
    """The package ``reference`` loaded once more under another name, computing in float32: the naive competitor."""
    name = f"{__package__}._reference_in_float32"
    spec = importlib.util.spec_from_file_location(
        name, reference.__file__, submodule_search_locations=list(reference.__path__)
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    for loaded in [module for key, module in sys.modules.items() if key.startswith(f"{name}.")]:
        if hasattr(loaded, "np"):
            setattr(loaded, "np", _Float32NumPy())  # noqa: B010 - no module declares it
    return package


def allowed_errors(
    name: str, args: list[Any], options: dict[str, Any], expected: Any, dtype: str, samples: int = SAMPLES
) -> list[Array]:
    """For each array of ``expected``, the reference's result, how far each of its elements may be off.

    The references are slow. With one sample the result is at most twice that with all four (E is a maximum, size the
    root of a mean of squares), so an error below half of it is allowed for certain.
    """
    truth = list(arrays_in(expected))
    moved = [np.zeros(y.shape) for y in truth]
    naive_error = [0.0] * len(truth)
    with np.errstate(all="ignore"):
        for k in range(samples):
            nudged, its_options = map_arrays(functools.partial(nudge, k=k), (args, options))
            exact = list(arrays_in(tidy(getattr(reference, name)(*nudged, **its_options))))
            naive = list(arrays_in(tidy(getattr(reference_in_float32(), name)(*nudged, **its_options))))
            for i, (y, near, rough) in enumerate(zip(truth, exact, naive, strict=True)):
                change = (near.astype(np.float64) - y) / _NUDGE
                moved[i] += np.where(np.isfinite(change), change, 0.0) ** 2
                error = np.abs(rough - near)
                naive_error[i] = max(naive_error[i], float(np.max(error, initial=0.0, where=np.isfinite(error))))
    eps, eps32 = float(np.finfo(dtype).eps), float(np.finfo(np.float32).eps)
    grads = arrays_in(args[:1]) if name.endswith("_backward") else []
    saved = 0.25 * max((float(np.max(np.abs(g), initial=0.0, where=np.isfinite(g))) for g in grads), default=0.0)
    result = []
    for y, squares, error in zip(truth, moved, naive_error, strict=True):
        # Nudges are uniform in [0, 1], which makes the root of their mean square 0.58; a backward that starts from the
        # saved output (tanh: g (1 - y^2)) works with terms as large as g, which do not show in the result.
        size = np.where(np.isfinite(y), np.abs(y), 0.0) + 2 * np.sqrt(squares / samples) + saved
        result.append(2 * error * eps / eps32 + 8 * eps * size)
    return result


def nudge(x: Array, k: int) -> Array:
    """Floats moved towards zero by up to a thousandth, as float32: equal numbers stay equal, signs stay, 0 stays 0."""
    if x.dtype.kind != "f":
        return x
    with np.errstate(all="ignore"):
        z = np.abs(x.astype(np.float64)).view(_WORD) + _WORD(k) * _WORD(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = (z ^ (z >> _WORD(shift))) * _WORD(factor)
        uniform = (z >> _WORD(11)) * 2.0**-53
        moved = x.astype(np.float64) * (1.0 - _NUDGE * uniform)
        return np.asarray(moved).astype(np.float32)
