"""How a module keeps its parameters, buffers and parts: by assigning them to attributes.

Reading an attribute gives the array that counts now: the module's own, or what ``apply`` put in its place.
"""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from .. import init
from ..naming import Named
from ..ops import Array, Symbol
from ._frame import FRAME

_KINDS = ("_parameters", "_buffers", "_modules")


class _Marked:
    """An array on its way into a module."""

    kind = ""

    array: Array

    def __new__(cls, array: Array) -> Any:  # not Self: for type checkers the attribute becomes an array, not a mark
        if not isinstance(array, (np.ndarray, np.generic)):
            what = "a recorded tensor" if isinstance(array, Symbol) else f"a {type(array).__name__}"
            raise TypeError(f"{cls.__name__}: array is {what}; expected a NumPy array: np.asarray(values, np.float32)")
        self = super().__new__(cls)
        self._check(array.dtype)
        # A copy of its own: training changes it in place, and plans need it contiguous.
        self.array = np.asarray(array) if init.is_shapes_only() else np.array(array, order="C", copy=True)
        return self

    def _check(self, dtype: np.dtype[Any]) -> None:
        if dtype.kind not in "biuf":
            raise TypeError(f"{type(self).__name__}: array has dtype {dtype}; expected numbers")


class Parameter(_Marked):
    """Marks an array as a parameter, to be trained: ``self.weight = nn.Parameter(array)``.

    The array (float32 or float64) is copied; ``self.weight`` is then an ordinary array.
    """

    kind = "_parameters"

    def _check(self, dtype: np.dtype[Any]) -> None:
        init.float_dtype("Parameter", dtype)


class Buffer(_Marked):
    """Marks an array as state that is saved but not trained, such as running statistics: ``self.mean = nn.Buffer(a)``.

    The array is copied. In training mode a layer changes it by ``self.update_buffer("mean", value)``.
    """

    kind = "_buffers"


_MODE = ": there are no modes; model(x) is inference, model(x, training=True) trains, and fit does so by itself"
_PLACE = ": arrays stay where NumPy has them, on the CPU"
# What people who come from other libraries ask a module for.
_ELSEWHERE = {
    "train": _MODE,
    "eval": _MODE,
    "zero_grad": ": gradients are results of fd.value_and_grad, and nothing keeps them",
    "backward": ": gradients are results of fd.value_and_grad",
    "forward": ": call the model, model(x)",
    "cuda": _PLACE,
    "cpu": _PLACE,
    "compile": ": give the loss and the optimizer to fit",
    "named_parameters": ": state_dict() has the arrays by name, parameters() as nested dicts",
    "save": ": fd.save(model, path)",
    "score": ": model.evaluate(X, y)",
}


class Attributes(Named):
    """Files parameters, buffers and modules by name, in the order of their first assignment."""

    _parameters: dict[str, Array]
    _buffers: dict[str, Array]
    _modules: dict[str, Any]

    def __new__(cls, *_: Any, **options: Any) -> Self:
        self = super().__new__(cls, **options)
        for kind in _KINDS:  # here and not in __init__, which subclasses may forget to call
            object.__setattr__(self, kind, {})
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (list, tuple, dict)) and _has_modules(value):
            value = self._as_module(name, value)
        if isinstance(value, _Marked):
            self._file(value.kind, name, value.array)
        elif isinstance(value, Attributes):
            self._file("_modules", name, value)
        elif name in self._parameters:
            self._copy_in(name, self._parameters[name], value)
        elif name in self._buffers:
            self._copy_in(name, self._buffers[name], value)
        elif name in self._modules:
            raise TypeError(
                f"{type(self).__name__}.{name} is a {type(self._modules[name]).__name__} and got a "
                f"{type(value).__name__}; expected another module: to remove it, write del"
            )
        else:
            object.__setattr__(self, name, value)

    def _file(self, kind: str, name: str, value: Any) -> None:
        if hasattr(type(self), name) or "." in name or not name:
            raise ValueError(
                f"{type(self).__name__}: {name!r} cannot name a parameter, buffer or part, it "
                f"{'has a meaning of its own' if '.' not in name and name else 'must be text without a point'}: "
                "choose another name"
            )
        if kind == "_modules" and any(module is self for _, module in value.named_modules()):
            raise ValueError(f"{type(self).__name__}.{name}: a module cannot contain itself")
        self.__dict__.pop(name, None)
        for other in _KINDS:
            if other != kind:
                self.__dict__[other].pop(name, None)
        self.__dict__[kind][name] = value

    def _replace(self, name: str, array: Array) -> None:
        """Put another array of the same shape in the place of a parameter or buffer."""
        for kind in ("_parameters", "_buffers"):
            if name in self.__dict__[kind]:
                self.__dict__[kind][name] = array

    def _copy_in(self, name: str, array: Array, value: Any) -> None:
        """Assigning an array to a parameter writes its values; the parameter stays the same array."""
        where = f"{type(self).__name__}.{name}"
        if not isinstance(value, (np.ndarray, np.generic)):
            remedy = "run the model with other values by model.apply(params, x)" if isinstance(value, Symbol) else ""
            raise TypeError(
                f"{where} holds an array {array.shape} and got a {type(value).__name__}; "
                f"{remedy or 'expected an array: np.asarray(values); to remove it, write del'}"
            )
        if value.shape != array.shape:
            raise ValueError(
                f"{where} has shape {array.shape} and got {value.shape}; for another shape assign nn.Parameter(array)"
            )
        if value.dtype.kind not in "biuf" or (array.dtype.kind != "f" and value.dtype.kind == "f"):
            raise TypeError(f"{where} has dtype {array.dtype} and got {value.dtype}; convert it with astype")
        array[...] = value

    def _as_module(self, name: str, value: Any) -> Any:
        """A list of modules as a ModuleList, so that its parameters are found."""
        from ._containers import ModuleList  # which is made of modules itself

        if isinstance(value, dict) or not all(isinstance(part, Attributes) for part in value):
            raise TypeError(
                f"{type(self).__name__}.{name} is a {type(value).__name__} that holds modules; expected a list of "
                "modules only, or one attribute for each: otherwise their parameters would not be found"
            )
        return ModuleList(value)

    def __getattr__(self, name: str) -> Any:
        # Reached only if there is no ordinary attribute of this name.
        frame = FRAME.get()
        if frame is not None:
            found = frame.values.get((id(self), name))
            if found is not None:
                return found
        for kind in _KINDS:
            members = self.__dict__.get(kind, {})
            if name in members:
                return members[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{_ELSEWHERE.get(name, '')}")

    def __delattr__(self, name: str) -> None:
        for kind in _KINDS:
            if name in self.__dict__[kind]:
                del self.__dict__[kind][name]
                return
        object.__delattr__(self, name)

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *(name for kind in _KINDS for name in self.__dict__[kind])})


def _has_modules(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value
    return any(isinstance(part, Attributes) for part in parts)
