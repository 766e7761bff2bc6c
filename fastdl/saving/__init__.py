"""Models in files: ``fd.save`` and ``fd.load``.

A file is in the safetensors format: a header with name, dtype and shape of each array, then their bytes. Its metadata
hold one entry, ``fastdl``: JSON with the format's number, the architecture, loss, classes, input shape, dtype and what
the caller adds. Loading executes nothing that a file says: it may only name layers of ``nn.LAYERS`` and give their
options. ``nn`` describes models and builds them again, ``write.py`` and ``read.py`` are the two ways, ``arrays.py``
reads what PyTorch and others wrote, and ``storage`` is the format.
"""

from ..storage import ModelFileError
from .arrays import load_state_dict
from .read import COMMANDS_KEY, PreparationWarning, load
from .write import save

__all__ = ["COMMANDS_KEY", "ModelFileError", "PreparationWarning", "load", "load_state_dict", "save"]
