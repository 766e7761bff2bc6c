"""What a model learns from data and answers about it: fit, predict, predict_proba, evaluate.

``fastdl.training`` does the work; it knows models only by ``apply``, ``parameters``, ``buffers`` and ``dtype``.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import training
from ..naming import named
from ..ops import Array

if TYPE_CHECKING:
    from ..optim import Optimizer


class Learner:
    """The methods of ``nn.Module`` that take data."""

    loss: Any = None
    """The loss that ``fit`` used: its name, or the function."""
    classes: list[Any] | None = None
    """Class labels in the order of the outputs, after ``fit`` with a classification loss."""
    input_shape: tuple[int, ...] | None = None
    """Shape of one sample, after ``fit``."""
    history: Any = None
    """The numbers of the last ``fit``."""
    extra: dict[str, Any] | None = None
    """What was saved along with the model: see ``fd.save``."""

    @named
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        loss: str | Callable[..., Any] | None = None,
        optimizer: "str | Optimizer | None" = None,
        epochs: int = 10,
        batch_size: int | None = 32,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        metrics: Sequence[str | Callable[[Array, Array], float]] = (),
        sample_weight: Any = None,
        class_weight: str | Mapping[Any, float] | None = None,
        classes: Sequence[Any] | None = None,
        chunk_bytes: int | None = None,
        augment: Any = (),
        callbacks: Sequence[Any] = (),
        progress: bool | None = None,
        checkpoint: "str | os.PathLike[str] | training.Checkpoint | None" = None,
        resume: "str | os.PathLike[str] | None" = None,
        statistics: bool | int = False,
        l1: float = 0.0,
        l2: float = 0.0,
        label_smoothing: float = 0.0,
        accumulate: int = 1,
        ema: float | None = None,
        ignore_index: int | None = None,
    ) -> "training.History":
        """Train on samples X (N, ...) with targets y; returns the numbers of each epoch.

        ``loss``: for classes "cross_entropy" or "nll" (outputs of LogSoftmax), for two classes from one output
        "bce_with_logits", "bce" (outputs of Sigmoid) or "hinge", for values "mse", "mae" or "huber"; the functions'
        full names ("mse_loss") do as well, and so does a function of (outputs, targets). None chooses by y: labels are
        classes, floats are values, one-hot floats are asked about. ``optimizer``: "adam" (also if None), "sgd",
        "adamw", "rmsprop", "adagrad" or one of ``fastdl.optim``. ``batch_size=None``: all samples at once.
        ``validation_data``: (X, y), judged after each epoch. ``seed`` repeats shuffling and dropout (``fd.seed`` the
        initial weights). ``metrics``: "accuracy", "dice" (mean over classes), "rmse", "mae", "r2" or functions of
        (targets, predictions). ``sample_weight`` (N,) and ``class_weight`` ("balanced" or label -> weight) weigh the
        loss. Labels of every pixel: y (N, H, W) for outputs (N, C, H, W). ``ignore_index``: the integer label of
        targets that count for nothing, as pixels that nobody labelled: "cross_entropy" and "nll" are means over the
        others, and so are the epoch's numbers; a batch of nothing else has the loss 0. ``callbacks``: see
        ``fastdl.training.Callback``; a plain function (model, epoch, numbers) is called after each epoch and ends
        training by returning True. ``progress``: a bar on standard error; None shows it on a terminal only.

        ``checkpoint``: a file that keeps the training after each epoch and on Ctrl-C, or a
        ``fastdl.training.Checkpoint``, which says how often; ``resume``: such a file to go on from, to the same bits as
        without the interruption (same fastdl and NumPy, same kind of processor). The call must be the same but for
        ``epochs``, the total, and ``checkpoint``; the model's own weights and ``seed=None`` give way to the file's. To
        start or go on, whichever it is: ``resume=path if os.path.exists(path) else None``.

        ``statistics``: True, or after how many epochs: gradients, updates and activations of each layer on the last
        batch, in ``history.statistics``, of which each may be printed; see ``fastdl.training.Statistics``.

        X may also be the path of a .npy file or a memory map, which is read in chunks of ``chunk_bytes`` (64 MB) while
        training runs, a sparse matrix of scipy, or, without y, an iterable of batches (x, y) or (x, y, weight), or a
        function that returns one: ``docs/data.md`` says how each is shuffled. ``classes``: the labels in the order of
        the outputs, where the data cannot tell. ``augment``: changes to images, see ``fastdl.augment``.

        ``l1``, ``l2``: the loss in training gains l1 sum abs(w) + l2 sum w^2 over the weights, which are the parameters
        of two dimensions and more (no biases, no scales of norms); so does ``history["loss"]``, ``val_loss`` does not.
        Weight decay, coupled (SGD) or decoupled (AdamW), and clipping (``clip_norm``, ``clip_value``) are options of
        the optimisers. ``label_smoothing``: the share of each label that "cross_entropy" spreads over all classes.
        ``accumulate``: so many batches make one step, whose gradient is that of all their samples at once (layers that
        look at a whole batch, as batch norm, see one batch); schedules, callbacks and ``step`` count such steps.
        ``ema``: keep a running average of the parameters, ema average + (1 - ema) parameters after each step, in the
        first step the parameters themselves. The model has the average: in validation, in callbacks, at the end and in
        checkpoints, which hold the parameters behind it as well. Buffers (batch norm's statistics) are as they are.

        X is converted to the model's dtype, never rescaled (``nn.Rescale`` does that). Ctrl-C ends training within a
        fraction of a second, raises KeyboardInterrupt and leaves the model with what it has learned.

        Raises FloatingPointError if the loss or the parameters are not finite any more: it names the step, the first op
        at fault and its layer, and the model keeps its parameters from before that step. Warns
        (``training.DivergenceWarning``) when the loss stays ten times above that of the first epoch.

        Raises TypeError or ValueError for data and options that do not fit, before anything is computed.

        >>> import numpy as np, fastdl as fd
        >>> X = np.linspace(-1, 1, 20, dtype=np.float32).reshape(20, 1)
        >>> model = fd.nn.Dense(1, 1)
        >>> history = model.fit(X, 3 * X + 1, optimizer=fd.optim.SGD(0.1), epochs=200, batch_size=None)
        >>> model.predict(np.float32([[2.0]])).round(2)
        array([[7.]], dtype=float32)
        """
        return training.fit(
            self,
            X,
            y,
            loss=loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            validation_data=validation_data,
            shuffle=shuffle,
            seed=seed,
            metrics=metrics,
            sample_weight=sample_weight,
            class_weight=class_weight,
            classes=classes,
            chunk_bytes=chunk_bytes,
            augment=augment,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            statistics=statistics,
            l1=l1,
            l2=l2,
            label_smoothing=label_smoothing,
            accumulate=accumulate,
            ema=ema,
            ignore_index=ignore_index,
        )

    def file_metadata(self, extra: dict[str, Any] | None = None) -> dict[str, str]:
        """What a file says of this model beside its arrays, ``state_dict()``: see ``fd.save``, which writes both."""
        from ._architecture import metadata

        return metadata(self, extra if extra is not None else self.extra)  # type: ignore[arg-type]

    @named
    def predict(self, X: Any, *, batch_size: int = 256) -> Array:
        """Class labels after a classification loss, the outputs themselves otherwise, for samples X (N, ...).

        Of a model that was not trained by ``fit`` the outputs as they are, since nothing says what they mean:
        ``model.loss`` and ``model.classes`` may be set by hand. Labels go with the largest output, or with an output
        above 0 ("bce": above 0.5). A single sample goes in as ``X[None]``.
        """
        return training.predict(self, X, batch_size=batch_size)

    @named
    def predict_proba(self, X: Any, *, batch_size: int = 256) -> Array:
        """Probabilities (N, classes) in the order of ``model.classes``: the loss's link applied to the outputs.

        Of several yes-or-no answers for each sample (outputs (N, K) after a binary loss): those of yes, (N, K).

        Raises ValueError if the model was not trained with a classification loss, or with "hinge", whose scores are no
        probabilities.
        """
        return training.predict_proba(self, X, batch_size=batch_size)

    @named
    def evaluate(
        self,
        X: Any,
        y: Any,
        *,
        metrics: Sequence[str | Callable[[Array, Array], float]] = (),
        batch_size: int = 256,
        loss: str | Callable[..., Any] | None = None,
        ignore_index: int | None = None,
    ) -> dict[str, float]:
        """Loss, accuracy (after a classification loss) and ``metrics`` on samples X with targets y, of which those that
        are ``ignore_index`` do not count."""
        return training.evaluate(
            self, X, y, metrics=metrics, batch_size=batch_size, loss=loss, ignore_index=ignore_index
        )
