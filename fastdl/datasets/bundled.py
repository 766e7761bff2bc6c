"""The data sets that come with the package: real, small, and there without a network connection.

Sources and licences are in `data/LICENSES.md`; keep it with the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fastdl.datasets.csvfile import CsvFile
from fastdl.datasets.split import permutation
from fastdl.datasets.tables import Table, table_from

Dataset = tuple[NDArray[np.float32], NDArray[np.int64]]


def digits(*, seed: int = 0) -> Dataset:
    """1,797 handwritten digits of 8 x 8 pixels.

    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (test part), UCI, 1998.
    CC BY 4.0.

    Parameters:
        seed: the order of the rows.

    Returns:
        X, float32 (1797, 1, 8, 8) in [0, 1] (the 17 grey levels of the source divided by 16), and y, int64
        (1797,), the digit. New arrays on every call.

    >>> from fastdl import datasets
    >>> X, y = datasets.digits()
    >>> X.shape, X.dtype, y.shape, float(X.max())
    ((1797, 1, 8, 8), dtype('float32'), (1797,), 1.0)
    """
    return _labelled_images("digits.npz", 16, seed)


def mnist5k(*, seed: int = 0) -> Dataset:
    """5,000 handwritten digits of 28 x 28 pixels, 500 of each class.

    Source: a subset of MNIST, LeCun, Cortes and Burges. CC BY-SA 3.0.

    Parameters:
        seed: the order of the rows.

    Returns:
        X, float32 (5000, 1, 28, 28) in [0, 1] (bytes divided by 255), and y, int64 (5000,), the digit. New
        arrays on every call.

    >>> from fastdl import datasets
    >>> X, y = datasets.mnist5k()
    >>> X.shape, X.dtype, y.shape, float(X.max())
    ((5000, 1, 28, 28), dtype('float32'), (5000,), 1.0)
    """
    return _labelled_images("mnist5k.npz", 255, seed)


def breast_cancer(*, seed: int = 0) -> Dataset:
    """569 tumours, 30 numbers each; which are benign?

    Source: Wolberg, Street and Mangasarian, "Breast Cancer Wisconsin (Diagnostic)", UCI, 1995. CC BY 4.0.

    The columns (`breast_cancer_features()`) are in the units of the source, areas near 650 beside fractal
    dimensions near 0.06: standardise them before training.

    Parameters:
        seed: the order of the rows.

    Returns:
        X, float32 (569, 30), and y, int64 (569,): 1 benign (357 rows), 0 malignant (212). New arrays on every
        call.

    >>> from fastdl import datasets
    >>> X, y = datasets.breast_cancer()
    >>> X.shape, y.shape, int(y.sum())
    ((569, 30), (569,), 357)
    """
    table = _breast_cancer_table()
    assert table.target is not None
    X = np.column_stack([np.asarray(cells, np.float32) for cells in table.columns.values()])
    order = permutation(len(X), seed)
    return X[order], table.target[order]


def breast_cancer_features() -> tuple[str, ...]:
    """The names of the 30 columns of `breast_cancer()`.

    >>> from fastdl import datasets
    >>> datasets.breast_cancer_features()[:2]
    ('mean_radius', 'mean_texture')
    """
    return _breast_cancer_table().names


@overload
def brain_slices(*, probabilities: Literal[False] = False) -> Dataset: ...
@overload
def brain_slices(
    *, probabilities: Literal[True]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]: ...
def brain_slices(
    *, probabilities: bool = False
) -> Dataset | tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """24 slices through a human head (T1-weighted magnetic resonance), with the tissue at each pixel.

    Source: ICBM 152 2009a nonlinear symmetric template, one axial slice every 6 mm. Copyright (C) 1993-2009
    Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University; free
    for any purpose as long as the notice in `data/LICENSES.md` stays with the data.

    The slices are in the order of space, not shuffled: neighbours look alike, so put whole regions into the
    test part.

    Parameters:
        probabilities: also return the probabilities that the labels are made from.

    Returns:
        X, float32 (24, 1, 233, 197) in [0, 1], and labels, int64 (24, 233, 197): 0 background or fluid, 1
        grey matter, 2 white matter. With `probabilities=True` also P, float32 (24, 3, 233, 197), the
        probability of each of the three; labels is `P.argmax(axis=1)`. New arrays on every call.

    >>> from fastdl import datasets
    >>> X, labels = datasets.brain_slices()
    >>> X.shape, labels.shape, labels.max()
    ((24, 1, 233, 197), (24, 233, 197), np.int64(2))
    """
    arrays = _npz("brain_slices.npz")
    X = _unit(arrays["t1"], 255)
    grey, white = arrays["grey"], arrays["white"]
    # In bytes, where 255 - grey - white is exact and cannot underflow (grey + white is at most 255 in the
    # file), so that labels and probabilities agree on ties.
    tissue = np.stack([255 - grey - white, grey, white], axis=1)  # (24, 3, 233, 197)
    labels = tissue.argmax(axis=1).astype(np.int64)
    if probabilities:
        return X, labels, tissue.astype(np.float32) / np.float32(255)
    return X, labels


#: name -> loader without required arguments, for the command line
BUNDLED: Mapping[str, Callable[[], Dataset]] = MappingProxyType(
    {"digits": digits, "mnist5k": mnist5k, "breast_cancer": breast_cancer, "brain_slices": brain_slices}
)


def _labelled_images(file: str, highest: int, seed: int) -> Dataset:
    arrays = _npz(file)
    order = permutation(len(arrays["labels"]), seed)
    return _unit(arrays["images"][order], highest), arrays["labels"][order].astype(np.int64)


def _unit(images: NDArray[Any], highest: int) -> NDArray[np.float32]:
    """Bytes (N, H, W) -> float32 (N, 1, H, W) in [0, 1]."""
    scaled: NDArray[np.float32] = images[:, None].astype(np.float32) / np.float32(highest)
    return scaled


def _breast_cancer_table() -> Table:
    return table_from(CsvFile.parse(_bytes("breast_cancer.csv"), "breast_cancer.csv"), "benign")


def _npz(name: str) -> dict[str, NDArray[Any]]:
    import io

    with np.load(io.BytesIO(_bytes(name)), allow_pickle=False) as arrays:
        return dict(arrays)


def _bytes(name: str) -> bytes:
    # importlib.resources also reads packages inside a zip file; 12 ms to import, so only when data are asked
    # for.
    from importlib.resources import files

    return files("fastdl.datasets").joinpath("data", name).read_bytes()
