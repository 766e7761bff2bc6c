"""The lecture's worked examples as arrays: patients, five points, a small image, image filters, a clinical note.

Everything is float64 and made anew on every call. Source: B. Liquet, Overview of the Fundamentals of Deep Learning
Models (2026); Liquet, Moka and Nazarathy, Mathematical Engineering of Deep Learning (2024). Where the slides give a
result but not the numbers behind it, the numbers here were chosen to give that result.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Stroke(NamedTuple):
    """Two patients and the neuron that judges them: see `stroke_patients`."""

    X: Floats
    weight: Floats
    bias: float


def stroke_patients() -> Stroke:
    """Two patients, four numbers each, and the weights of the neuron that gives their risk of a stroke.

    Returns X (2, 4), weight (4,) and bias, so that z = X @ weight + bias is 1.9 and -3.25.

    >>> X, weight, bias = stroke_patients()
    >>> (X @ weight + bias).round(2).tolist()
    [1.9, -3.25]
    """
    X = np.array([[130, 6, 28, 55], [130, 5.5, 23, 56]])
    return Stroke(X, np.array([0.1, 0.3, 1.1, 0.5]), -71.2)


def five_points() -> tuple[Floats, Floats]:
    """Five points (x, y) for the model y = w x with its one parameter.

    The slides give the cost C(w) = sum (y - w x)^2 at three places and no points; these give all three to one decimal,
    and the least one, 4.84, at w = 0.925. Returns x (5,) and y (5,).

    >>> x, y = five_points()
    >>> [round(float(np.sum((y - w * x) ** 2)), 1) for w in (0.85, 0.65, 0.95)]
    [5.4, 12.3, 4.9]
    """
    return np.array([1.2, 2.9, 4.1, 5.3, 6.6]), np.array([1.1, 1.9, 2.7, 4.2, 7.7])


def small_image() -> tuple[Floats, Floats]:
    """The lecture's worked convolution: an image of 6 x 6 pixels and a window that finds vertical edges.

    Returns image (6, 6) and weight (3, 3).

    >>> image, weight = small_image()
    >>> float(np.sum(weight * image[:3, :3]))
    -11.0
    """
    image = [[3, 1, 0, 2, 5, 6], [4, 2, 1, 1, 4, 7], [5, 4, 0, 0, 1, 2]]
    image += [[1, 2, 2, 1, 3, 4], [6, 3, 1, 0, 5, 2], [3, 1, 0, 1, 3, 3]]
    return np.array(image, np.float64), np.array([[-1, 0, 1]] * 3, np.float64)


def image_filters() -> dict[str, Floats]:
    """The lecture's six windows (3, 3) by name, as `functional.filter2d` takes them: without turning them round.

    "identity", "box blur" (nine equal weights with the sum 1), "sharpen", "outline", "sobel left-right" (vertical
    edges), "sobel top-bottom" (horizontal edges).

    >>> {name: float(weight.sum().round(9)) for name, weight in image_filters().items()}["box blur"]
    1.0
    """
    windows: dict[str, Any] = {
        "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
        "box blur": np.ones((3, 3)) / 9,
        "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        "outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
        "sobel left-right": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
        "sobel top-bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    }
    return {name: np.array(weight, np.float64) for name, weight in windows.items()}


class Note(NamedTuple):
    """A note of T words for attention with vectors of length D: see `clinical_note`."""

    words: tuple[str, ...]
    query: Floats
    keys: Floats
    values: Floats
    answers: tuple[str, ...]
    weight: Floats


#            a complaint, of a person, of a medicine, of an illness: what a word's key says that it is about
_KEYS = {
    "The": (0.1, 0.3, 0.0, 0.0),
    "patient": (0.2, 0.8, 0.0, 0.0),
    "reports": (0.2, 0.3, 0.0, 0.0),
    "a": (0.0, 0.0, 0.0, 0.0),
    "headache": (1.0, 0.0, 0.0, 0.3),
    "and": (0.1, 0.1, 0.1, 0.1),
    "took": (0.1, 0.3, 0.4, 0.0),
    "ibuprofen": (0.2, 0.0, 0.8, 0.0),
    "for": (0.1, 0.0, 0.1, 0.2),
    "arthritis": (0.1, 0.0, 0.0, 0.3),
}
_QUERIES = {"symptom": (4.0, 1.0, 1.0, 1.0), "medicine": (1.0, 1.0, 5.0, 1.0)}
_ANSWERS = ("headache", "patient", "ibuprofen", "arthritis")


def clinical_note(query: str = "symptom") -> Note:
    """The note "The patient reports a headache and took ibuprofen for arthritis" with vectors for attention.

    With scale 1 the query "symptom" gives the ten words the lecture's weights: .02 .05 .03 .01 .75 .02 .03 .05 .02 .02.
    The query "medicine" asks the same note for something else.

    Returns words (10), query (1, 4), keys (10, 4), values (10, 4), and the prediction layer: logits = context @
    weight.T for the answers (4), weight (4, 4). A value says which of the answers a word stands for, if any.

    Raises ValueError for another query.

    >>> note = clinical_note()
    >>> scores = np.exp(note.keys @ note.query[0])
    >>> (scores / scores.sum()).round(2).tolist()
    [0.02, 0.05, 0.03, 0.01, 0.75, 0.02, 0.03, 0.05, 0.02, 0.02]
    """
    if query not in _QUERIES:
        raise ValueError(f"clinical_note: query is {query!r}; expected one of {', '.join(map(repr, _QUERIES))}")
    words = tuple(_KEYS)
    values = np.array([[word == answer for answer in _ANSWERS] for word in words], np.float64)
    return Note(words, np.array([_QUERIES[query]]), np.array(list(_KEYS.values())), values, _ANSWERS, 6 * np.eye(4))
