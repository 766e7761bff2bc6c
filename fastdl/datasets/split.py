"""Divide rows into parts, at random but reproducibly, optionally with each class divided in proportion.

`train_test_split` is the everyday function; `split_indices` gives the row numbers for any number of parts.
Letters: n rows, P parts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.datasets.errors import DataError, counted, quoted


def permutation(n: int, seed: int) -> NDArray[np.int64]:
    """The numbers 0..n-1 in an order that depends on `seed` only.

    NumPy promises equal raw bits of a bit generator in every release, but not equal permutations (NEP 19);
    sorting the raw bits therefore gives the same split after an upgrade.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise DataError(f"seed must be an integer of at least 0, got {quoted(seed)}; for example seed=0")
    keys = np.random.PCG64(int(seed)).random_raw(n)
    return np.argsort(keys, kind="stable").astype(np.int64)


def train_test_split(
    X: ArrayLike, y: ArrayLike, test_size: float = 0.2, seed: int = 0, stratify: bool = True
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Divide rows into a training part and a test part.

    Equivalent to `train, test = split_indices(y, (1 - test_size, test_size), seed=seed, stratify=stratify)`
    and `X[train], X[test], y[train], y[test]`.

    Parameters:
        X: array (n, ...), any dtype.
        y: array (n,) of integers, booleans or strings; any array (n, ...) with `stratify=False`.
        test_size: a fraction (float between 0 and 1) of the rows, or a number of rows (int).
        seed: same seed, same split.
        stratify: divide each class in proportion, so that both parts have the class frequencies of the whole.

    Returns:
        X_train, X_test, y_train, y_test: new arrays, in shuffled order.

    Raises:
        DataError: lengths differ, a size that is impossible, a class with too few rows, or float targets with
            `stratify=True`.

    >>> from fastdl import datasets
    >>> X, y = datasets.digits()
    >>> X_train, X_test, y_train, y_test = datasets.train_test_split(X, y, test_size=297)
    >>> X_train.shape, X_test.shape, y_train.shape, y_test.shape
    ((1500, 1, 8, 8), (297, 1, 8, 8), (1500,), (297,))
    """
    rows, targets = _array("X", X), _array("y", y)
    n = len(targets)
    if len(rows) != n:
        raise DataError(
            f"train_test_split: X has {counted(len(rows), 'row')}, y has {n} "
            f"(X {rows.shape}, y {targets.shape}); give one target per row"
        )
    if _is_fraction(test_size):
        train, test = split_indices(targets, (1 - float(test_size), test_size), seed=seed, stratify=stratify)
    elif _is_count(test_size) and test_size < n:
        train, test = split_indices(targets, (n - int(test_size), test_size), seed=seed, stratify=stratify)
    else:
        raise DataError(
            f"train_test_split: test_size must be a fraction between 0 and 1 or a count from 1 to {n - 1} "
            f"(X has {counted(n, 'row')}), got {quoted(test_size)}; for example test_size=0.2"
        )
    return rows[train], rows[test], targets[train], targets[test]


def split_indices(
    y: ArrayLike, sizes: Sequence[float], *, seed: int = 0, stratify: bool = True
) -> tuple[NDArray[np.int64], ...]:
    """Divide the rows 0..n-1 into disjoint parts, for example training, validation and test.

    With `stratify=True` a part of t rows gets t * (rows of the class) / n rows of each class, rounded down;
    the rows still missing go to the classes with the largest remainders (of equal ones the first in sorted
    order), so that the part has exactly t rows. Parts are filled in the order given, each from what the
    earlier ones left. Of two parts that cover all rows, none is a whole row away from its exact share.

    Parameters:
        y: array (n,) of class labels (integers, booleans or strings); with `stratify=False` only its length
            is used.
        sizes: one entry per part: either all fractions (floats between 0 and 1, together at most 1) or all
            numbers of rows (ints, together at most n). Rows beyond the sum stay out of every part.
        seed: same seed, same parts.
        stratify: divide each class in proportion.

    Returns:
        One int64 array of row numbers per part, in shuffled order.

    Raises:
        DataError: as `train_test_split`. A class needs at least as many rows as there are parts, and a part
            at least as many rows as there are classes.

    >>> from fastdl import datasets
    >>> X, y = datasets.breast_cancer()
    >>> train, validation, test = datasets.split_indices(y, (0.7, 0.15, 0.15))
    >>> len(train), len(validation), len(test)
    (398, 86, 85)
    >>> [round(float(y[part].mean()), 2) for part in (train, validation, test)]
    [0.63, 0.63, 0.62]
    """
    targets = _array("y", y)
    n = len(targets)
    totals = _totals(sizes, n)
    codes = _class_codes(targets, len(totals), min(totals)) if stratify else np.zeros(n, np.int64)
    order = permutation(n, seed)
    part = _parts(codes[order], totals)
    return tuple(order[part == p] for p in range(len(totals)))


def _parts(codes: NDArray[np.int64], totals: Sequence[int]) -> NDArray[np.int64]:
    """The part of each row, -1 for none; the rows of a class are dealt out in their order."""
    left = np.bincount(codes)  # (C,) rows of each class that no part has yet
    shares = np.empty((len(left), len(totals)), np.int64)  # (C, P)
    for p, total in enumerate(totals):
        shares[:, p] = _largest_remainder(total * left, int(left.sum()), total)
        left = left - shares[:, p]
    part = np.full(len(codes), -1, np.int64)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    for rows, share in zip(members, shares, strict=True):
        part[rows[: share.sum()]] = np.repeat(np.arange(len(totals)), share)
    return part


def _largest_remainder(numerators: NDArray[np.int64], denominator: int, total: int) -> NDArray[np.int64]:
    """Whole numbers near numerators / denominator that add up to `total`; exact, in integers."""
    shares, remainders = np.divmod(numerators, denominator)
    first = np.argsort(-remainders, kind="stable")[: total - int(shares.sum())]
    shares[first] += 1
    return shares


def _totals(sizes: Sequence[float], n: int) -> list[int]:
    """The number of rows of each part."""
    entries = list(sizes) if isinstance(sizes, (Sequence, np.ndarray)) and not isinstance(sizes, str) else []
    if entries and all(_is_count(size) for size in entries):
        totals = [int(size) for size in entries]
        if sum(totals) > n:
            raise DataError(
                f"split: sizes {quoted(sizes)} add up to {sum(totals)}, y has {counted(n, 'row')}; ask for fewer rows"
            )
        return totals
    if not entries or not all(_is_fraction(size) for size in entries):
        raise DataError(
            "split: sizes must be all fractions between 0 and 1 or all counts of at least 1, "
            f"got {quoted(sizes)}; for example (0.8, 0.2)"
        )
    if sum(entries) > 1 + 1e-9:
        raise DataError(
            f"split: sizes {quoted(sizes)} add up to {sum(entries):.6g}; fractions must add up to at most 1"
        )
    # The rest takes part in the rounding, so (0.5,) of 4 rows is 2. In units of 1e-9, or the noise of 1 - 0.9
    # decides ties.
    shares = np.rint(np.array([*entries, max(0.0, 1 - sum(entries))]) * n * 1e9).astype(np.int64)
    totals = _largest_remainder(shares, 10**9, n)[:-1].tolist()
    if min(totals) < 1:
        raise DataError(
            f"split: size {entries[totals.index(0)]:.6g} of {counted(n, 'row')} is an empty part; ask for a larger one"
        )
    return [int(total) for total in totals]


def _class_codes(y: NDArray[Any], parts: int, smallest: int) -> NDArray[np.int64]:
    """The class of each row as 0..C-1, after checking that the classes can be divided into `parts`."""
    remedy = "pass stratify=False for a plain random split"
    if y.ndim != 1:
        raise DataError(f"stratify=True needs one class label per row, y has shape {y.shape}; {remedy}")
    if y.dtype.kind == "f":
        raise DataError(
            f"stratify=True needs class labels, y is {y.dtype} (targets of a regression?); {remedy}, "
            "or convert labels by y.astype(int)"
        )
    if y.dtype.kind not in "iubUSO":
        raise DataError(f"stratify=True needs integers, booleans or strings, y is {y.dtype}; {remedy}")
    try:
        classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    except TypeError:  # an object array whose elements cannot be compared
        raise DataError(f"stratify=True needs labels of one kind, y mixes several types; {remedy}") from None
    if counts.min() < parts:
        few = counts < parts
        raise DataError(
            f"stratify=True needs at least {counted(parts, 'row')} of each class (one for each part); "
            f"class {quoted(classes[few].tolist()[0])} has {counts[few][0]} "
            f"({counted(int(few.sum()), 'such class', 'such classes')}); "
            f"add rows, merge or drop the class, or {remedy}"
        )
    if smallest < len(classes):
        raise DataError(
            f"stratify=True: a part of {counted(smallest, 'row')} cannot hold {len(classes)} classes; "
            f"ask for at least {len(classes)} rows, or {remedy}"
        )
    return codes.astype(np.int64)


def _array(name: str, values: ArrayLike) -> NDArray[Any]:
    """`values` as an array with at least one row."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{name} is not an array: {error}; give rows of equal length") from None
    if array.ndim == 0 or len(array) == 0:
        raise DataError(f"{name} has no rows (shape {array.shape}); give an array of at least one row")
    return array


def _is_fraction(size: object) -> bool:
    return isinstance(size, (float, np.floating)) and 0 < float(size) < 1


def _is_count(size: object) -> bool:
    return isinstance(size, (int, np.integer)) and not isinstance(size, bool) and int(size) >= 1
