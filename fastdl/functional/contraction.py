"""Einstein's summation: any product of arrays that is summed over some of their axes.

The subscripts give every axis of an operand a label; the operands are multiplied, two at a time, as matrix products.
An axis of size 1 whose label has another size elsewhere is repeated there: it is cut off first, because a product with
what it does not vary over needs no axis. The axes of an ellipsis get labels of their own, (0, -1), (0, -2), ..., from
the last one on, so that those of all operands meet from the end, as in broadcasting.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from ..ops import op
from . import elementwise, indexing, reductions, shape
from ._door import check_grad, floats
from ._draw import contraction as draw
from ._moving import inverse
from .dense import _matmul

Label: TypeAlias = str | tuple[int, int]
Labels: TypeAlias = tuple[Label, ...]


class Expression(NamedTuple):
    """The labels of each operand's axes, those of the result, and the size that each label stands for."""

    inputs: list[Labels]
    output: Labels
    sizes: dict[Label, int]


class Term(NamedTuple):
    """A factor on the way to the result: an array without repeated labels."""

    array: Any
    labels: Labels


def _parse(name: str, subscripts: str, operands: Sequence[Any]) -> Expression:
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"{name}: '{subscripts}' is for {len(terms)} operands, {len(operands)} came")
    inputs = [
        _labels_of(name, k, term, tuple(x.shape)) for k, (term, x) in enumerate(zip(terms, operands, strict=True))
    ]
    sizes: dict[Label, int] = {}
    for k, (labels, x) in enumerate(zip(inputs, operands, strict=True)):
        for label, n in zip(labels, x.shape, strict=True):
            known, first = sizes.setdefault(label, n), x.shape[labels.index(label)]
            if n != first or (n != known and 1 not in (n, known)):
                which = "the ellipsis" if isinstance(label, tuple) else f"label '{label}'"
                raise ValueError(
                    f"{name}: {which} has size {n} in operand {k} {tuple(x.shape)} and size "
                    f"{known if n == first else first} before; expected one size, or 1 in one of several operands"
                )
            sizes[label] = n if known == 1 else known
    dots = tuple(sorted((label for label in sizes if isinstance(label, tuple)), key=lambda label: label[1]))
    if arrow:
        output = _labels_of_output(name, right, dots, sizes)
    else:
        seen = left.replace(".", "").replace(",", "")
        output = (*dots, *sorted(label for label in set(seen) if seen.count(label) == 1))
    return Expression(inputs, output, sizes)


def _letters(name: str, term: str) -> tuple[str, str, bool]:
    """The labels before and behind the ellipsis, and whether there is one."""
    before, dots, behind = term.partition("...")
    for label in before + behind:
        if not (label.isascii() and label.isalpha()):
            raise ValueError(f"{name}: '{label}' in '{term}' is no label; expected letters and at most one '...'")
    return before, behind, bool(dots)


def _labels_of(name: str, k: int, term: str, sizes: tuple[int, ...]) -> Labels:
    before, behind, dots = _letters(name, term)
    rest = len(sizes) - len(before) - len(behind)
    if rest < 0 or (rest > 0 and not dots):
        raise ValueError(
            f"{name}: operand {k} has {len(sizes)} axes {sizes}, '{term}' names {len(before) + len(behind)}; expected "
            "a label for each axis" + ("" if dots else ", or '...' for the others")
        )
    return (*before, *((0, -i) for i in range(rest, 0, -1)), *behind)


def _labels_of_output(name: str, term: str, dots: Labels, sizes: dict[Label, int]) -> Labels:
    before, behind, has_dots = _letters(name, term)
    for label in before + behind:
        if label not in sizes:
            raise ValueError(f"{name}: label '{label}' of the output '{term}' is in none of the operands")
        if (before + behind).count(label) > 1:
            raise ValueError(f"{name}: label '{label}' is twice in the output '{term}'; expected each label once")
    if dots and not has_dots:
        raise ValueError(f"{name}: the operands have axes under '...', the output '{term}' has none; expected '...'")
    return (*before, *(dots if has_dots else ()), *behind)


def _ordered(term: Term, labels: Labels) -> Any:
    """The term's array with its axes in this order."""
    if term.labels == labels:
        return term.array
    return shape.transpose(term.array, tuple(term.labels.index(label) for label in labels))


def _diagonal(x: Any, labels: Labels, label: Label) -> tuple[Any, Labels, int]:
    """x as (others, n**r), where the r axes of a label are one, the labels left with that one last, and the step from
    one place of the diagonal to the next."""
    mine = [axis for axis, other in enumerate(labels) if other == label]
    others = [axis for axis, other in enumerate(labels) if other != label]
    n, order = x.shape[mine[0]], (*others, *mine)
    turned = x if order == tuple(range(len(labels))) else shape.transpose(x, order)
    flat = shape.reshape(turned, (*(x.shape[axis] for axis in others), n ** len(mine)))
    return flat, (*(labels[axis] for axis in others), label), sum(n**i for i in range(len(mine)))


def _term(x: Any, labels: Labels, sizes: dict[Label, int]) -> Term:
    """An operand without stretched axes and repeated labels."""
    kept = tuple(label for label, n in zip(labels, x.shape, strict=True) if n == sizes[label])
    x = shape.reshape(x, tuple(sizes[label] for label in kept))
    for label in dict.fromkeys(kept):
        if kept.count(label) > 1:
            x, kept, step = _diagonal(x, kept, label)
            x = indexing.slice(x, (..., slice(None, None, step)))
    return Term(x, kept)


def _without(term: Term, needed: set[Label]) -> Term:
    """The term summed over the axes that nobody else asks for."""
    axes = tuple(axis for axis, label in enumerate(term.labels) if label not in needed)
    if not axes:
        return term
    return Term(reductions.sum(term.array, axis=axes), tuple(label for label in term.labels if label in needed))


def _product(a: Term, b: Term, needed: set[Label], sizes: dict[Label, int]) -> Term:
    """The product of two terms, summed over the labels that only they have."""
    stack = tuple(label for label in a.labels if label in b.labels and label in needed)
    summed = tuple(label for label in a.labels if label in b.labels and label not in needed)
    rows = tuple(label for label in a.labels if label not in b.labels)
    columns = tuple(label for label in b.labels if label not in a.labels)

    def size(labels: Labels) -> int:
        return math.prod(sizes[label] for label in labels)

    if not summed or (stack and not rows and not columns):
        # Not a matrix product: element by element, and a sum.
        left = shape.reshape(_ordered(a, (*stack, *rows, *summed)), (size(stack), size(rows), 1, size(summed)))
        right = shape.reshape(_ordered(b, (*stack, *columns, *summed)), (size(stack), 1, size(columns), size(summed)))
        y = elementwise.multiply(left, right)
        y = reductions.sum(y, axis=3) if summed else y
    else:
        left, transpose_a = _matrix(a, stack, rows, summed, sizes)
        right, transpose_b = _matrix(b, stack, summed, columns, sizes)
        (y,) = _matmul(left, right, transpose_a=transpose_a, transpose_b=transpose_b)
    labels = (*stack, *rows, *columns)
    return Term(shape.reshape(y, tuple(sizes[label] for label in labels)), labels)


def _matrix(term: Term, stack: Labels, rows: Labels, columns: Labels, sizes: dict[Label, int]) -> tuple[Any, bool]:
    """The term as matrices, stored transposed where that spares a copy."""
    flipped = term.labels == (*stack, *columns, *rows) and bool(rows) and bool(columns)
    order = (stack, columns, rows) if flipped else (stack, rows, columns)
    numbers = [math.prod(sizes[label] for label in labels) for labels in order]
    return shape.reshape(_ordered(term, sum(order, ())), tuple(numbers if stack else numbers[1:])), flipped


def _contract(terms: list[Term], output: Labels, sizes: dict[Label, int]) -> Any:
    """The product of the terms, the cheapest pair first, with its axes in the order of ``output``."""
    terms = [
        _without(term, {*output, *(label for j, other in enumerate(terms) if j != i for label in other.labels)})
        for i, term in enumerate(terms)
    ]
    while len(terms) > 1:
        pairs = [(i, j) for j in range(len(terms)) for i in range(j)]
        i, j = min(pairs, key=lambda p: math.prod(sizes[n] for n in {*terms[p[0]].labels, *terms[p[1]].labels}))
        a, b = terms[i], terms[j]
        terms = [term for k, term in enumerate(terms) if k not in (i, j)]
        needed = {*output, *(label for term in terms for label in term.labels)}
        terms.append(_product(a, b, needed, sizes))
    return _ordered(terms[0], output)


def _operands(name: str, subscripts: Any, operands: Sequence[Any]) -> list[Any]:
    if not isinstance(subscripts, str):
        raise TypeError(f"{name}: subscripts is a {type(subscripts).__name__}; expected text like 'ij,jk->ik'")
    if not operands:
        raise ValueError(f"{name}: no operands came; expected at least one array behind the subscripts")
    return floats(name, **{f"operands[{k}]": x for k, x in enumerate(operands)})


def einsum_backward(grad: Any, subscripts: str, *operands: Any) -> tuple[Any, ...]:
    """In the forward pass y = sum of the product of the operands; so the gradient of one of them is the sum of g times
    the product of the others, over the axes that this one does not have."""
    arrays = _operands("einsum_backward", subscripts, operands)
    inputs, output, sizes = _parse("einsum_backward", subscripts, arrays)
    grad = check_grad("einsum_backward", grad, tuple(sizes[label] for label in output), arrays[0].dtype)
    terms = [_term(x, labels, sizes) for x, labels in zip(arrays, inputs, strict=True)]
    grads = []
    for k, (x, labels) in enumerate(zip(arrays, inputs, strict=True)):
        wanted = terms[k].labels
        given = [Term(grad, output), *terms[:k], *terms[k + 1 :]]
        there = tuple(label for label in wanted if any(label in term.labels for term in given))
        g = _contract(given, there, sizes)
        if there != wanted:  # a label that only this operand had was summed over: g is the same everywhere along it
            g = shape.reshape(g, tuple(sizes[label] if label in there else 1 for label in wanted))
            g = shape.broadcast_to(g, tuple(sizes[label] for label in wanted))
        grads.append(_sent_back(g, x, labels, sizes))
    return tuple(grads)


def _sent_back(g: Any, x: Any, labels: Labels, sizes: dict[Label, int]) -> Any:
    """The gradient of a term as that of its operand: what ``_term`` did, undone from the last step to the first."""
    kept = tuple(label for label, n in zip(labels, x.shape, strict=True) if n == sizes[label])
    before = []  # the labels before each diagonal was taken
    for label in dict.fromkeys(kept):
        if kept.count(label) > 1:
            before.append((label, kept))
            kept = (*(other for other in kept if other != label), label)
    for label, full in reversed(before):
        n, count, others = sizes[label], full.count(label), [other for other in full if other != label]
        front = tuple(sizes[other] for other in others)
        step = sum(n**i for i in range(count))
        (g,) = indexing._slice_grad(
            g, full=(*front, n**count), starts=(0,) * (len(front) + 1), steps=(*[1] * len(front), step if n > 1 else 1)
        )
        g = shape.reshape(g, (*front, *[n] * count))
        mine = [axis for axis, other in enumerate(full) if other == label]
        g = shape.transpose(g, inverse((*(axis for axis, other in enumerate(full) if other != label), *mine)))
    return shape.reshape(g, x.shape)


@op(draw=draw.einsum)
def einsum(subscripts: str, *operands: Any) -> Any:
    """Einstein's summation: the product of the operands, summed over the labels that the output does not name.

    y[out] = sum over all other labels of operands[0][in 0] operands[1][in 1] ...; equivalent to
    ``np.einsum(subscripts, *operands)``. ``"ij,jk->ik"`` is a matrix product, ``"ii->i"`` a diagonal, ``"...i,...i"`` a
    scalar product with whatever axes are in front. Without ``->`` the output has the labels that occur once, in the
    order of the alphabet. All operands are float32 or all float64; axes of size 1 are repeated where needed.

    Operands are multiplied two at a time, the pair with the fewest products first, as matrix products of
    :func:`matmul`: several operands cost no more than the largest of these. Where nothing is multiplied, summed
    or turned ("ii->i"), the result shares the memory of the operand: copy it before writing to it.

    Raises ValueError that names the label for subscripts that do not fit.

    >>> import numpy as np
    >>> einsum("ij,jk->ik", np.float32([[1, 2], [3, 4]]), np.float32([[1, 0], [10, 1]]))
    array([[21.,  2.],
           [43.,  4.]], dtype=float32)
    """
    arrays = _operands("einsum", subscripts, operands)
    inputs, output, sizes = _parse("einsum", subscripts, arrays)
    terms = [_term(x, labels, sizes) for x, labels in zip(arrays, inputs, strict=True)]
    return _contract(terms, output, sizes)
