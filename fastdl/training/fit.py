"""``fit``: checks what it was given and sets up the training run; ``loop`` and ``steps`` run it."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from .. import optim
from .._kernels.loader import seconds_compiling
from ..augment import Augmentation
from ..ops import Array
from ..options import current_precision
from . import encoding, losses
from .callbacks import as_callbacks
from .checkpoint import Keeper, Saved, as_checkpoint, described, digest, structure
from .data import Data, opened
from .given import samples_of, targets_of
from .history import History
from .inference import Inference
from .inputs import augmented, check_seed, described_weights, positive
from .interrupt import before_the_first_step
from .loop import Loop
from .memory import Memory, batch_dtype
from .metrics import Metric, check_metrics
from .regularization import step_options
from .statistics import interval
from .steps import Steps
from .task import Task


def fit(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    loss: Any = None,
    optimizer: Any = None,
    epochs: int = 10,
    batch_size: int | None = 32,
    validation_data: tuple[Any, Any] | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    metrics: Sequence[Metric] = (),
    sample_weight: Any = None,
    class_weight: Any = None,
    classes: Sequence[Any] | None = None,
    chunk_bytes: int | None = None,
    augment: Any = (),
    callbacks: Sequence[Any] = (),
    progress: bool | None = None,
    checkpoint: Any = None,
    resume: Any = None,
    statistics: bool | int = False,
    l1: float = 0.0,
    l2: float = 0.0,
    label_smoothing: float = 0.0,
    accumulate: int = 1,
    ema: float | None = None,
    ignore_index: int | None = None,
) -> History:
    """See ``nn.Module.fit``."""
    compiled_before, start = seconds_compiling(), time.perf_counter()
    with before_the_first_step():
        epochs = positive("epochs", epochs)
        every = interval(statistics)
        options = step_options(l1, l2, accumulate, ema, batch_size)
        kept = as_checkpoint(checkpoint)
        saved = None if resume is None else Saved(resume)
        seed = saved.chosen_seed(seed) if saved else seed
        seed = secrets.randbits(62) if seed is None else check_seed(seed)
        hooks = as_callbacks(callbacks)
        data = opened(X, y, chunk_bytes, epochs)
        inference = Inference(model)
        entries, sample_shape = augmented(augment, data.x, batch_dtype(data.x, model))
        output_shape = inference.output_shape(data.x, sample_shape)
        task = _task(model, data, output_shape, loss, classes, class_weight, label_smoothing, ignore_index)
        chosen = task.loss
        as_given = sample_shape == tuple(data.x.shape[1:])
        if chosen.name in losses.OF_PROBABILITIES and as_given:
            losses.check_outputs(chosen, inference(data.x[:8], 1), "fit")
        losses.warn_if_applied_twice(chosen, inference.last_op, "fit")
        wanted = check_metrics(metrics, chosen)
        step_size = None if options.batch is None else options.batch * options.accumulate
        source = data.source(task, step_size, seed if shuffle else None, sample_weight)
        if (class_weight is not None or "weight" in source.arrays) and chosen.name is None:
            raise ValueError(
                "fit: sample_weight and class_weight need a named loss; weigh inside your own loss instead"
            )
        if options.accumulate > 1 and source.batch is None:
            raise ValueError(f"fit: accumulate is {accumulate}, but X gives batches; let it give larger ones")
        if source.whole is not None:
            encoding.check_counted(chosen, source.whole[1], len(task.classes or []))
        source.whole = source.whole if as_given else None
        validation = _validation(validation_data, sample_shape, task)
        if source.whole is None and validation is None:
            _check_counting(metrics, wanted)
        chosen_optimizer = optim.get("adam" if optimizer is None else optimizer)
        fingerprint = {
            "the model": repr(model),
            "arrays of the model": structure(model),
            "optimizer": described(chosen_optimizer),
            "batch_size": options.batch if options.accumulate > 1 else source.batch,
            **options.described(),
            **_of_loss(chosen, label_smoothing),
            "shuffle": bool(shuffle),
            "metrics": [described(m) for m in wanted],
            "validation_data": validation is not None,
            "callbacks": [type(c).__name__ for c in hooks],
            "augment": [repr(e) if isinstance(e, Augmentation) else described(e) for e in entries],
            "chunk_bytes": None if chunk_bytes is None else int(chunk_bytes),
            "classes": None if task.classes is None else [str(label) for label in task.classes],
            "class_weight": described_weights(class_weight),
            "precision": current_precision(),
            "the number of samples": source.count,
            "data": digest(*source.looked_at()),
        }
        if saved:
            saved.check(fingerprint, epochs)
        count = "accuracy" in wanted
        memory = Memory(
            model, source, chosen, chosen_optimizer, seed=seed, count=count, augment=entries, options=options
        )
        steps = Steps(model, memory, source, chosen, chosen_optimizer)
    history = History()
    history.seconds["compile"] = seconds_compiling() - compiled_before
    history.seconds["plan"] = time.perf_counter() - start - history.seconds["compile"]
    model.loss = chosen.name if chosen.name is not None else chosen.function
    model.classes, model.input_shape, model.history = task.classes, sample_shape, history

    if saved:
        saved.restore(model, memory, history)
    keeper = Keeper(kept, fingerprint, model, memory, hooks, history)
    loop = Loop(model, steps, hooks, history, inference, chosen, wanted, validation, keeper, every)
    loop.run(epochs, progress, saved)
    return history


def _of_loss(loss: losses.Loss, smoothing: float) -> dict[str, Any]:
    """What a checkpoint says of the loss."""
    return {
        "loss": described(loss.name or loss.function),
        "label_smoothing": float(smoothing),
        "ignore_index": loss.ignore,
    }


def _task(
    model: Any,
    data: Data,
    output_shape: tuple[int, ...],
    loss: Any,
    classes: Any,
    class_weight: Any,
    smoothing: Any,
    ignore_index: Any,
) -> Task:
    chosen = None if loss is None else losses.get(loss)
    labels = data.labels(chosen, classes)
    if chosen is None:
        chosen = losses.choose(labels, output_shape)
    chosen = losses.ignoring(losses.smoothed(chosen, smoothing), ignore_index)
    try:
        found = encoding.find_classes(labels, chosen, output_shape, given=classes)
    except ValueError as error:
        raise ValueError(f"{error}{data.why_these}") from None
    return Task(chosen, found, output_shape, model.dtype, data.class_weight(class_weight, chosen.ignore))


def _check_counting(metrics: Any, wanted: Sequence[Metric]) -> None:
    """Metrics that the steps cannot count need samples to be judged on."""
    if set(wanted) - {"accuracy"}:
        raise ValueError(
            f"fit: metrics is {metrics!r}, but metrics other than accuracy need all samples, which are not in memory "
            "or not of the size that augment makes: give validation_data"
        )


def _validation(given: Any, sample_shape: tuple[int, ...], task: Task) -> tuple[Any, Array] | None:
    if given is None:
        return None
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise TypeError("fit: validation_data must be a pair (X, y)")
    x = samples_of("fit", "validation_data X", given[0])
    if x.shape[1:] != sample_shape or len(x) == 0:
        raise ValueError(
            f"fit: validation_data X has shape {x.shape}; expected (N, {', '.join(map(str, sample_shape))})"
        )
    encoded = task.encode(targets_of("fit", given[1], len(x)))
    encoding.check_counted(task.loss, encoded, len(task.classes or []), "fit: validation_data")
    return x, encoded
