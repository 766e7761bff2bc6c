"""Running a model on many samples, batch by batch, and judging what comes out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import Graph, Tensor
from ..ops import Array, Spec, prepared
from ..options import current_precision
from ..plan import Plan
from ..tree import flatten, unflatten
from . import encoding, losses
from .given import samples_of, targets_of
from .inputs import not_one_sample, positive
from .memory import batch_dtype
from .metrics import METRICS, Metric, check_metrics


class Inference:
    """The forward pass of a model as plans, one for each batch size and precision that occurs.

    Reads the model's live parameters.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self.last_op = ""
        """What the outputs come from, of the pass recorded last; of a layer with an activation that."""

    def of(self, model: Any) -> "Inference":
        """The same plans for another model, which must do the same computation."""
        self._model = model
        return self

    def _arrays(self) -> tuple[list[Array], Any, list[Array], Any]:
        parameters, structure = flatten(self._model.parameters())
        buffers, buffer_structure = flatten(self._model.buffers())
        return parameters, structure, buffers, buffer_structure

    def _plan(self, spec: Spec, *, again: bool = False) -> Plan:
        """The plan for a batch; ``again``: for several of them, with what depends on the parameters alone done once."""
        key = spec, current_precision(), again
        if key not in self._plans:
            graph, x, inputs, y = self._recorded(spec)
            self._plans[key] = Plan(graph, [x, *inputs], [y], lasting=inputs if again else ())
        return self._plans[key]

    def _recorded(self, spec: Spec) -> tuple[Graph, Tensor, list[Tensor], Tensor]:
        """The forward pass: its samples, parameters and buffers, and outputs."""
        parameters, structure, buffers, buffer_structure = self._arrays()
        with Graph() as graph:
            x = graph.input(spec)
            inputs = [graph.input(Spec(a.shape, a.dtype)) for a in (*parameters, *buffers)]
            values, states = inputs[: len(parameters)], inputs[len(parameters) :]
            y = self._model.apply(
                unflatten(structure, values),
                x,
                training=False,
                buffers=unflatten(buffer_structure, states) if states else None,
            )
            outputs = self._checked(graph, y, spec.shape[0])
            if outputs.node is not None:
                activation = outputs.node.attrs.get("activation", "identity")
                self.last_op = outputs.node.primitive.name if activation == "identity" else activation
            return graph, x, inputs, outputs

    def _checked(self, graph: Graph, y: Any, count: int) -> Tensor:
        name = type(self._model).__name__
        if not isinstance(y, (Tensor, np.ndarray)):
            raise TypeError(
                f"{name} returned a {type(y).__name__}; fit and predict need a model that returns one array"
            )
        if tuple(y.shape[:1]) != (count,):
            raise ValueError(f"{name} returned shape {tuple(y.shape)} for {count} samples; expected ({count}, ...)")
        return graph.lift(y)

    def output_shape(self, x: Any, sample_shape: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Shape of the outputs for one sample like those of ``x``, or of another shape, with the batch in front."""
        dtype = batch_dtype(x, self._model)
        shape = tuple(x.shape[1:] if sample_shape is None else sample_shape)
        count = 1 if shape else 2  # a single number would also pass for one sample of one feature
        try:
            return (1, *self._plan(Spec((count, *shape), dtype)).outputs[0].shape[1:])
        except (TypeError, ValueError) as error:
            raise self.explained(error, len(x), shape, dtype) from None

    def explained(self, error: Exception, count: int, shape: tuple[int, ...], dtype: Any) -> Exception:
        """The error of a model that does not take samples of this shape, in terms of all ``count`` that came, and what
        would make samples that it takes of them, if that is known."""
        told = self._refusal((count, *shape), dtype) or error
        would = "it would take X"
        others = {f"{would}[:, None], with an axis more (for images that of channels)": (1, *shape)}
        if len(shape) == 3:
            others[f"{would}.transpose(0, 3, 1, 2), with the channels first"] = (shape[2], *shape[:2])
        others[f"{would}.reshape(len(X), -1)"] = (math.prod(shape),)
        if not shape:
            others = {
                f"{would}[:, None], a sample for each number": (1,),
                "if that is one sample, pass X[None]": (count,),
            }
        for remedy, other in others.items():
            if other != shape and self._refusal((1, *other), dtype) is None:
                told.args = (f"{told}; {remedy}",)
                break
        return told

    def _refusal(self, shape: tuple[int, ...], dtype: Any) -> Exception | None:
        try:
            self._recorded(Spec(shape, dtype))
        except (TypeError, ValueError) as error:
            return error
        return None

    def __call__(self, x: Any, batch_size: int) -> Array:
        """The model's raw outputs for all samples."""
        dtype = batch_dtype(x, self._model)
        if len(x) == 0:
            return np.empty((0, *self.output_shape(x)[1:]), self._model.dtype)
        parameters, _, buffers, _ = self._arrays()
        values = [*parameters, *buffers]
        if len(x) <= batch_size:
            (y,) = self._plan(Spec(x.shape, dtype))([np.ascontiguousarray(x[:], dtype), *values])
            return y
        values = [prepared(a) for a in values]
        whole = len(x) // batch_size * batch_size
        plan = self._plan(Spec((batch_size, *x.shape[1:]), dtype), again=True)
        y = np.empty((len(x), *plan.outputs[0].shape[1:]), plan.outputs[0].dtype)
        run = None
        for start in range(0, whole, batch_size):
            end = start + batch_size
            arrays, results = [prepared(np.ascontiguousarray(x[start:end], dtype)), *values], [y[start:end]]
            if run is None:
                run = plan.bind(arrays, results)
            else:
                plan.move(run, arrays, results)
            run.run_in_time()
        if whole < len(x):
            rest = np.ascontiguousarray(x[whole:], dtype)
            (y[whole:],) = self._plan(Spec(rest.shape, dtype))([rest, *values])
        return y


def outputs_of(model: Any, x: Any, batch_size: int, caller: str) -> Array:
    """Checked samples through the model."""
    size = positive("batch_size", batch_size, caller)
    not_one_sample(caller, x, model.input_shape)
    inference = Inference(model)
    try:
        return inference(x, size)
    except (TypeError, ValueError) as error:
        raise inference.explained(error, len(x), tuple(x.shape[1:]), batch_dtype(x, model)) from None


def labels(model: Any, outputs: Array) -> Array:
    """Class labels from raw outputs after a classification loss; the outputs themselves otherwise."""
    if model.loss is None or model.classes is None:
        return outputs
    loss = losses.get(model.loss)
    if loss.kind == "binary" and outputs.shape[1:2] == (1,):
        outputs = outputs[:, 0]
    found: Array = np.asarray(model.classes)[loss.decide(outputs)]
    return found


def predict(model: Any, X: Any, *, batch_size: int = 256) -> Array:
    """See ``nn.Module.predict``."""
    return labels(model, outputs_of(model, samples_of("predict", "X", X), batch_size, "predict"))


def predict_proba(model: Any, X: Any, *, batch_size: int = 256) -> Array:
    """See ``nn.Module.predict_proba``."""
    if model.loss is None or model.classes is None:
        raise ValueError(
            "predict_proba: the model was not trained with a classification loss; use predict, or fit it with "
            'loss="cross_entropy"'
        )
    if losses.get(model.loss).link is None:
        raise ValueError(
            f"predict_proba: the outputs of a model trained with {model.loss} are scores, which say nothing about "
            'probabilities: use predict, or train it with loss="bce_with_logits"'
        )
    return probabilities(model, outputs_of(model, samples_of("predict_proba", "X", X), batch_size, "predict_proba"))


def probabilities(model: Any, outputs: Array) -> Array:
    """Probability of each class, along axis 1; of several yes-or-no answers the probabilities of yes."""
    loss = losses.get(model.loss)
    assert loss.link is not None
    if loss.kind == "classes" or (outputs.ndim > 1 and outputs.shape[1] != 1):
        return np.asarray(loss.link(outputs))
    second = loss.link(outputs.reshape(len(outputs), 1, *outputs.shape[2:]))
    return np.concatenate([1 - second, second], axis=1)


def evaluate(
    model: Any,
    X: Any,
    y: Any,
    *,
    metrics: Sequence[Metric] = (),
    batch_size: int = 256,
    loss: Any = None,
    ignore_index: int | None = None,
) -> dict[str, float]:
    """See ``nn.Module.evaluate``."""
    chosen = loss if loss is not None else model.loss
    if chosen is None:
        raise ValueError('evaluate: the model has no loss yet; train it with fit, or give loss="mse"')
    x = samples_of("evaluate", "X", X)
    if len(x) == 0:
        raise ValueError("evaluate: X has no samples")
    labelled = targets_of("evaluate", y, len(x))
    known = losses.ignoring(losses.get(chosen), ignore_index, "evaluate")
    wanted = check_metrics(metrics, known, "evaluate")
    outputs = outputs_of(model, x, batch_size, "evaluate")
    losses.check_outputs(known, outputs, "evaluate")
    return judge(model, known, outputs, labelled, wanted)


def judge(
    model: Any, loss: losses.Loss, outputs: Array, y: Array, metrics: Sequence[Metric], encoded: Array | None = None
) -> dict[str, float]:
    """Loss and metrics of raw outputs. Classification always gets an accuracy, values R2 and RMSE."""
    if encoded is None:
        found = encoding.find_classes(y, loss, outputs.shape, "evaluate") if model.classes is None else model.classes
        encoded = encoding.encode(y, loss, found, outputs.shape, outputs.dtype, "evaluate")
    if loss.ignore is not None:
        encoding.check_counted(loss, encoded, outputs.shape[1], "evaluate")
    targets = encoded.astype(encoding.batch_targets(loss, encoded, outputs.dtype), copy=False)
    numbers = {"loss": float(loss(outputs, targets))}
    wanted: list[Metric] = list(metrics)
    if loss.kind != "values" and "accuracy" not in wanted:
        wanted.insert(0, "accuracy")
    if loss.kind == "values":
        truth, predicted = targets, outputs
    else:
        predicted = loss.decide(outputs)
        truth = np.maximum(targets, 0).reshape(predicted.shape)
        if loss.ignore is not None:
            counts = targets != outputs.shape[1]
            truth, predicted = truth[counts], predicted[counts]
    for metric in wanted:
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
        function = METRICS[metric] if isinstance(metric, str) else metric
        numbers[name] = float(function(truth, predicted))
    return numbers
