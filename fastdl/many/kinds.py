"""Networks of one *kind* do the same computation on memories of their own, so one plan for each batch size serves all.

A kind is what a plan depends on: the structure of the model, the optimiser but for its learning rate, the loss, the
batch size, what a step does beside (penalties, averages, augmentation), and what is counted.
"""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from .._kernels import address_of
from .._kernels.fleet import Step
from ..ops import Array
from ..plan import Plan
from ..training import encoding, losses
from ..training.inference import Inference
from ..training.inputs import augmented, weights
from ..training.memory import Memory, batch_dtype
from ..training.metrics import Metric, check_metrics
from ..training.sources import MemorySource
from ..training.step import plan_step
from .settings import Network
from .structure import of_model, of_optimizer, of_value

_SHARED = ("x", "y", "order", "weight")  # arrays that a network does not write
_LINE = 64


class Data:
    """The samples that all networks share, and what follows from them: encoded targets, weights, orders."""

    def __init__(self, x: Array, labels: Array, sample_weight: Any, classes: Any) -> None:
        self.x, self.labels, self.sample_weight, self._classes = x, labels, sample_weight, classes
        self.all_rows = np.arange(len(x), dtype=np.int64)
        self._encoded: dict[Hashable, tuple[Any, Array]] = {}
        self._weights: dict[Hashable, tuple[Any, Array | None]] = {}

    def encoded(self, loss: losses.Loss, output_shape: tuple[int, ...], dtype: Any) -> tuple[Any, Array]:
        """(classes, targets as the loss takes them)."""
        key = of_value(loss.name or loss.function), loss.ignore, output_shape[1:], dtype
        if key not in self._encoded:
            classes = encoding.find_classes(self.labels, loss, output_shape, "fit_many", self._classes)
            self._encoded[key] = classes, encoding.encode(self.labels, loss, classes, output_shape, dtype)
        return self._encoded[key]

    def weight(self, network: Network, encoded: Array, classes: Any, dtype: Any) -> Array | None:
        """The weight of each sample, 0 for those that the network does not see; balanced among those that it sees."""
        if self.sample_weight is None and network.class_weight is None:
            return None
        rows = network.rows
        key = id(rows), id(encoded), of_value(network.class_weight), dtype
        if key not in self._weights:
            if rows is None:
                found = weights(self.sample_weight, network.class_weight, encoded, classes, dtype)
            else:
                given = None if self.sample_weight is None else np.asarray(self.sample_weight)[rows]
                part = weights(given, network.class_weight, encoded[rows], classes, dtype)
                assert part is not None
                found = np.zeros((len(encoded), *part.shape[1:]), dtype)
                found[rows] = part
            self._weights[key] = (rows, encoded, network.class_weight), found
        return self._weights[key][1]


class Kind:
    """What networks that do the same computation share."""

    def __init__(self, network: Network, data: Data, metrics: Sequence[Metric]) -> None:
        model, self.data, self.batch = network.model, data, _batch(network, data)
        self.inference = Inference(model)
        self._augment, self.sample_shape = augmented(network.augment, data.x, batch_dtype(data.x, model))
        self.as_given = self.sample_shape == data.x.shape[1:]
        """Whether the model sees samples of the size that they have in X."""
        self._output_shape = output_shape = self.inference.output_shape(data.x, self.sample_shape)
        self._other: tuple[Array, Array] | None = None
        loss = losses.get(network.loss) if network.loss else losses.choose(data.labels, output_shape)
        loss = losses.ignoring(loss, network.ignore_index)
        self.classes, self.encoded = data.encoded(loss, output_shape, model.dtype)
        self.loss = losses.smoothed(loss, network.label_smoothing)
        if loss.name in losses.OF_PROBABILITIES and self.as_given:
            losses.check_outputs(loss, self.inference(data.x[:8], 1), "fit_many")
        losses.warn_if_applied_twice(loss, self.inference.last_op, "fit_many")
        self.metrics = check_metrics(metrics, loss, "fit_many")
        self.at_once = min(256, max(self.batch, 2**20 // max(1, math.prod(self.sample_shape))))
        self.count = "accuracy" in self.metrics
        self._sources: dict[int, MemorySource] = {}
        self._network, self._memory = network, self.memory(network)
        self._plans: dict[int, tuple[int, Plan]] = {}

    def memory(self, network: Network) -> Memory:
        """A network's memory: its own arrays beside each other, lines apart from those of others."""
        data, source = self.data, self._source(self.weight(network))
        memory = Memory(
            network.model,
            source,
            self.loss,
            network.optimizer,
            seed=network.seed,
            count=self.count,
            augment=self._augment,
            options=network.options,
        )
        own = {name: array for name, array in memory.arrays.items() if name not in _SHARED}
        places, end = {}, 0
        for name, array in own.items():
            if array.nbytes >= _LINE:
                end = -(-end // _LINE) * _LINE
            places[name] = end
            end += -(-array.nbytes // 8) * 8
        room = np.empty(-(-end // _LINE) * _LINE + _LINE, np.uint8)
        start = -address_of(room) % _LINE
        moved = {"order": data.all_rows if network.rows is None else network.rows}
        for name, array in own.items():
            place = room[start + places[name] :][: array.nbytes]
            moved[name] = place.view(array.dtype).reshape(array.shape)
            moved[name][...] = array
        memory.move(moved)
        return memory

    def _source(self, weight: Array | None) -> MemorySource:
        """The shared arrays as training knows them; who else has the same weights has the same source."""
        if id(weight) not in self._sources:
            arrays = {"x": self.data.x, "y": self.encoded} | ({} if weight is None else {"weight": weight})
            self._sources[id(weight)] = MemorySource(arrays, self.batch, None, (self.data.x, self.encoded))
        return self._sources[id(weight)]

    def encode(self, labels: Array) -> Array:
        """Labels from elsewhere as the loss takes them."""
        if self._other is None or self._other[0] is not labels:
            shape, dtype = self._output_shape, self._network.model.dtype
            self._other = labels, encoding.encode(labels, self.loss, self.classes, shape, dtype)
        return self._other[1]

    def counted(self, network: Network) -> int:
        """How many targets of an epoch count."""
        if self.loss.ignore is None:
            samples = len(self.encoded) if network.rows is None else len(network.rows)
            return int(samples * math.prod(self.encoded.shape[1:]))
        encoded = self.encoded if network.rows is None else self.encoded[network.rows]
        encoding.check_counted(self.loss, encoded, len(self.classes or []))
        return encoded.size - int(np.count_nonzero(encoded == len(self.classes or [])))

    def weight(self, network: Network) -> Array | None:
        """The weights of the samples for a network, None if all count the same."""
        found = self.data.weight(network, self.encoded, self.classes, network.model.dtype)
        if found is not None and self.loss.name is None:
            raise ValueError("sample_weight and class_weight need a named loss; weigh inside your own loss instead")
        return found

    def plan(self, size: int, steps: list[Step]) -> int:
        """The number of the plan of a step on ``size`` samples, which is added to ``steps`` if it is new."""
        if size not in self._plans:
            plan = plan_step(self._network.model, self._memory, self.loss, self._network.optimizer, size)
            self._plans[size] = len(steps), plan
            steps.append(Step(plan.program, len(self._memory.arrays), plan.captured()))
        return self._plans[size][0]


def _batch(network: Network, data: Data) -> int:
    """The samples of a step."""
    samples, options = len(data.x) if network.rows is None else len(network.rows), network.options
    return samples if options.batch is None else min(options.batch * options.accumulate, samples)


class Kinds:
    """The kinds that were met, and the plans of all."""

    def __init__(self, data: Data, metrics: Sequence[Metric]) -> None:
        self._data, self._metrics = data, metrics
        self._known: dict[Hashable, Kind] = {}
        self.steps: list[Step] = []

    def of(self, network: Network) -> Kind:
        """The kind of a network whose model is there."""
        data, batch = self._data, _batch(network, self._data)
        weighted = data.sample_weight is not None, network.class_weight is not None
        _, shape = augmented(network.augment, data.x, batch_dtype(data.x, network.model))
        structure = of_model(network.model, data.x, batch, shape)
        beside = network.options, *map(of_value, (network.label_smoothing, network.augment, network.ignore_index))
        key = structure, of_optimizer(network.optimizer), of_value(network.loss), batch, weighted, *beside
        if key not in self._known:
            self._known[key] = Kind(network, data, self._metrics)
        kind = self._known[key]
        kind.weight(network)
        kind.counted(network)
        samples = len(data.x) if network.rows is None else len(network.rows)
        kind.plan(kind.batch, self.steps)
        if samples % kind.batch:
            try:
                kind.plan(samples % kind.batch, self.steps)
            except ValueError as error:  # the full batch is well: the model wants more samples, as batch_norm does
                size = network.options.batch or kind.batch
                raise ValueError(
                    f"{samples} samples in batches of {size} leave {samples % size} for the last one, "
                    f"which is too few for the model; choose another batch_size ({error})"
                ) from None
        return kind
