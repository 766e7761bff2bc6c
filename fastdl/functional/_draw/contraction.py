"""Arguments of einsum."""

from typing import Any

import numpy as np

from .elementwise import Drawn


def einsum(rng: np.random.Generator, dtype: np.dtype[Any]) -> Drawn:
    """One to four operands, with an output or without, with diagonals, sums, ellipses and sizes of 1 that stretch."""
    labels = "abcd"
    sizes = {label: int(n) for label, n in zip(labels, rng.choice([1, 2, 3, 5], size=4), strict=True)}
    dots = tuple(int(n) for n in rng.choice([1, 2, 3], size=rng.integers(0, 3)))
    terms, operands = [], []
    for _ in range(rng.choice([1, 2, 2, 3, 4])):
        term = [labels[i] for i in rng.integers(0, 4, size=rng.integers(0, 4))]
        shape = [sizes[label] for label in term]
        if rng.random() < 0.2 and len(set(term)) == len(term):
            shape = [1 if rng.random() < 0.3 else n for n in shape]
        if dots and rng.random() < 0.6:
            mine = dots[rng.integers(0, len(dots) + 1) :]
            place = int(rng.integers(0, len(term) + 1))
            term.insert(place, "...")
            shape[place:place] = [1 if rng.random() < 0.2 else n for n in mine]
        terms.append("".join(term))
        operands.append(rng.standard_normal(shape).astype(dtype))
    subscripts = ",".join(terms)
    if rng.random() < 0.8:
        known = sorted(set(subscripts) - set(",."))
        chosen = [str(label) for label in rng.permutation(known)[: rng.integers(0, len(known) + 1)]]
        if "..." in subscripts:
            chosen.insert(int(rng.integers(0, len(chosen) + 1)), "...")
        subscripts += "->" + "".join(chosen)
    return (subscripts, *operands), {}
