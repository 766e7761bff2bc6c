"""Modules made of modules."""

from collections.abc import Iterable, Iterator
from typing import Any, Self, overload

from .. import functional as F
from ._attributes import Attributes
from ._summary import describe
from .module import Module


class _List(Module):
    """Modules in a row, named "0", "1", ..."""

    def _append(self, layer: Any) -> None:
        name, number = type(self).__name__, len(self._modules)
        if not isinstance(layer, Module):
            if isinstance(layer, type) and issubclass(layer, Module):
                remedy = f"layer {number} is the class {layer.__name__}; write nn.{layer.__name__}(...)"
            elif isinstance(layer, (list, tuple)):
                remedy = f"layer {number} is a {type(layer).__name__}; write nn.{name}(*layers)"
            else:
                remedy = f"layer {number} is a {type(layer).__name__}; expected an nn.Module such as nn.ReLU()"
            raise TypeError(f"{name}: {remedy}")
        self._file("_modules", str(number), layer)

    def append(self, layer: Module) -> Self:
        """Add a module at the end; returns the container."""
        self._append(layer)
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        """A layer, or for a slice a container of the same layers."""
        layers = list(self._modules.values())
        if not isinstance(index, slice):
            return layers[index]
        part = type(self).__new__(type(self))
        for layer in layers[index]:
            part._append(layer)
        return part

    def __bool__(self) -> bool:
        return True  # a model without layers is still a model


class Sequential(_List):
    """Layers one after the other.

    >>> from fastdl import nn
    >>> model = nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1))
    >>> model
    Sequential(
      (0): Dense(2, 4)
      (1): Tanh()
      (2): Dense(4, 1)
    )
    >>> len(model), model[0].weight.shape
    (3, (4, 2))
    """

    def __init__(self, *layers: Module) -> None:
        for layer in layers:
            self._append(layer)

    def __call__(self, x: Any, *, training: bool = False) -> Any:
        name = ""
        try:
            for name, layer in self._modules.items():  # noqa: B007 - read in the message
                x = layer(x)
        except (TypeError, ValueError) as error:
            if type(error) not in (TypeError, ValueError):
                raise
            kind = type(layer).__name__ if layer._modules else describe(layer)
            raise type(error)(f"layer {name}, {kind}: {error}") from error
        return x


class Residual(Module):
    """A module with a way past it: y = x + module(x). The module's result must have the shape of x.

    Source: He et al., "Deep residual learning for image recognition" (2015).

    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Residual(nn.ReLU())(np.float32([-1, 2]))
    array([-1.,  4.], dtype=float32)
    """

    def __init__(self, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"Residual: module is {module!r}; expected an nn.Module such as nn.Sequential(...)")
        self.module = module

    def __call__(self, x: Any) -> Any:
        y = self.module(x)
        x = self._input(x, y.dtype)
        if tuple(x.shape) != tuple(y.shape):
            raise ValueError(
                f"Residual: the module makes {tuple(y.shape)} of {tuple(x.shape)}; expected the shape to stay the same"
            )
        return F.add(x, y)


class ModuleList(_List):
    """A list of modules that a module of your own calls as it likes; their parameters are found.

    A plain list of modules that is assigned to an attribute becomes one.

    >>> from fastdl import nn
    >>> blocks = nn.ModuleList([nn.Dense(2, 2), nn.Dense(2, 2)])
    >>> blocks.num_parameters
    12
    """

    def __init__(self, layers: Iterable[Module] = ()) -> None:
        if isinstance(layers, Attributes) and not isinstance(layers, _List):
            raise TypeError(f"ModuleList: layers is a {type(layers).__name__}; expected a list: nn.ModuleList([layer])")
        for layer in layers:
            self._append(layer)
