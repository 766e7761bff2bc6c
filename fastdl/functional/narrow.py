"""A training step of a narrow dense chain as one primitive: gather, forward, loss and all gradients.

A part of the house, not an op: ``training/narrow.py`` finds such chains in recorded steps and answers for the
arguments. Letters: N samples of a batch, P the samples rounded up to full vectors of the machine.

When it pays (``narrow_enough``). The step costs about 0.5 + 0.6 P / lanes ns for each weight, whatever the shapes; a
matrix product on its own costs less for each weight, the more the larger it is, but 50-250 ns before it begins, three
times a layer, and the activation, its gradient and the sums of the biases have launches, too. Measured on one thread
(AVX-512, relu, this step against the ordinary plan, float32 / float64):

==================  =========  ===========  ===========  ===========  ===========
layers              weights    N = 1        N = 8        N = 32       N = 128
==================  =========  ===========  ===========  ===========  ===========
2-4-1               12         2.1 / 2.2    3.1 / 3.4    5.0 / 3.9    12.6 / 6.9
16-16-16-10         672        0.96 / 0.98  1.9 / 2.2    2.4 / 1.9    1.95 / 1.6
64-16-10            1184       0.7 / 0.9    1.1 / 1.8    1.6 / 1.35   1.3 / 0.9
24-24-24-10         1392       0.96 / 0.9   1.6 / 1.6    2.1 / 1.3    1.9 / 1.2
100-14-1            1414       0.6 / 0.8    1.0 / 1.3    1.5 / 1.1    1.1 / 0.7
32-32-32-10         2368       0.7 / -      1.0 / -      1.3 / -      1.2 / -
==================  =========  ===========  ===========  ===========  ===========

Rows that leave the first cache lose (24-24-24-10 with N = 512 in float64, 340 kB: 0.5), and so do few samples, which
leave the lanes empty, of many weights.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._kernels import STATUS, Argument, Kernel, bits_of
from .._kernels.machine import lanes
from ..ops import Lowering, Operand, Primitive, Spec
from ._activations import TABLE
from ._door import INT64
from ._lowering import round_up

_CODES = {"identity": 0, "relu": 1, "tanh": 2, "sigmoid": 3}  # activations that the kernel has itself
_CALLED = 4
_LOSSES = {
    "binary_cross_entropy_with_logits": 0,
    "mse_loss": 1,
    "mae_loss": 2,
    "huber_loss": 3,
    "hinge_loss": 4,
    "binary_cross_entropy": 5,
    "cross_entropy": 6,
}
LOSSES = tuple(_LOSSES)

_MOST_WEIGHTS, _WEIGHTS_FOR_A_SAMPLE = 1024, 128
_MOST_BYTES = 64 * 1024  # of the rows of all layers


class Layer(NamedTuple):
    """s(W x + b): ``weight`` and ``bias`` (None if absent) are places in the flat vector of parameters; ``activation``
    is a row of the table of activations or "identity", with its options by name."""

    inputs: int
    outputs: int
    weight: int
    bias: int | None
    activation: str
    options: tuple[tuple[str, float], ...]


def narrow_enough(batch: int, layers: tuple[Layer, ...], dtype: np.dtype[Any]) -> bool:
    """Whether the step in one launch is quicker than a launch for each of its parts: see the head of the file."""
    weights = sum(layer.inputs * layer.outputs for layer in layers)
    if weights > min(_MOST_WEIGHTS, _WEIGHTS_FOR_A_SAMPLE * batch):
        return False
    _, size = _table(layers, round_up(batch, lanes(dtype.itemsize)), dtype)
    return size * dtype.itemsize <= _MOST_BYTES


def _infer(
    x: Spec, y: Spec, weight: Spec | None, order: Spec, position: Spec, parameters: Spec, **attrs: Any
) -> tuple[Spec, ...]:
    dtype, layers = parameters.dtype, attrs["layers"]
    results = Spec((), dtype), parameters
    return (*results, Spec((attrs["batch"], layers[-1].outputs), dtype)) if attrs["scores"] else results


def _table(layers: tuple[Layer, ...], rows: int, dtype: np.dtype[Any]) -> tuple[list[int], int]:
    """The kernel's table, and how many numbers the scratch holds: rows of ``rows`` samples, the inputs first."""
    table: list[int] = []
    x, end = 0, layers[0].inputs * rows
    for layer in layers:
        name, size = layer.activation, layer.outputs * rows
        code = _CODES.get(name, _CALLED)
        y = end if code != _CALLED else end + size
        kernels, reals = [0, 0], [0.0, 0.0, 0.0]
        if code == _CALLED:
            kernels = [Kernel("activations", part).address(dtype.name) for part in (name, f"{name}_grad")]
            given = dict(layer.options)
            reals[: len(given)] = [float(given[key]) for key in TABLE[name].options]
        bias = -1 if layer.bias is None else layer.bias
        table += [layer.inputs, layer.outputs, layer.weight, bias, x, end, y, code, *kernels, *map(bits_of, reals)]
        x, end = y, y + size
    return table, end


def _gather(
    lowering: Lowering, data: Operand, to: Operand, sizes: list[Any], targets: Sequence[Any] = (None, None, None)
) -> None:
    """Samples to rows of features, converted if need be; ``targets`` are of the rows' dtype."""
    same = data.dtype == to.dtype
    kernel, dtypes = Kernel("narrow_batch", "gather" if same else "convert"), [to.dtype, data.dtype]
    arguments = [to, data, *sizes, *(0 if t is None else t for t in targets)]
    lowering.launch(kernel, dtypes[: 1 if same else 2], arguments, cells=1, work=0.3 * to.size)


def _lower(
    lowering: Lowering,
    inputs: tuple[Operand, Operand, Operand | None, Operand, Operand, Operand],
    outputs: tuple[Operand, ...],
    batch: int,
    layers: tuple[Layer, ...],
    loss: str,
    delta: float,
    scores: bool,
    fetched: bool,
) -> None:
    (x, y, weight, order, position, parameters), dtype = inputs, inputs[5].dtype
    rows = round_up(batch, lanes(dtype.itemsize))
    features, answers = layers[0].inputs, layers[-1].outputs
    table, size = _table(layers, rows, dtype)
    widest = max(layer.outputs for layer in layers)
    scratch = lowering.scratch((size,), dtype)
    classes = loss == "cross_entropy"
    targets = lowering.scratch((batch,), INT64) if classes else lowering.scratch((answers, rows), dtype)
    weights = lowering.scratch((rows,), dtype)
    gradients = [lowering.scratch((widest, rows), dtype) for _ in range(2)]
    places: list[Any] = [order, position]
    together = not (classes or fetched) and y.dtype == dtype
    here = lowering.constant([*range(batch), 0])  # the order of samples that were fetched before
    of_x = [here, here.at(8 * batch)] if fetched else places
    _gather(lowering, x, scratch, [features, *of_x, batch, rows], [targets, y, answers] if together else [None] * 3)
    if classes:
        rows_of = Kernel("batches", "gather_rows")
        lowering.launch(rows_of, [INT64, y.dtype], [targets, y, *places, batch, 1, batch], cells=1, work=batch)
    elif not together:
        _gather(lowering, y, targets, [answers, *places, batch, rows])
    if weight is not None:
        _gather(lowering, weight, weights, [1, *places, batch, rows])
    error = IndexError(f"{loss}: target holds a class outside 0..{answers - 1}")
    arguments: list[Argument | Operand] = [outputs[0], outputs[1], outputs[2] if scores else None, parameters, scratch]
    arguments += [
        lowering.constant(table),
        len(layers),
        batch,
        rows,
        targets,
        weights if weight is not None else None,
        *gradients,
    ]
    arguments += [_LOSSES[loss], delta, int(classes), STATUS, lowering.failure(error) if classes else 0]
    work = 0.03 * rows * sum(layer.inputs * layer.outputs for layer in layers)
    lowering.launch(Kernel("narrow", "step"), dtype, arguments, cells=1, work=work)


_step = Primitive("narrow_step", _infer, _lower)


def narrow_step(
    x: Any,
    y: Any,
    weight: Any,
    order: Any,
    position: Any,
    parameters: Any,
    *,
    batch: int,
    layers: tuple[Layer, ...],
    loss: str,
    delta: float = 0.0,
    scores: bool = False,
    fetched: bool = False,
) -> tuple[Any, ...]:
    """The mean loss of the ``batch`` samples order[position...] and its gradient with respect to the parameters, and
    with ``scores`` the outputs (batch, C).

    x and y (samples, ...) are converted as ``gather_batch`` does, y to class numbers for cross_entropy; ``weight``
    (samples,) multiplies the losses, None if they all count the same. ``fetched``: x is the batch itself, in its order.
    """
    attrs = {"layers": layers, "loss": loss, "delta": delta, "scores": scores, "fetched": fetched}
    return _step(x, y, weight, order, position, parameters, batch=batch, **attrs)
