"""``fit``: checks what it was given and sets up the training run; ``loop`` and ``steps`` run it."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from .. import optim
from .._kernels.loader import seconds_compiling
from ..ops import Array
from ..options import current_precision
from . import losses
from .callbacks import as_callbacks
from .checkpoint import Keeper, Saved, as_checkpoint, described, digest, structure
from .history import History
from .inference import Inference, Metric, check_metrics
from .inputs import check_seed, positive, samples, targets, weights
from .loop import Loop
from .sources import MemorySource
from .step import Memory
from .steps import Steps


def fit(
    model: Any,
    X: Any,
    y: Any,
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
    callbacks: Sequence[Any] = (),
    progress: bool | None = None,
    checkpoint: Any = None,
    resume: Any = None,
) -> History:
    """See ``nn.Module.fit``."""
    compiled_before, start = seconds_compiling(), time.perf_counter()
    x = samples("fit", "X", X)
    labels = targets("fit", y, len(x))
    if len(x) == 0:
        raise ValueError("fit: X has no samples")
    epochs = positive("epochs", epochs)
    batch = len(x) if batch_size is None else min(positive("batch_size", batch_size), len(x))
    inference = Inference(model)
    output_shape = inference.output_shape(x)
    chosen = losses.get(loss) if loss is not None else losses.choose(labels, output_shape)
    classes = losses.find_classes(labels, chosen, output_shape)
    encoded = losses.encode(labels, chosen, classes, output_shape, model.dtype)
    if chosen.name in losses.OF_PROBABILITIES:
        losses.check_outputs(chosen, inference(x[:8], 1), "fit")
    weight = weights(sample_weight, class_weight, encoded, classes, model.dtype)
    if weight is not None and chosen.name is None:
        raise ValueError("fit: sample_weight and class_weight need a named loss; weigh inside your own loss instead")
    wanted = check_metrics(metrics, chosen)
    validation = _validation(validation_data, x, chosen, classes, output_shape, model.dtype)
    hooks = as_callbacks(callbacks)
    kept = as_checkpoint(checkpoint)
    saved = None if resume is None else Saved(resume)
    seed = saved.chosen_seed(seed) if saved else seed
    seed = secrets.randbits(62) if seed is None else check_seed(seed)

    count = "accuracy" in wanted
    chosen_optimizer = optim.get("adam" if optimizer is None else optimizer)
    fingerprint = {
        "the model": repr(model),
        "arrays of the model": structure(model),
        "optimizer": described(chosen_optimizer),
        "loss": described(chosen.name or chosen.function),
        "batch_size": batch,
        "shuffle": bool(shuffle),
        "metrics": [described(m) for m in wanted],
        "validation_data": validation is not None,
        "callbacks": [type(c).__name__ for c in hooks],
        "precision": current_precision(),
        "the number of samples": len(x),
        "data": digest(x, encoded, weight),
    }
    if saved:
        saved.check(fingerprint, epochs)
    data = {"x": x, "y": encoded} | ({} if weight is None else {"weight": weight})
    source = MemorySource(data, batch, seed if shuffle else None, (x, encoded))
    memory = Memory(model, source.arrays, chosen, chosen_optimizer, seed=seed, count=count)
    steps = Steps(model, memory, source, chosen, chosen_optimizer)
    history = History()
    history.seconds["compile"] = seconds_compiling() - compiled_before
    history.seconds["plan"] = time.perf_counter() - start - history.seconds["compile"]
    model.loss = chosen.name if chosen.name is not None else chosen.function
    model.classes, model.input_shape, model.history = classes, tuple(x.shape[1:]), history

    if saved:
        saved.restore(model, memory, history)
    keeper = Keeper(kept, fingerprint, model, memory, hooks, history)
    loop = Loop(model, steps, hooks, history, inference, chosen, wanted, validation, keeper)
    loop.run(epochs, progress, saved)
    return history


def _validation(
    data: Any, x: Array, loss: losses.Loss, classes: Any, output_shape: tuple[int, ...], dtype: Any
) -> tuple[Array, Array] | None:
    if data is None:
        return None
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError("fit: validation_data must be a pair (X, y)")
    vx = samples("fit", "validation_data X", data[0])
    if vx.shape[1:] != x.shape[1:] or len(vx) == 0:
        raise ValueError(
            f"fit: validation_data X has shape {vx.shape}; expected (N, {', '.join(map(str, x.shape[1:]))})"
        )
    return vx, losses.encode(targets("fit", data[1], len(vx)), loss, classes, output_shape, dtype)
