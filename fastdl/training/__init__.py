"""Training and running models on arrays: what ``nn.Module``'s fit, predict, predict_proba and evaluate do.

A model is known here only by what it offers: ``apply``, ``parameters``, ``buffers`` and ``dtype``.
"""

from .callbacks import Callback, EarlyStopping
from .checkpoint import Checkpoint
from .fit import fit
from .history import History
from .inference import evaluate, predict, predict_proba
from .nans import DivergenceWarning

__all__ = [
    "Callback",
    "Checkpoint",
    "DivergenceWarning",
    "EarlyStopping",
    "History",
    "evaluate",
    "fit",
    "predict",
    "predict_proba",
]
