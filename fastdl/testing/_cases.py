"""Cases: the arguments of one call, and the layouts in which their arrays may lie.

A case of ``<op>_backward`` has the gradient of the result in front of the op's own arguments.
"""

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import reference
from ..ops import OPS, Array, Op

LITERAL_ELEMENTS = 256  # arguments with more elements than that are not written out
LARGE = 100.0  # numbers above are not what a reader would choose


def find_op(name: str) -> Op:
    """The op behind ``name``, which may be that of its backward; an unknown name raises with the close ones."""
    importlib.import_module("fastdl.functional")  # fills the registry
    found = OPS.get(name.removesuffix("_backward"))
    if found is None or not hasattr(reference, name):
        known = [n for op in OPS for n in (op, f"{op}_backward") if hasattr(reference, n)]
        close = difflib.get_close_matches(name, known, n=4)
        remedy = f"did you mean {' or '.join(close)}?" if close else "expected a function of fastdl.functional"
        raise ValueError(f"verify: there is no op named {name!r}; {remedy}")
    return found


def graded(name: str, result: Any) -> Any:
    """What a backward takes gradients of: the result, of several the first (the y of (y, new state)), or all."""
    return result if OPS[name].every_result or not isinstance(result, tuple) else result[0]


def random_like(rng: np.random.Generator, result: Any, dtype: Any) -> Any:
    """A random gradient of a result, or one for each of several."""
    if isinstance(result, tuple):
        return tuple(random_like(rng, y, dtype) for y in result)
    return rng.standard_normal(result.shape).astype(dtype)


def result_dtype(name: str, args: Sequence[Any], options: dict[str, Any], dtype: str) -> np.dtype[Any]:
    """The dtype of floating results: that of the drawn arguments, unless the op takes one."""
    given = inspect.signature(getattr(reference, name)).bind(*args, **options).arguments
    if "dtype" not in given:
        return np.dtype(dtype)
    wanted = np.dtype(given["x"].dtype if name.endswith("_backward") else given["dtype"])
    return wanted if wanted.kind == "f" else np.dtype(dtype)


class Case(NamedTuple):
    """Arguments of one call, and the layout in which the arrays are handed over."""

    name: str
    dtype: str
    args: list[Any]
    options: dict[str, Any]
    layout: str = "plain"
    source: str = ""  # the arguments of ``testing.draw`` that make it; empty if they were changed since
    left_out: int = 0  # arguments at the end that the kernel does not take, and that are not passed

    @property
    def size(self) -> tuple[int, int, int]:
        """What makes a case hard to read: NaN, infinities and large numbers; elements (or none at all); options."""
        arrays = list(arrays_in(self.args))
        elements = sum((a.size or 10) + a.ndim for a in arrays)
        return self.wildness, elements, len(self.options) + len(arrays) + (self.layout != "plain")

    @property
    def wildness(self) -> int:
        """2 if there is a NaN or an infinity in the arguments, 1 if there are large numbers, else 0."""
        floats = [a for a in arrays_in([self.args, self.options]) if a.dtype.kind == "f"]
        if not all(np.isfinite(a).all() for a in floats):
            return 2
        return int(any(np.abs(a).max(initial=0.0) > LARGE for a in floats))

    @property
    def literal(self) -> bool:
        """Whether the arrays are small enough to be written out."""
        return sum(a.size for a in arrays_in([self.args, self.options])) <= LITERAL_ELEMENTS

    def arranged(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments as fresh arrays in the case's layout."""
        arrange = LAYOUTS[self.layout][0]
        return map_arrays(arrange, self.args), map_arrays(arrange, self.options)

    def expected(self) -> Any:
        """What the reference says."""
        return tidy(getattr(reference, self.name)(*self.args, **self.options))


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the first ``count`` arguments; those under a star are numbered."""
    names: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}_{k}" for k in range(count - len(names))]
        else:
            names.append(parameter.name)
    return names[:count]


def arrays_in(value: Any) -> Iterator[Array]:
    """The arrays among arguments, also those in lists."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from arrays_in(part)
    elif isinstance(value, dict):
        yield from arrays_in(list(value.values()))


def tidy(result: Any) -> Any:
    """A result with NumPy's numbers as arrays and a list as a tuple."""
    if isinstance(result, (tuple, list)):
        return tuple(tidy(part) for part in result)
    return np.asarray(result) if isinstance(result, np.generic) else result


def map_arrays(function: Callable[[Array], Array], value: Any) -> Any:
    """The same arguments with ``function`` applied to each array."""
    if isinstance(value, np.ndarray):
        return function(value)
    if isinstance(value, list) or type(value) is tuple:
        return type(value)(map_arrays(function, part) for part in value)
    if isinstance(value, dict):
        return {key: map_arrays(function, part) for key, part in value.items()}
    return value


def _strided(x: Array) -> Array:
    return np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x.copy()


def _reversed(x: Array) -> Array:
    return x[..., ::-1].copy()[..., ::-1] if x.ndim else x.copy()


def _read_only(x: Array) -> Array:
    x = x.copy()
    x.flags.writeable = False
    return x


# name -> (function, the same as code); results of a layout hold the same numbers.
LAYOUTS: dict[str, tuple[Callable[[Array], Array], str]] = {
    "plain": (lambda x: x.copy(), "{x}"),
    "strided": (_strided, "np.repeat({x}, 2, axis=-1)[..., ::2]"),
    "read-only": (_read_only, "np.frombuffer({x}.tobytes(), {x}.dtype).reshape({x}.shape)"),
    "reversed": (_reversed, "{x}[..., ::-1].copy()[..., ::-1]"),
    "Fortran order": (lambda x: x.copy(order="F"), "np.asfortranarray({x})"),
}
