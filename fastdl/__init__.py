"""fastdl: the fundamentals of deep learning on NumPy arrays, with kernels compiled by Numba.

    import fastdl as fd
    from fastdl import functional as F, nn, optim, datasets, reference, testing

``F`` has the ops on arrays; ``fd.compile``, ``fd.grad`` and their relatives transform functions of arrays; ``nn`` has
layers and ``model.fit``; ``reference`` the naive twins that everything is checked against. Nothing is compiled, and
numba is not imported, before the first call.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._kernels.cache import CacheWarning
from ._kernels.threads import get_num_threads, set_num_threads, threads
from ._version import __version__
from .debugging import debug_nans
from .options import precision

if TYPE_CHECKING:
    from . import augment, datasets, functional, init, nn, optim, reference, testing, training
    from .explanation import explain
    from .functional.custom import custom_op
    from .graph import RecordingError
    from .init import seed
    from .many import FitInterrupted, FitWarning, cross_validate, fit_many
    from .minimization import minimize
    from .saving import ModelFileError, load, load_state_dict, save
    from .transforms import compile, grad, hvp, value_and_grad, vjp

_MODULES = ("augment", "datasets", "functional", "init", "nn", "optim", "reference", "testing", "training")
_HOMES = {
    "RecordingError": "graph",
    "custom_op": "functional.custom",
    "explain": "explanation",
    "minimize": "minimization",
    "seed": "init",
    "FitInterrupted": "many",
    "FitWarning": "many",
    "cross_validate": "many",
    "fit_many": "many",
    "ModelFileError": "saving",
    "load": "saving",
    "load_state_dict": "saving",
    "save": "saving",
    "compile": "transforms",
    "grad": "transforms",
    "hvp": "transforms",
    "value_and_grad": "transforms",
    "vjp": "transforms",
}


def __getattr__(name: str) -> Any:
    """Load parts when they are first used, so that ``import fastdl`` costs little more than NumPy."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "CacheWarning",
    "FitInterrupted",
    "FitWarning",
    "ModelFileError",
    "RecordingError",
    "__version__",
    "augment",
    "compile",
    "cross_validate",
    "custom_op",
    "datasets",
    "debug_nans",
    "explain",
    "fit_many",
    "functional",
    "get_num_threads",
    "grad",
    "hvp",
    "init",
    "load",
    "load_state_dict",
    "minimize",
    "nn",
    "optim",
    "precision",
    "reference",
    "save",
    "seed",
    "set_num_threads",
    "testing",
    "threads",
    "training",
    "value_and_grad",
    "vjp",
]
