"""``nn.Module``: what all layers and models are.

A module is a plain Python object with parameters; its ``__call__`` is ordinary Python over the functions of
``fastdl.functional`` and NumPy. Running it with other parameters (``apply``) is what makes it a function of them, which
``fd.grad`` and ``fit`` can record and differentiate.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from .. import functional as F
from .. import init
from ..ops import Array, Symbol
from ..tree import flatten
from . import _options
from ._attributes import Attributes
from ._frame import CALLS, FRAME, TRAINING, Call, Frame, recorded, running
from ._learning import Learner
from ._named import LoadReport, Slot, compare, copy_in, flat, match, nested, slots
from ._summary import Summary, describe, summarize


def _callable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A subclass's ``__call__``, taking ``training=`` whether or not it names it."""
    named = "training" in inspect.signature(function).parameters

    @functools.wraps(function)
    def call(self: "Module", *inputs: Any, training: bool | None = None, **options: Any) -> Any:
        frame = FRAME.get()
        if training is None:
            training = TRAINING.get()
        elif not isinstance(training, (bool, np.bool_)):
            raise TypeError(f"{type(self).__name__}: training is {training!r}; expected True or False")
        elif training and frame is None:
            return _train_eagerly(self, call, inputs, options)
        before, noted = TRAINING.set(bool(training)), CALLS.get()
        first = 0 if noted is None else recorded()
        try:
            if named:
                options["training"] = training
            y = function(self, *inputs, **options)
        finally:
            TRAINING.reset(before)
        if frame is not None and frame.outputs is not None:
            frame.outputs.append((self, y))
        if noted is not None:
            noted.append((self, y, first, recorded()))
        return y

    return call


def _train_eagerly(model: "Module", call: Callable[..., Any], inputs: Any, options: Any) -> Any:
    """``model(x, training=True)`` outside of ``apply``: a fresh seed, and buffers changed afterwards."""
    if any(isinstance(leaf, Symbol) for leaf in flatten((inputs, options))[0]):
        raise TypeError(
            f"{type(model).__name__}: training=True while recording changes no buffers and repeats one dropout mask; "
            "use model.apply(model.parameters(), x, training=True, seed=..., step=...)"
        )
    with running(Frame({}, init.fresh_seed(), 0), True) as frame:
        y = call(model, *inputs, training=True, **options)
    for (_, name), (module, value) in frame.updates.items():
        module._buffers[name][...] = value
    return y


class Module(Attributes, Learner):
    """Base of layers and models: keeps parameters by name, runs, trains, predicts, is saved.

    Write your own with parts and parameters as attributes and ordinary Python in ``__call__``::

        class Net(nn.Module):
            def __init__(self):
                self.first = nn.Dense(2, 8)
                self.scale = nn.Parameter(np.ones(8, np.float32))

            def __call__(self, x):
                return F.relu(self.first(x)) * self.scale

    A call takes ``training=True`` whether or not ``__call__`` names it; layers inside see it too (``is_training``).
    """

    def __init__(self) -> None:
        """Nothing to do: a module may leave ``super().__init__()`` out."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in cls.__dict__:
            cls.__call__ = _callable(cls.__dict__["__call__"])  # type: ignore[method-assign]

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The model's raw outputs; ``training=True`` runs dropout and updates buffers."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__; define one: def __call__(self, x): ...")

    # Running.

    def apply(
        self,
        params: Mapping[str, Any],
        *inputs: Any,
        training: bool = False,
        seed: Any = 0,
        step: Any = 0,
        buffers: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Run with ``params`` (as from ``parameters()``) in place of the model's own; changes nothing.

        A function of its arguments: the same (params, inputs, seed, step) give the same outputs, dropout included, so
        count ``step`` up from batch to batch. ``buffers`` stand in for the model's own likewise. Returns y; in training
        mode, if the model has buffers, (y, new buffers). May be recorded: all values may be tensors.

        Raises ValueError that lists all values that are missing, unexpected or misshapen.

        >>> import numpy as np, fastdl as fd
        >>> model, x = fd.nn.Dense(2, 1), np.ones((4, 2), np.float32)
        >>> zeros = {"weight": np.zeros((1, 2), np.float32), "bias": np.zeros(1, np.float32)}
        >>> model.apply(zeros, x).shape
        (4, 1)
        """
        values = self._bind("apply: params", params, "parameters")
        states = slots(self, "buffers")
        if buffers is not None:
            values |= self._bind("apply: buffers", buffers, "buffers")
        frame = Frame(values, seed, step, frozenset(s.key for s in states))
        with running(frame, training):
            y = self(*inputs, training=training, **options)
        if not (training and states):
            return y
        return y, nested((s.name, values.get(s.key, s.array)) for s in states)

    def _bind(self, caller: str, tree: Any, kind: str) -> dict[tuple[int, str], Any]:
        return {slot.key: value for slot, value in match(caller, slots(self, kind), flat(tree, caller))}

    def update_buffer(self, name: str, value: Any) -> None:
        """For layers, in training mode: give the buffer ``name`` a new value.

        It counts at once for what runs after it. An eager call writes it into the buffer when it is done; ``apply``
        returns it.
        """
        frame = FRAME.get()
        if frame is None or not TRAINING.get():
            raise RuntimeError(f"update_buffer({name!r}): the model does not run in training mode; ask is_training()")
        if name not in self._buffers:
            raise ValueError(f"update_buffer: {type(self).__name__} has no buffer {name!r}; it has {[*self._buffers]}")
        key = (id(self), name)
        if frame.buffers is not None and key not in frame.buffers:
            raise RuntimeError(
                f"update_buffer({name!r}): this {type(self).__name__} is no part of the model that runs; make it an "
                "attribute of the model"
            )
        array = self._buffers[name]
        value = value if isinstance(value, Symbol) else np.asarray(value)
        if tuple(value.shape) != array.shape or value.dtype != array.dtype:
            raise ValueError(
                f"update_buffer({name!r}): got {tuple(value.shape)} {value.dtype}; expected {array.shape} {array.dtype}"
            )
        frame.values[key] = value
        frame.updates[key] = (self, value)

    def note_calls(self, function: Callable[[], Any]) -> tuple[Any, list[Call]]:
        """(What ``function()`` returns, the calls of this model's modules meanwhile, inner ones first)."""
        token = CALLS.set([])
        try:
            result, noted = function(), CALLS.get() or []
        finally:
            CALLS.reset(token)
        names = {id(module): name for name, module in self.named_modules()}
        calls = [Call(names[id(m)], describe(m), y, i, j) for m, y, i, j in noted if id(m) in names]
        return result, calls

    # Parameters and parts.

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """(name, module) of this module ("") and of all its parts, each once, in order."""
        seen: set[int] = set()

        def walk(path: str, module: "Module") -> Iterator[tuple[str, Module]]:
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module
                for name, part in module._modules.items():
                    yield from walk(f"{path}.{name}" if path else name, part)

        return walk("", self)

    def parameters(self) -> dict[str, Any]:
        """The live arrays as a nested dict: ``{"0": {"weight": ..., "bias": ...}, ...}``."""
        return nested((s.name, s.array) for s in slots(self, "parameters"))

    def buffers(self) -> dict[str, Any]:
        """The live buffers as a nested dict, like :meth:`parameters`."""
        return nested((s.name, s.array) for s in slots(self, "buffers"))

    def load_parameters(self, tree: Mapping[str, Any]) -> None:
        """Copy values as from :meth:`parameters` into the model; nothing is changed if they do not fit."""
        copy_in(match("load_parameters", slots(self, "parameters"), flat(tree, "load_parameters: tree")))

    def load_buffers(self, tree: Mapping[str, Any]) -> None:
        """Copy values as from :meth:`buffers` into the model."""
        copy_in(match("load_buffers", slots(self, "buffers"), flat(tree, "load_buffers: tree")))

    def _slots(self) -> list[Slot]:
        return slots(self, "parameters", "buffers")

    def state_dict(self) -> dict[str, Array]:
        """Copies of parameters and buffers by full name, ``{"0.weight": ...}``: PyTorch's names, shapes and order."""
        return {s.name: s.array.copy() for s in self._slots()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadReport:
        """Copy in values by full name, also PyTorch's (``torch_model.state_dict()``); returns a report to print.

        Raises ValueError that lists all that is missing, unexpected or misshapen, before anything is changed. With
        ``strict=False`` what fits is loaded, all else is left as it is and named in the report. For values from a
        file: ``fd.load_state_dict(path)``.

        >>> import numpy as np
        >>> from fastdl import nn
        >>> nn.Dense(2, 3).load_state_dict({"weight": np.zeros((3, 2)), "head.bias": np.zeros(4)}, strict=False)
        LoadReport: 1 of 2 arrays loaded
          bias (3,) is missing
          head.bias is unexpected
        """
        values = flat(state, "load_state_dict: state")
        if not _options.flag("load_state_dict", "strict", strict):
            pairs, report = compare(self._slots(), values)
        else:
            # Files of PyTorch before 0.4.1 do not count batches, and only momentum=None asks for the count.
            pairs = match("load_state_dict", self._slots(), values, optional="num_batches_tracked")
            report = LoadReport([slot.name for slot, _ in pairs])
        copy_in(pairs)
        return report

    @property
    def num_parameters(self) -> int:
        """How many numbers training adjusts.

        >>> from fastdl import nn
        >>> nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1)).num_parameters
        17
        """
        return sum(s.array.size for s in slots(self, "parameters"))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that the model computes in: that of its first parameter."""
        modules = [module for _, module in self.named_modules()]
        found: list[Any] = [array.dtype for module in modules for array in module._parameters.values()]
        found += [module._own_dtype() for module in modules]
        return next((dtype for dtype in found if dtype is not None), np.dtype(np.float32))

    def _own_dtype(self) -> np.dtype[Any] | None:
        """What a layer without parameters computes in, if it says so."""
        return None

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """The dtype that samples arrive in: int64 if the first layer with parameters looks up a table, else ``dtype``.

        Integers other than bytes always arrive as int64; this says what becomes of bytes, booleans and of shapes alone.
        """
        first = next((module for _, module in self.named_modules() if module._parameters), self)
        return np.dtype(np.int64) if first._wants_integers() else self.dtype

    def _wants_integers(self) -> bool:
        """Whether a layer's input are numbers of rows, classes or places."""
        return False

    def astype(self, dtype: Any) -> Self:
        """Convert the model to float32 or float64, in place; returns it. Its parameters become new arrays."""
        found = init.float_dtype(f"{type(self).__name__}.astype", dtype)
        for _, module in self.named_modules():
            module._convert(found)
        return self

    to = astype

    def _convert(self, dtype: np.dtype[Any]) -> None:
        for arrays in (self._parameters, self._buffers):
            for name, array in arrays.items():
                if array.dtype.kind == "f":
                    arrays[name] = array.astype(dtype)

    def _input(self, x: Any, dtype: np.dtype[Any]) -> Any:
        """``x`` in the layer's dtype: converted, never rescaled."""
        if isinstance(x, Symbol):
            return x if x.dtype == dtype else F.astype(x, dtype)
        array = np.asarray(x)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{describe(self)}: x has dtype {array.dtype}; expected numbers")
        return array.astype(dtype, copy=False)

    # Showing.

    def config(self) -> dict[str, Any]:
        """The options that this layer was made with, as ``fd.save`` writes them; for own classes none."""
        return {}

    def summary(self, input_shape: Sequence[int] | None = None) -> Summary:
        """A table of the layers with output shapes and parameters.

        ``input_shape``: the shape of one sample, without the batch; known after ``fit``. Shapes are found by recording,
        so nothing is computed. Without it the table has no shapes.
        """
        return summarize(self, self.input_shape if input_shape is None else input_shape)

    def __repr__(self) -> str:
        lines = [f"  ({name}): " + repr(part).replace("\n", "\n  ") for name, part in self._modules.items()]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else describe(self)
