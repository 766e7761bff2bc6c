"""Einstein's summation, with its gradients: a product of arrays, summed over the labels that the output leaves out.

Letters: x the operands, y the output, g the gradient of the loss with respect to y (the argument `grad`). Axes under
an ellipsis are labelled by their distance from the last of them: "-1", "-2", ...
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_float64, as_grad, evaluate, quiet

Labels = list[str]


def einsum(subscripts: str, *operands: ArrayLike, at: Indices | None = None) -> FloatArray:
    """A product of arrays, summed over the labels that the output does not name.

    y[out] = sum over the other labels of x0[in 0] x1[in 1] ..., where an axis of size 1 is repeated. "..." stands for
    the axes without a label. Without "->" the output is "..." and the labels that occur once, in the order of the
    alphabet.

    >>> einsum("ij,jk->ik", [[1, 2], [3, 4]], [[1, 0], [10, 1]]).tolist()
    [[21.0, 2.0], [43.0, 4.0]]
    """
    values, inputs, output, sizes = _parse("einsum", subscripts, operands)
    others = [label for label in sizes if label not in output]

    def element(index: Index) -> float:
        total = np.float64(0)
        for place in _places(dict(zip(output, index, strict=True)), others, sizes):
            term = np.float64(1)
            for x, labels in zip(values, inputs, strict=True):
                term *= x[_element(x, labels, place)]
            total += term
        return float(total)

    return evaluate(element, tuple(sizes[label] for label in output), at)


def einsum_backward(grad: ArrayLike, subscripts: str, *operands: ArrayLike) -> tuple[FloatArray, ...]:
    """Gradients of einsum, one for each operand.

    In the forward pass this was: y[out] += x0[in 0] x1[in 1] ...; so now: gx0[in 0] += g[out] x1[in 1] ..., and so on.

    >>> [gradient.tolist() for gradient in einsum_backward(10, "i,i->", [1, 2], [3, 4])]
    [[30.0, 40.0], [10.0, 20.0]]
    """
    values, inputs, output, sizes = _parse("einsum_backward", subscripts, operands)
    g = as_grad("einsum", grad, tuple(sizes[label] for label in output))
    gradients = tuple(np.zeros(x.shape) for x in values)
    with quiet():
        for place in _places({}, list(sizes), sizes):
            elements = [_element(x, labels, place) for x, labels in zip(values, inputs, strict=True)]
            for k, gradient in enumerate(gradients):
                term = np.float64(g[tuple(place[label] for label in output)])
                for j, x in enumerate(values):
                    if j != k:
                        term *= x[elements[j]]
                gradient[elements[k]] += term
    return gradients


def _places(fixed: dict[str, int], others: Labels, sizes: dict[str, int]) -> Iterator[dict[str, int]]:
    """The fixed labels' numbers together with all combinations of the others'."""
    for numbers in product(*(range(sizes[label]) for label in others)):
        yield fixed | dict(zip(others, numbers, strict=True))


def _element(x: FloatArray, labels: Labels, place: dict[str, int]) -> Index:
    return tuple(0 if n == 1 else place[label] for n, label in zip(x.shape, labels, strict=True))


def _parse(
    op: str, subscripts: str, operands: Sequence[ArrayLike]
) -> tuple[list[FloatArray], list[Labels], Labels, dict[str, int]]:
    """The operands, the labels of their axes and of those of the output, and the size of each label."""
    values = [as_float64(op, f"operands[{k}]", x) for k, x in enumerate(operands)]
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(values):
        raise ValueError(f"{op}: {subscripts!r} is for {len(terms)} operands, {len(values)} came")
    inputs = [_labels(op, term, x.ndim) for term, x in zip(terms, values, strict=True)]
    sizes: dict[str, int] = {}
    for x, labels in zip(values, inputs, strict=True):
        for label, n in zip(labels, x.shape, strict=True):
            if n not in (1, sizes.get(label, n)) and sizes[label] != 1:
                raise ValueError(f"{op}: label {label!r} has the sizes {sizes[label]} and {n}")
            sizes[label] = n if sizes.get(label, 1) == 1 else sizes[label]
    dots = sorted((label for label in sizes if label.startswith("-")), key=int)
    letters = left.replace(".", "").replace(",", "")
    output = "..." + "".join(sorted(label for label in letters if letters.count(label) == 1))
    found = _labels(op, right if arrow else output, len((right if arrow else output).replace("...", "")) + len(dots))
    if any(label not in sizes for label in found) or len(set(found)) < len(found):
        raise ValueError(f"{op}: the output {right!r} names a label twice, or one that no operand has")
    return values, inputs, found, sizes


def _labels(op: str, term: str, ndim: int) -> Labels:
    before, dots, behind = term.partition("...")
    rest = ndim - len(before) - len(behind)
    if rest < 0 or (rest > 0 and not dots):
        raise ValueError(f"{op}: {term!r} does not name the {ndim} axes of its operand")
    return [*before, *(str(-i) for i in range(rest, 0, -1)), *behind]
