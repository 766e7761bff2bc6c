"""The base of optimisers: the state as a tree, one step as a function, clipping and the learning rate."""

import math
from typing import Any

import numpy as np

from ..functional import batches
from ..init import FLOATS
from ..naming import Named
from ..ops import Symbol
from ..options import flag, number
from ..tree import flatten, tree_map, unflatten
from .clipping import clip_by_norm, clip_by_value
from .schedules import Schedule

State = dict[str, Any]


class Optimizer(Named):
    """Base of optimisers. A subclass names the trees of its state and says how one array is updated.

    ``lr`` is a number or a schedule (``optim.cosine_decay(...)``). ``clip_value`` bounds each number of the gradient,
    ``clip_norm`` the length of the whole gradient, before anything else is done with it (weight decay included).
    """

    lr: float | Schedule
    clip_norm: float | None
    clip_value: float | None

    def _common(self, lr: float | Schedule, clip_norm: float | None, clip_value: float | None) -> None:
        """Check and keep the options that all optimisers have."""
        self.lr = lr if isinstance(lr, Schedule) else self._number("lr", lr, " or a schedule of fastdl.optim")
        for name, value in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            setattr(self, name, None if value is None else self._number(name, value))
            if value is not None and value == 0:
                raise ValueError(f"{type(self).__name__}: {name} is 0, which stops training; expected more, or None")

    def _parts(self) -> tuple[str, ...]:
        """Names of the parts of the state that have the parameters' structure."""
        return ()

    def init(self, params: Any) -> State:
        """The state before the first step, for parameters as from ``model.parameters()``.

        Raises TypeError unless all parameters are float32 or float64 arrays.
        """
        for leaf in flatten(params)[0]:
            if not isinstance(leaf, np.ndarray) or leaf.dtype not in FLOATS:
                what = f"an array of {leaf.dtype}" if isinstance(leaf, np.ndarray) else f"a {type(leaf).__name__}"
                raise TypeError(
                    f"{type(self).__name__}.init: params holds {what}; expected float32 or float64 arrays in an array, "
                    "dict, list or tuple, as from model.parameters()"
                )
        lr = self.lr(0) if isinstance(self.lr, Schedule) else self.lr
        state: State = {"step": np.zeros((), np.int64), "lr": np.array(lr, np.float64)}
        return state | {name: tree_map(np.zeros_like, params) for name in self._parts()}

    def update(self, params: Any, grads: Any, state: State) -> tuple[Any, State]:
        """One step: the new (params, state).

        Raises ValueError if gradients or state do not have the structure of the parameters.
        """
        leaves, structure = flatten(params)
        self._column("grads", grads, structure)
        for name in ("step", "lr", *self._parts()):
            if name not in state:
                raise ValueError(
                    f"{type(self).__name__}.update: state has no {name!r}; expected what init or the last update gave"
                )
        parts = [self._column(f"state[{name!r}]", state[name], structure) for name in self._parts()]
        if self.clip_value is not None:
            grads = clip_by_value(grads, self.clip_value)
        if self.clip_norm is not None:
            grads, _ = clip_by_norm(grads, self.clip_norm)
        lr = self.lr.at(state["step"]) if isinstance(self.lr, Schedule) else state["lr"]
        columns = [flatten(grads)[0], *parts]
        rows = [self._step(*row, step=state["step"], lr=lr) for row in zip(leaves, *columns, strict=True)]
        results = [unflatten(structure, list(column)) for column in zip(*rows, strict=True)]
        if not rows:
            results = [params, *(state[name] for name in self._parts())]
        new = {"step": _next(state["step"]), "lr": lr, **dict(zip(self._parts(), results[1:], strict=True))}
        return results[0], new

    def _column(self, name: str, tree: Any, structure: Any) -> list[Any]:
        leaves, found = flatten(tree)
        if found != structure:
            raise ValueError(f"{type(self).__name__}.update: {name} has another structure than params")
        return leaves

    def _step(self, p: Any, g: Any, *parts: Any, step: Any, lr: Any) -> tuple[Any, ...]:
        """The new (p, *parts) of one array."""
        raise NotImplementedError

    def _number(self, name: str, value: Any, more: str = "", *, below: float = math.inf) -> float:
        """An option checked to be a number with 0 <= value < below; ``more``: what else may be given."""
        return number(type(self).__name__, name, value, least=0.0, below=below, more=more)

    def _flag(self, name: str, value: Any) -> bool:
        return flag(type(self).__name__, name, value)

    def __repr__(self) -> str:
        options = [f"{name}={value!r}" for name, value in vars(self).items() if value is not None]
        return f"{type(self).__name__}({', '.join(options)})"


def _next(step: Any) -> Any:
    return batches.advance(step, by=1) if isinstance(step, Symbol) else np.asarray(step + 1)
