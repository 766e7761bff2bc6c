"""``fd.fit_many``: many small networks trained in one call."""

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import init
from .._kernels.loader import seconds_compiling
from ..naming import hint
from ..ops import Array
from ..training.fit import fit
from ..training.given import samples_in_memory, targets_in_memory
from ..training.history import History
from ..training.inference import judge
from ..training.interrupt import InterruptGuard
from ..training.metrics import Metric
from ..training.progress import Bar
from ..tree import flatten
from .crew import Crew
from .kinds import Data, Kind, Kinds
from .result import FitInterrupted, Networks, warn_of
from .settings import OPTIONS, Network, blame, split


def fit_many(
    build: Callable[..., Any],
    settings: "Sequence[Mapping[str, Any]] | int",
    X: Any,
    y: Any,
    *,
    loss: Any = None,
    optimizer: Any = None,
    lr: Any = None,
    epochs: int = 10,
    batch_size: int | None = 32,
    validation_data: tuple[Any, Any] | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    metrics: Sequence[Metric] = (),
    sample_weight: Any = None,
    class_weight: Any = None,
    classes: Sequence[Any] | None = None,
    augment: Any = (),
    l1: float = 0.0,
    l2: float = 0.0,
    label_smoothing: float = 0.0,
    accumulate: int = 1,
    ema: float | None = None,
    ignore_index: int | None = None,
    progress: bool | None = None,
    **others: Any,
) -> Networks:
    """Train many small networks at once, one to a thread; each gets the same bits as if it were trained alone.

    ``settings``: a dict for each network, or how many networks. These keys are options of training, for this network
    instead of those of the call: "loss", "optimizer", "lr", "epochs", "batch_size", "shuffle", "seed", "class_weight",
    "l1", "l2", "label_smoothing", "accumulate", "ema", "augment", "ignore_index", "rows" (the rows of X to train on:
    numbers, a slice or a mask; X is not copied) and "validation_rows" (those to judge on after each epoch). All other
    keys are arguments of ``build``, which returns a new ``nn.Module``; an option that ``build`` names among its
    parameters is given to it, too. ``lr`` replaces the rate of ``optimizer``.

    Network i is what this makes, to the bit, for any number of threads (``seed`` of the call: that of the first
    network, the next has ``seed + 1`` and so on; None draws one from the generator behind ``fd.seed``)::

        fd.seed(seed); model = build(**arguments); model.fit(X[rows], y[rows], seed=seed, ...)

    The other arguments are those of ``nn.Module.fit``, for all networks; ``callbacks``, checkpoints, ``statistics``
    and data outside of memory are not taken: they need Python between steps. Labels mean the same to all networks:
    classes are those of the whole y.

    Networks are spread over threads, not the work of one: it pays for networks that ``fit`` would train on one thread.
    Those that do the same computation (same structure, optimiser, batch size and penalties; learning rates, seeds and
    rows may differ) share one plan. ``validation_data``, "validation_rows" and metrics besides "accuracy" are computed
    network by network after each epoch, in Python, for 0.1 ms and up.

    Returns :class:`fastdl.many.Networks`: the models in the order of the settings, with their histories. A network that
    fails while it trains, or is not finite any more, stops alone: it is in ``errors``, and a warning names its setting.
    Ctrl-C raises :class:`FitInterrupted`, whose ``result`` has what was finished. Raises TypeError or ValueError that
    names the setting for what does not fit, before anything is trained.

    >>> import numpy as np, fastdl as fd
    >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 2)).astype(np.float32)
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)
    >>> def build(width):
    ...     return fd.nn.Sequential(fd.nn.Dense(2, width), fd.nn.Tanh(), fd.nn.Dense(width, 1))
    >>> settings = [{"width": width, "lr": lr} for width in (2, 8) for lr in (0.003, 0.03)]
    >>> networks = fd.fit_many(build, settings, X, y, epochs=40, seed=0, metrics=("accuracy",))
    >>> len(networks), networks.settings[networks.ranking()[0]]
    (4, {'width': 8, 'lr': 0.03, 'seed': 3})
    """
    _refuse(others)
    compiled_before, start = seconds_compiling(), time.perf_counter()
    x = samples_in_memory("fit_many", "X", X)
    if len(x) == 0:
        raise ValueError("fit_many: X has no samples")
    data = Data(x, targets_in_memory("fit_many", "y", y, len(x)), sample_weight, classes)
    defaults = {"loss": loss, "optimizer": optimizer, "lr": lr, "epochs": epochs, "batch_size": batch_size}
    defaults |= {"shuffle": shuffle, "seed": seed, "class_weight": class_weight, "augment": augment}
    defaults |= {"l1": l1, "l2": l2, "label_smoothing": label_smoothing, "accumulate": accumulate, "ema": ema}
    defaults |= {"ignore_index": ignore_index}
    networks = split(build, settings, len(x), dict.fromkeys(OPTIONS) | defaults)
    kinds, steps = _plan(build, networks, data, metrics)
    validation = _Validation(validation_data, networks, kinds)
    crew = Crew(networks, kinds, steps, validation.wanted)
    seconds = {"compile": seconds_compiling() - compiled_before}
    seconds["plan"] = time.perf_counter() - start - seconds["compile"]
    return _Training(networks, kinds, crew, validation).run(seconds, progress)


def _refuse(others: dict[str, Any]) -> None:
    """Say why an argument is not taken."""
    for name in others:
        if name in inspect.signature(fit).parameters:
            raise TypeError(f"fit_many: {name} is not supported for many networks; train with model.fit to use it")
        taken = inspect.signature(fit_many).parameters
        meant = hint(name, [other for other in taken if other != "others"])
        raise TypeError(
            f"fit_many: there is no argument {name}{meant}; what build takes belongs into settings: [{{{name!r}: ...}}]"
        )


def _plan(
    build: Callable[..., Any], networks: list[Network], data: Data, metrics: Sequence[Metric]
) -> tuple[list[Kind], list[Any]]:
    """Build all models and plan what they do."""
    known, owners = Kinds(data, metrics), dict[int, Network]()
    kinds = []
    for network in networks:
        try:
            with init.seeded(network.seed):
                network.model = build(**network.arguments)
        except Exception as error:
            raise blame(f"{network.name}: build failed", error) from error
        model = network.model
        if isinstance(model, type) or not hasattr(model, "apply") or not hasattr(model, "parameters"):
            raise TypeError(f"fit_many: {network.name}: build returned {model!r:.80}; expected an nn.Module")
        if id(model) in owners:
            raise ValueError(
                f"fit_many: {network.name}: build returned the model of {owners[id(model)].name} once more; expected a "
                "new one at each call"
            )
        owners[id(model)] = network
        if not all(np.isfinite(array).all() for array in flatten(model.parameters())[0]):
            raise ValueError(f"fit_many: {network.name}: the parameters of the model hold NaN or infinity")
        try:
            kinds.append(known.of(network))
        except (TypeError, ValueError) as error:
            raise blame(network.name, error) from error
    return kinds, known.steps


class _Validation:
    """What networks are judged on after each epoch."""

    def __init__(self, given: Any, networks: list[Network], kinds: list[Kind]) -> None:
        self._given: tuple[Array, Array] | None = None
        self.wanted = any(n.validation_rows is not None for n in networks) or given is not None
        others = [m for m in kinds[0].metrics if m != "accuracy"]
        self.wanted |= bool(others)
        for network, kind in zip(networks, kinds, strict=True):
            asked = "validation_rows" if network.validation_rows is not None else "metrics" if others else None
            if not kind.as_given and asked is not None and given is None:
                raise ValueError(
                    f"fit_many: {network.name}: {asked} judge on samples of X, but augment makes samples "
                    f"{kind.sample_shape} of {kind.data.x.shape[1:]}: give validation_data of that shape"
                )
        if given is None:
            return
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise TypeError("fit_many: validation_data must be a pair (X, y)")
        vx = samples_in_memory("fit_many", "validation_data X", given[0])
        self._given = vx, targets_in_memory("fit_many", "validation_data y", given[1], len(vx))
        for kind in dict.fromkeys(kinds):
            if vx.shape[1:] != kind.sample_shape or len(vx) == 0:
                raise ValueError(
                    f"fit_many: validation_data X has shape {vx.shape}; expected "
                    f"(N, {', '.join(map(str, kind.sample_shape))})"
                )
            kind.encode(self._given[1])
        for network in networks:
            if network.validation_rows is not None:
                raise ValueError(f"fit_many: {network.name}: validation_rows is given beside validation_data")

    def of(self, network: Network, kind: Kind) -> tuple[Array, Array] | None:
        """(samples, encoded targets) to judge a network on."""
        if self._given is not None:
            return self._given[0], kind.encode(self._given[1])
        if network.validation_rows is not None:
            return kind.data.x[network.validation_rows], kind.encoded[network.validation_rows]
        return None


class _Training:
    """One call: what is done with the networks at the ends of epochs and when they are finished."""

    def __init__(self, networks: list[Network], kinds: list[Kind], crew: Crew, validation: _Validation) -> None:
        self._networks, self._kinds, self._crew, self._validation = networks, kinds, crew, validation
        self._extra: dict[int, list[dict[str, float]]] = {}
        self._errors: dict[int, Exception] = {}
        self._ended: set[int] = set()
        self._guard = InterruptGuard()

    def run(self, seconds: dict[str, float], progress: bool | None) -> Networks:
        networks, crew = self._networks, self._crew
        compiled_before, start = seconds_compiling(), time.perf_counter()
        with self._guard as guard, Bar(crew.steps, progress) as bar:
            try:
                crew.run(guard, bar.advance, self._at_epoch, self._at_end)
            except KeyboardInterrupt:
                guard.hit = True
            for i in [*crew.memories]:
                crew.memories[i].to_model()
        seconds["compile"] += seconds_compiling() - compiled_before
        seconds["train"] = time.perf_counter() - start - (seconds_compiling() - compiled_before)
        for i, network in enumerate(networks):
            history = network.model.history = self._history(i)
            history.seconds = dict(seconds)
            loss = self._kinds[i].loss
            network.model.loss = loss.name if loss.name is not None else loss.function
            network.model.classes = self._kinds[i].classes
            network.model.input_shape = self._kinds[i].sample_shape
        settings = [{**n.setting, "seed": n.seed} for n in networks]
        result = Networks([n.model for n in networks], settings, self._errors, seconds)
        if guard.hit:
            raise FitInterrupted(f"training stopped after {len(self._ended)} of {len(networks)} networks", result)
        warn_of(self._errors, networks)
        return result

    def _at_end(self, i: int, error: Exception | None) -> None:
        self._crew.memories[i].to_model()
        self._ended.add(i)
        if error is not None:
            self._errors[i] = error

    def _at_epoch(self, i: int) -> bool:
        """Judge a network after its epoch as ``fit`` does."""
        network, kind = self._networks[i], self._kinds[i]
        numbers: dict[str, float] = {}
        others = [m for m in kind.metrics if m != "accuracy"] if kind.as_given else []
        validation = self._validation.of(network, kind)
        if others or validation is not None:
            self._crew.memories[i].to_model()
        with self._guard.open():
            if others:
                x, encoded = kind.data.x, kind.encoded
                if network.rows is not None:
                    x, encoded = x[network.rows], encoded[network.rows]
                found = self._judge(network, kind, x, encoded, others)
                numbers |= {k: v for k, v in found.items() if k != "loss"}
            if validation is not None:
                judged = self._judge(network, kind, *validation, kind.metrics)
                numbers |= {f"val_{k}": v for k, v in judged.items()}
        self._extra.setdefault(i, []).append(numbers)
        return True

    def _judge(self, network: Network, kind: Kind, x: Array, encoded: Array, metrics: list[Metric]) -> dict[str, float]:
        outputs = kind.inference.of(network.model)(x, kind.at_once)
        return judge(network.model, kind.loss, outputs, encoded, metrics, encoded)

    def _history(self, i: int) -> History:
        kind, crew = self._kinds[i], self._crew
        rows = self._networks[i].rows
        extra = self._extra.get(i, [])
        epochs = crew.epochs_of(i)
        if self._validation.wanted:
            epochs = min(epochs, len(extra))  # Ctrl-C may have come while it was judged
        sums = crew.sums[crew.starts[i] :][:epochs]
        answers = kind.counted(self._networks[i])
        count = len(kind.data.x) if rows is None else len(rows)
        columns = {"loss": (sums[:, 0] / (count if kind.loss.ignore is None else answers)).tolist()} if epochs else {}
        if kind.count and epochs:
            columns["accuracy"] = (sums[:, 1] / answers).tolist()
        for name in extra[0] if extra and epochs else ():
            columns[name] = [numbers[name] for numbers in extra[:epochs]]
        history = History(columns)
        if i in self._errors:
            history.stopped = "not finite" if isinstance(self._errors[i], FloatingPointError) else "failed"
        elif i not in self._ended:
            history.stopped = "interrupted"
        return history
