"""Whether two models do the same computation, so that one plan serves both.

Layers of fastdl compute what their attributes say. Of a class of somebody's own nothing is known but what it records,
so its forward pass is recorded and compared node by node. Values of parameters and buffers do not count: a plan reads
them from each network's own memory.
"""

from collections.abc import Hashable
from typing import Any

import numpy as np

from .. import optim
from ..graph import Graph, Tensor
from ..ops import Array, Shape, Spec
from ..training.memory import batch_dtype
from ..tree import flatten, unflatten

_LEARNED = ("loss", "classes", "input_shape", "history", "extra")  # what training leaves on a model
_KINDS = ("_parameters", "_buffers", "_modules")
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type, np.dtype)


def of_value(value: Any) -> Hashable:
    """A value such that equal results mean equal values; what is not known to be comparable is equal to itself only."""
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, (tuple, list)):
        return type(value), *map(of_value, value)
    if isinstance(value, dict):
        return dict, *[(key, of_value(part)) for key, part in value.items()]
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
        return np.ndarray, value.shape, value.dtype.str, value.tobytes()
    if type(value).__module__.startswith(("fastdl.optim", "fastdl.augment")):  # a schedule, an optimiser, a change
        return type(value), of_value(vars(value))
    return "itself", id(value)


def of_optimizer(optimizer: Any) -> Hashable:
    """Of an optimiser without its learning rate, which is read from its state, unless it is a schedule."""
    options = of_value(optimizer)
    if options[0] == "itself" or isinstance(optimizer.lr, optim.Schedule):  # type: ignore[index]
        return options
    return type(optimizer), of_value({k: v for k, v in vars(optimizer).items() if k != "lr"})


def of_model(model: Any, x: Array, batch: int, sample_shape: Shape) -> Hashable:
    """Of a model that is to be trained on batches of samples like those of ``x`` made to have this shape."""
    modules = [module for _, module in model.named_modules()]
    if all(type(module).__module__.startswith("fastdl.nn") for module in modules):
        number = {id(module): i for i, module in enumerate(modules)}
        return tuple([_of_layer(module, number) for module in modules])
    spec = Spec((batch, *sample_shape), batch_dtype(x, model))
    return _of_graph(model, spec, True), _of_graph(model, spec, False)


def _of_layer(module: Any, number: dict[int, int]) -> Hashable:
    values = vars(module)
    arrays = [(name, array.shape, array.dtype.str) for kind in _KINDS[:2] for name, array in values[kind].items()]
    parts = [(name, number[id(part)]) for name, part in values["_modules"].items()]
    others = {name: value for name, value in values.items() if name not in (*_KINDS, *_LEARNED)}
    return type(module), tuple(arrays), tuple(parts), of_value(others)


def _of_graph(model: Any, x: Spec, training: bool) -> Hashable:
    """The recorded forward pass: its nodes, captured values and results."""
    parameters, structure = flatten(model.parameters())
    buffers, buffer_structure = flatten(model.buffers())
    with Graph() as graph:
        specs = [x, *[Spec((), np.dtype(np.int64))] * 2]
        specs += [Spec(a.shape, a.dtype) for a in (*parameters, *buffers)]
        inputs = [graph.input(spec) for spec in specs]
        values, states = inputs[3 : 3 + len(parameters)], inputs[3 + len(parameters) :]
        results = model.apply(
            unflatten(structure, values),
            inputs[0],
            training=training,
            seed=inputs[1],
            step=inputs[2],
            buffers=unflatten(buffer_structure, states) if states else None,
        )
    number: dict[Tensor | None, int] = {None: -1}
    for tensor in (*inputs, *[tensor for tensor, _ in graph.constants]):
        number[tensor] = len(number)
    nodes = []
    for node in graph.nodes:
        nodes.append((node.primitive.name, tuple(number[t] for t in node.inputs), of_value(node.attrs)))
        for tensor in node.outputs:
            number[tensor] = len(number)
    leaves, form = flatten(results)
    found = [number.get(t, -1) if isinstance(t, Tensor) else of_value(t) for t in leaves]
    captured = [of_value(array) for _, array in graph.constants]
    return structure, buffer_structure, tuple(specs), tuple(nodes), tuple(captured), form, tuple(found)
