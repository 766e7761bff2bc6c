"""`read_npz`: the arrays of an .npz file, as what a network takes.

Letters: N images, C channels, H W space. Nothing is ever unpickled: a file from a stranger can be refused,
not run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, BinaryIO, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fastdl.datasets.errors import DataError, counted, listed, opened, path_name, suggested

_PAIRS = (("X", "y"), ("images", "labels"))
_CHANNELS = (1, 3, 4)  # grey, RGB, RGBA


@overload
def read_npz(
    path: str | os.PathLike[str],
    x: str | None = None,
    y: str | None = None,
    *,
    labelled: Literal[True] = True,
) -> tuple[NDArray[np.float32], NDArray[Any]]: ...
@overload
def read_npz(
    path: str | os.PathLike[str], x: str | None = None, y: str | None = None, *, labelled: Literal[False]
) -> tuple[NDArray[np.float32], None]: ...
@overload
def read_npz(
    path: str | os.PathLike[str], x: str | None = None, y: str | None = None, *, labelled: bool
) -> tuple[NDArray[np.float32], NDArray[Any] | None]: ...
def read_npz(
    path: str | os.PathLike[str], x: str | None = None, y: str | None = None, *, labelled: bool = True
) -> tuple[NDArray[np.float32], NDArray[Any] | None]:
    """Read inputs and targets from an .npz file (`numpy.savez`).

    What becomes of X depends on its shape and dtype only, never on its values, so that a file to be predicted
    is read as the training file was:

    - (N, features): a table, converted to float32 and not rescaled.
    - (N, H, W): grey images, becomes (N, 1, H, W).
    - (N, C, H, W) or (N, H, W, C) with C = 1, 3 or 4: images, becomes (N, C, H, W). If both readings are
      possible, as for (N, 3, 32, 3), it is (N, C, H, W).
    - Images of dtype uint8 are divided by 255, all others keep their values: floats and int64 with values 0
      to 16 stay 0 to 16, but uint8 with values 0 to 16 become 0 to 0.063.

    Parameters:
        path: the file.
        x: the key of the inputs; by default "X", otherwise "images".
        y: the key of the targets; by default "y" beside "X", "labels" beside "images", or the one of the two
            that is there.
        labelled: False if the file need not hold targets; they are not read then.

    Returns:
        X, float32, and y (N,): integers as int64, floats as float64, booleans and strings as they are; None
        if `labelled` is False.

    Raises:
        DataError: not an .npz file or a damaged one, no such key, pickled objects, NaN or infinity, lengths
            differ, or a shape that is none of these.

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from fastdl import datasets
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "photos.npz")
    ...     np.savez(path, images=np.full((2, 32, 48, 3), 255, np.uint8), labels=np.array([0, 1]))
    ...     X, y = datasets.read_npz(path)
    >>> X.shape, X.max(), y
    ((2, 3, 32, 48), np.float32(1.0), array([0, 1]))
    """
    source = path_name(path) if isinstance(path, (str, os.PathLike)) else ""
    with opened(path) as file, _archive(file, source) as members:
        x_key, y_key = _keys(source, members.files, x, y, labelled)
        raw = _member(source, members, x_key)
        targets = None if y_key is None else _member(source, members, y_key)
    inputs = _inputs(source, x_key, raw)
    if targets is None or y_key is None:
        return inputs, None
    return inputs, _targets(source, y_key, targets, len(inputs))


def _archive(file: BinaryIO, source: str) -> np.lib.npyio.NpzFile:
    magic = file.read(4)
    file.seek(0)
    if magic == b"\x93NUM":
        raise DataError(f"{source}: a single array (.npy), not an .npz archive; save it by np.savez(path, X=X, y=y)")
    if magic not in (b"PK\3\4", b"PK\5\6"):  # a zip file with members, without members
        what = "the file is empty" if not magic else "not an .npz archive (a zip file)"
        raise DataError(f"{source}: {what}; save the arrays by np.savez(path, X=X, y=y)")
    try:
        archive = np.load(file, allow_pickle=False)
    except Exception as error:  # zipfile and zlib raise a dozen types on damaged files
        raise _damaged(source, "", error) from None
    assert isinstance(archive, np.lib.npyio.NpzFile)
    return archive


def _member(source: str, members: Mapping[str, Any], key: str) -> NDArray[Any]:
    try:
        array = members[key]
    except Exception as error:  # a hostile header can also ask for more memory than there is
        if "pickle" in str(error):
            raise DataError(
                f"{source}: array {key!r} holds pickled Python objects, which are never loaded; "
                "save an array of numbers or text, for example np.stack(list_of_images)"
            ) from None
        raise _damaged(source, f" at array {key!r}", error) from None
    if not isinstance(array, np.ndarray):  # np.load gives the bytes of members that are no arrays
        raise DataError(f"{source}: member {key!r} is not a NumPy array; save the arrays by np.savez(path, X=X, y=y)")
    return array


def _damaged(source: str, where: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    return DataError(f"{source}: the file is damaged or incomplete{where} ({reason}); copy or save it again")


def _keys(source: str, found: list[str], x: str | None, y: str | None, labelled: bool) -> tuple[str, str | None]:
    """The keys of inputs and targets."""
    partner = dict(_PAIRS)
    x_key = x or next((key for key in partner if key in found), None)
    y_keys = [y] if y else sorted(partner.values(), key=lambda key: key != partner.get(x_key or ""))
    y_key = next((key for key in y_keys if key in found), None)
    if x_key is None or x_key not in found or (labelled and y_key is None):
        pairs = " or ".join(f"{a!r} and {b!r}" if labelled else repr(a) for a, b in _PAIRS)
        wrong = next((key for key in (x, y) if key and key not in found), None)
        what = f"no array {wrong!r}" if wrong else f"expected arrays {pairs}"
        remedy = "--x KEY --y KEY" if labelled else "--x KEY"
        raise DataError(
            f"{source}: {what}; the file holds {listed(found) or 'nothing'}"
            f"{suggested(wrong, found) if wrong else ''}; name the arrays by {remedy} (in Python x=, y=)"
        )
    return x_key, y_key if labelled else None


def _inputs(source: str, key: str, raw: NDArray[Any]) -> NDArray[np.float32]:
    name = f"{source}: array {key!r}"
    if raw.dtype.kind not in "biuf":
        raise DataError(f"{name} is {raw.dtype}, must be numbers; convert it, for example by astype(np.float32)")
    if raw.ndim not in (2, 3, 4) or not raw.size:
        raise DataError(
            f"{name} has shape {raw.shape}; must be a table (N, features) or images (N, H, W), (N, C, H, W) "
            "or (N, H, W, C), none of them empty; reshape it"
        )
    images = raw
    if raw.ndim == 3:
        images = raw[:, None]
    elif raw.ndim == 4 and raw.shape[1] not in _CHANNELS:
        if raw.shape[3] not in _CHANNELS:
            raise DataError(
                f"{name} has shape {raw.shape}; images need 1, 3 or 4 channels, second (N, C, H, W) or last "
                "(N, H, W, C); transpose it"
            )
        images = raw.transpose(0, 3, 1, 2)
    with np.errstate(over="ignore"):
        inputs = np.ascontiguousarray(images, np.float32)
    if not np.isfinite(inputs).all():
        # In the file's own layout, so that the index is the one that its owner sees.
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(raw.astype(np.float32))
        first = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), raw.shape))
        raise DataError(
            f"{name} has {counted(int(bad.sum()), 'value')} not finite in float32, "
            f"the first at index {first} ({raw[first]}); replace them"
        )
    if raw.ndim > 2 and raw.dtype == np.uint8:
        inputs /= np.float32(255)
    return inputs


def _targets(source: str, key: str, targets: NDArray[Any], n: int) -> NDArray[Any]:
    name = f"{source}: array {key!r}"
    if targets.ndim != 1 or len(targets) != n:
        raise DataError(
            f"{name} has shape {targets.shape}, the inputs have {counted(n, 'row')}; must be ({n},), one target per row"
        )
    kind = targets.dtype.kind
    if kind not in "biufU":
        raise DataError(f"{name} is {targets.dtype}, must be integers, floats, booleans or text; convert it by astype")
    if kind == "f" and not np.isfinite(targets).all():
        first = int(np.argmax(~np.isfinite(targets)))
        raise DataError(f"{name} is {targets[first]} at index {first}; remove the rows without a finite target")
    if kind == "u" and targets.dtype.itemsize == 8 and targets.max() > np.iinfo(np.int64).max:
        raise DataError(f"{name} has the value {targets.max()}, beyond int64; number the classes from 0")
    converted: NDArray[Any] = targets.astype({"i": np.int64, "u": np.int64, "f": np.float64}.get(kind, targets.dtype))
    return converted
