"""The arrays of a safetensors file that is not to be trusted, whoever wrote it."""

import numpy as np

from ..ops import Array
from ..storage import Malformed, ModelFileError, Path, check_path, opened


def load_state_dict(path: Path) -> dict[str, Array]:
    """The arrays of a safetensors file by name, for ``model.load_state_dict``; PyTorch's are ours.

    Written by PyTorch as ``safetensors.torch.save_file(torch_model.state_dict(), path)``, or by
    ``safetensors.torch.save_model(torch_model, path)`` if the model has one weight in two places, which is then written
    once and comes back as one array under both names. float16 and bfloat16 become float32, which holds all their
    values; other dtypes stay as they are. A file of ``fd.save`` will do as well. Names may be changed before loading,
    and arrays left out::

        state = fd.load_state_dict("bert.safetensors")
        state = {name.removeprefix("bert."): array for name, array in state.items()}
        print(model.load_state_dict(state, strict=False))  # what was loaded, missing, unexpected

    Raises ModelFileError, which names the file and the reason, for files that are missing, truncated or of another
    kind, and for arrays of dtypes that NumPy does not have. Nothing in the file is executed.

    >>> import os, tempfile, fastdl as fd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     fd.save(fd.nn.Dense(2, 3), path)
    ...     state = fd.load_state_dict(path)
    >>> {name: array.shape for name, array in state.items()}
    {'bias': (3,), 'weight': (3, 2)}
    """
    check_path("load_state_dict", path)
    try:
        with opened(path) as file:
            for name in file.of_the_model:
                file.promise(name)  # what it refuses is found before anything is read
            found = {name: file.read(name) for name in file.of_the_model}
            same = file.metadata  # save_model notes there the names that it left out: {left out: written}
    except Malformed as error:
        raise ModelFileError(path, str(error)) from None
    found = {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in found.items()}
    return found | {name: found[other] for name, other in same.items() if other in found and name not in found}
