"""``fd.cross_validate``: every setting trained on all but one part of the rows and judged on that part, in turn."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import datasets, init
from ..ops import Array
from ..options import is_integer
from ..training import losses
from ..training.given import samples_in_memory, targets_in_memory
from ..training.inference import Inference, judge
from ..training.inputs import augmented, check_seed, positive
from ..training.metrics import Metric, check_metrics
from .fit import fit_many
from .result import Networks
from .settings import named, rows_of
from .structure import of_model


class Scores:
    """What ``cross_validate`` found. ``folds``: a dict for each network with setting, repeat, fold and the numbers on
    the rows that it did not see; ``networks``: the networks in that order, as ``fit_many`` returned them."""

    def __init__(
        self, settings: list[dict[str, Any]], networks: Networks, folds: list[dict[str, Any]], names: list[str]
    ) -> None:
        """``names``: of the numbers; what has the same name in a setting gives way to them."""
        self._settings, self.networks, self.folds, self._names = settings, networks, folds, names

    def table(self) -> list[dict[str, Any]]:
        """A dict for each setting: the mean of each number over folds and repeats, and as ``<name>_std`` the standard
        deviation between them (of samples: divided by one less than there are)."""
        each = len(self.folds) // len(self._settings)
        rows = []
        for i, setting in enumerate(self._settings):
            part, row = self.folds[i * each : (i + 1) * each], dict(setting)
            for name in self._names:
                values = np.array([fold[name] for fold in part])
                row[name] = float(values.mean())
                row[f"{name}_std"] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            rows.append(row)
        return rows

    def best(self, monitor: str | None = None) -> dict[str, Any]:
        """The setting with the best mean of ``monitor``, None: "loss". Larger is better for accuracy, dice and r2."""
        name = "loss" if monitor is None else monitor
        if monitor is None and len({str(setting.get("loss")) for setting in self._settings}) > 1:
            raise ValueError(
                "best: monitor is None, but the settings have several losses, whose values cannot be compared; name a "
                f"metric: the scores have {', '.join(self._names)}"
            )
        if name not in self._names:
            raise ValueError(f"best: monitor is {monitor!r}; the scores have {', '.join(self._names)}")
        sign = -1.0 if name.endswith(("accuracy", "dice", "r2")) else 1.0
        values = [sign * row[name] for row in self.table()]
        if np.isnan(values).all():
            raise ValueError(f"best: {name} is NaN for all settings; look at folds and networks.errors")
        return self._settings[int(np.nanargmin(values))]

    def __repr__(self) -> str:
        lines = []
        for i, (setting, row) in enumerate(zip(self._settings, self.table(), strict=True)):
            numbers = ", ".join(f"{name} {row[name]:.4g} ± {row[f'{name}_std']:.2g}" for name in self._names)
            lines.append(f"{named(i, setting)}: {numbers}")
        return "\n".join(lines)


def cross_validate(
    build: Callable[..., Any],
    X: Any,
    y: Any,
    *,
    folds: "int | Sequence[tuple[Any, Any]]" = 5,
    settings: Sequence[Mapping[str, Any]] = ({},),
    repeats: int = 1,
    stratify: bool | None = None,
    seed: int | None = 0,
    metrics: Sequence[Metric] = (),
    **options: Any,
) -> Scores:
    """Train each of ``settings`` on all but one of ``folds`` parts of the rows, judge it on that part, for each part.

    All networks are trained in one :func:`fit_many` and share X. ``folds``: how many parts, or pairs (rows to train on,
    rows to judge on). ``repeats``: how often the rows are divided anew. ``stratify``: each part gets its share of every
    class; None does so for labels (N,) that are no floats, unless an ``ignore_index`` leaves some out. Fold k of repeat
    r is divided by seed + r and its networks have the seed ``seed`` + r folds + k, whatever the setting, so that
    settings are compared alike; None draws a seed. ``metrics`` besides the loss, and the accuracy that classes always
    have; ``options`` as of :func:`fit_many`.

    Returns :class:`fastdl.many.Scores`. A network that fails has NaN for its numbers.

    >>> import numpy as np, fastdl as fd
    >>> X, y = fd.datasets.moons(200, noise=0.1, seed=0)
    >>> def build(width):
    ...     return fd.nn.Sequential(fd.nn.Dense(2, width), fd.nn.Tanh(), fd.nn.Dense(width, 2))
    >>> scores = fd.cross_validate(build, X, y, settings=[{"width": 2}, {"width": 16}], epochs=60, lr=0.02)
    >>> len(scores.folds), scores.best("accuracy")
    (10, {'width': 16})
    """
    x = samples_in_memory("cross_validate", "X", X)
    labels = targets_in_memory("cross_validate", "y", y, len(x))
    count = positive("repeats", repeats, "cross_validate")
    seed = init.fresh_seed() if seed is None else check_seed(seed)
    if not isinstance(settings, Sequence) or not settings or not all(isinstance(s, Mapping) for s in settings):
        raise TypeError("cross_validate: settings must be a list of dicts with at least one in it: [{}] for no options")
    for i, setting in enumerate(settings):
        for key in ("rows", "validation_rows"):
            if key in setting:
                raise ValueError(f"cross_validate: {named(i, setting)}: {key!r} is what folds are for; leave it out")
        _, shape = augmented(_given("augment", setting, options) or (), x, np.dtype(np.float32))
        if shape != x.shape[1:]:
            raise ValueError(
                f"cross_validate: {named(i, setting)}: augment makes samples {shape} of {x.shape[1:]}, but rows are "
                "judged as they are: expected changes that keep the shape"
            )
        loss = _given("loss", setting, options)
        if loss is None:  # fit chooses between two, and what fits one of classes fits the other
            loss = "mse" if labels.dtype.kind == "f" else "cross_entropy"
        losses.ignoring(losses.get(loss), _given("ignore_index", setting, options), "cross_validate")
        check_metrics(metrics, losses.get(loss), "cross_validate")
    ignored = [_given("ignore_index", setting, options) for setting in settings]
    if stratify is None and any(index is not None for index in ignored):
        stratify = False  # labels that count for nothing are no class, of which each part could get its share
    pairs = [pair for repeat in range(count) for pair in _pairs(folds, labels, stratify, seed + repeat, len(x))]
    for i, (setting, index) in enumerate(zip(settings, ignored, strict=True)):
        for k, (_, rows) in enumerate(pairs):
            if index is not None and len(rows) and np.all(labels[rows] == index):
                raise ValueError(
                    f"cross_validate: {named(i, setting)}: all labels to judge on in part {k} are {index}, which "
                    "ignore_index leaves out; give fewer parts, or rows of your own in folds"
                )
    every = [{"seed": seed + k, **setting, "rows": train} for setting in settings for k, (train, _) in enumerate(pairs)]
    networks = fit_many(build, every, x, labels, **options)
    known: dict[Hashable, Inference] = {}
    places: list[dict[str, Any]] = []
    numbers: list[dict[str, float]] = []
    for i, (network, given) in enumerate(zip(networks, every, strict=True)):
        k = i % len(pairs)
        place = {"repeat": k * count // len(pairs), "fold": k % (len(pairs) // count)}
        places.append({**{key: value for key, value in given.items() if key not in ("rows", "seed")}, **place})
        inference = known.setdefault(of_model(network, x, 1, x.shape[1:]), Inference(network)).of(network)
        failed = i in networks.errors
        index = ignored[i // len(pairs)]
        numbers.append({} if failed else _score(network, inference, x, labels, pairs[k][1], metrics, index))
    nothing = dict.fromkeys(next(found for found in numbers if found), float("nan"))
    scored = [{**place, **nothing, **found} for place, found in zip(places, numbers, strict=True)]
    return Scores([dict(setting) for setting in settings], networks, scored, list(nothing))


def _given(name: str, setting: Mapping[str, Any], options: dict[str, Any]) -> Any:
    """An option of a setting, or of all."""
    return setting.get(name, options.get(name))


def _score(
    model: Any,
    inference: Inference,
    x: Array,
    labels: Array,
    rows: Array,
    metrics: Sequence[Metric],
    ignore_index: int | None,
) -> dict[str, float]:
    """The numbers of ``model.evaluate`` on some rows."""
    loss = losses.ignoring(losses.get(model.loss), ignore_index)
    wanted = check_metrics(metrics, loss, "cross_validate")
    return judge(model, loss, inference(x[rows], 256), labels[rows], wanted)


def _pairs(folds: Any, labels: Array, stratify: bool | None, seed: int, samples: int) -> list[tuple[Array, Array]]:
    """(rows to train on, rows to judge on) of each fold."""
    if is_integer(folds):
        if not 2 <= folds <= samples:
            raise ValueError(f"cross_validate: folds is {folds}; expected 2 to {samples}, the number of samples")
        sizes = [samples // folds + (k < samples % folds) for k in range(folds)]
        by_class = labels.ndim == 1 and labels.dtype.kind != "f" if stratify is None else bool(stratify)
        parts = datasets.split_indices(labels, sizes, seed=seed, stratify=by_class)
        return [(np.sort(np.concatenate([*parts[:k], *parts[k + 1 :]])), np.sort(p)) for k, p in enumerate(parts)]
    if (
        not isinstance(folds, Sequence)
        or not folds
        or any(not isinstance(p, (tuple, list)) or len(p) != 2 for p in folds)
    ):
        raise TypeError(
            "cross_validate: folds must be a number of parts, or pairs (rows to train on, rows to judge on)"
        )
    return [(rows_of("folds", train, samples), rows_of("folds", test, samples)) for train, test in folds]
