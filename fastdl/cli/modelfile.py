"""Model files as the commands use them: network and preparation together."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import saving
from ..datasets.errors import path_name
from ..training import losses
from ..training.inference import Inference
from .errors import CommandError
from .preparation import Preparation

KEY = saving.COMMANDS_KEY  # in the file's ``extra``
BATCH = 256


def load(path: str) -> Any:
    """The network of a file; its ``extra`` may hold anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", saving.PreparationWarning)  # the commands prepare the data themselves
            return saving.load(path)
    except saving.ModelFileError as error:
        raise CommandError(str(error)) from None


def load_prepared(path: str) -> tuple[Any, Preparation]:
    """The network and the preparation of a file that `fastdl train` wrote."""
    model = load(path)
    if not isinstance(model.extra, dict) or KEY not in model.extra:
        raise CommandError(
            f"{path_name(path)}: holds a network but no preprocessing, because it was not written by `fastdl train`; "
            "use it from Python: fastdl.load(path).predict(X)"
        )
    preparation = Preparation.from_dict(path_name(path), model.extra[KEY])
    classes = None if preparation.outputs is not None else list(preparation.classes)
    if (model.loss, model.classes, model.input_shape) != (loss_of(preparation), classes, preparation.shape):
        raise CommandError(f"{path_name(path)}: the network and the preprocessing in the file do not fit; train again")
    return model, preparation


def save(model: Any, preparation: Preparation, path: str) -> None:
    """Write network and preparation into one file, whole or not at all."""
    try:
        saving.save(model, path, extra={KEY: preparation.to_dict()})
    except saving.ModelFileError as error:
        raise CommandError(str(error)) from None


def loss_of(preparation: Preparation) -> str:
    """The loss that a network is trained with."""
    if preparation.outputs is not None:
        return "mse_loss"
    return "cross_entropy" if len(preparation.classes) > 2 else "binary_cross_entropy_with_logits"


def outputs_of(path: str, model: Any, preparation: Preparation, inputs: NDArray[np.float32]) -> NDArray[Any]:
    """The raw outputs of the network of ``path``, (n, output_count)."""
    try:
        outputs = Inference(model)(inputs, BATCH)
    except (TypeError, ValueError):  # layers that do not fit each other: the file is not from `fastdl train`
        outputs = np.empty(0)
    if outputs.shape != (len(inputs), preparation.output_count):
        raise CommandError(f"{path_name(path)}: the network and the preprocessing in the file do not fit; train again")
    return outputs


def loss_function(model: Any) -> losses.Loss:
    """The loss of a trained network."""
    return losses.get(model.loss)
