"""Cases of the losses for the table of ``test_every_op``: name, arrays, options."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

random = np.random.default_rng(20250301)
Array = NDArray[Any]


def values() -> tuple[Array, Array]:
    return random.standard_normal((3, 2)), random.standard_normal((3, 2))


def probabilities() -> tuple[Array, Array]:
    return random.uniform(0.1, 0.9, (3, 2)), random.uniform(0, 1, (3, 2))


def scores_and_signs() -> tuple[Array, Array]:
    return random.standard_normal((3, 2)), random.choice([-1.0, 1.0], (3, 2))


def of_classes(*shape: int) -> tuple[Array, Array]:
    return random.standard_normal(shape), random.integers(shape[1], size=(shape[0], *shape[2:]))


SHARES = {"weight": [1, 2, 0.5], "label_smoothing": 0.2}
LOSSES: list[tuple[str, tuple[Array, Array], dict[str, Any]]] = [
    *((op, values(), {"reduction": r}) for op in ("mae_loss", "huber_loss") for r in ("mean", "sum", "none")),
    ("huber_loss", values(), {"delta": 0.3}),
    *(("hinge_loss", scores_and_signs(), {"reduction": r}) for r in ("mean", "sum", "none")),
    *(("binary_cross_entropy", probabilities(), {"reduction": r}) for r in ("mean", "none")),
    ("binary_cross_entropy", probabilities(), {"weight": [2, 3]}),
    ("binary_cross_entropy_with_logits", probabilities(), {"weight": [[1], [0], [2]], "pos_weight": [3, 1]}),
    ("cross_entropy", of_classes(4, 3), {"ignore_index": 1, **SHARES}),
    ("cross_entropy", of_classes(2, 3, 2), {"reduction": "sum", **SHARES}),
    ("nll_loss", of_classes(4, 3), {"weight": [1, 2, 0.5], "ignore_index": 1}),
    ("nll_loss", of_classes(2, 3, 2), {"reduction": "none"}),
]
