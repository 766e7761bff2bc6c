"""Many networks in one call: ``fit_many``, cross-validation, and what they return."""

from .fit import fit_many
from .folds import Scores, cross_validate
from .result import FitInterrupted, FitWarning, Networks

__all__ = ["FitInterrupted", "FitWarning", "Networks", "Scores", "cross_validate", "fit_many"]
