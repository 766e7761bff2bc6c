"""Files that a command writes: checked before the work starts, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from ..datasets.errors import path_name
from .errors import CommandError


def check_output(path: str, *, force: bool, inputs: Sequence[str]) -> None:
    """Make sure that ``path`` can be written later, and is none of the ``inputs``."""
    name = path_name(path)
    if not path or "\0" in path:
        raise CommandError(f"--out {name} is not the name of a file; give another")
    folder = Path(path).parent
    if os.path.lexists(path) and not os.path.isfile(path):  # a device must not be replaced by a file
        raise CommandError(
            f"{name}: is {'a directory' if os.path.isdir(path) else 'no regular file'}; give another name"
        )
    if os.path.exists(path) and not force:
        raise CommandError(f"{name}: exists; --force replaces it, --out chooses another file")
    for other in inputs:
        if os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other):
            raise CommandError(f"{name}: would be replaced by the result; --out chooses another file")
    if not folder.is_dir():
        raise CommandError(f"{name}: there is no directory {path_name(folder)}; create it first")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".fastdl-"):
            pass
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: str, error: OSError) -> CommandError:
    """The error for a file that the system refuses to write."""
    return CommandError(
        f"{path_name(path)}: cannot be written ({error.strerror or error}); check the directory and the disk"
    )


@contextlib.contextmanager
def written(path: str) -> Iterator[TextIO]:
    """A text file that takes the place of ``path`` at the end; nothing is left if the block fails."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=Path(path).parent, prefix=".fastdl-", suffix=".tmp")
        with open(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
