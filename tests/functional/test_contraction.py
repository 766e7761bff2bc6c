"""Einsum against NumPy on random subscripts, its gradients, and what it says about subscripts that do not fit."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl import testing

RNG = np.random.default_rng(0)
SIZES = {"a": 2, "b": 3, "c": 1, "D": 4, "e": 5}
TERMS = st.lists(st.sampled_from(sorted(SIZES)), max_size=4)


@st.composite
def expressions(draw):
    """(subscripts, shapes): explicit or implicit, with diagonals, ellipses and spaces."""
    terms, shapes, dots = [], [], draw(st.lists(st.integers(1, 3), max_size=2))
    for term in draw(st.lists(TERMS, min_size=1, max_size=4)):
        shape = [SIZES[label] for label in term]
        if dots and draw(st.booleans()):
            place, mine = draw(st.integers(0, len(term))), dots[draw(st.integers(0, len(dots))) :]
            term = [*term[:place], "...", *term[place:]]
            shape[place:place] = mine
        terms.append("".join(term))
        shapes.append(tuple(shape))
    subscripts = draw(st.sampled_from([",", ", "])).join(terms)
    if draw(st.booleans()):
        known = sorted(set("".join(terms)) - {"."})
        output = draw(st.permutations(known))[: draw(st.integers(0, len(known)))] if known else []
        subscripts += "->" + "".join([*(["..."] if "..." in subscripts else []), *output])
    return subscripts, shapes


@given(expressions(), st.integers(0, 2**32 - 1))
def test_as_numpy(expression, seed):
    subscripts, shapes = expression
    rng = np.random.default_rng(seed)
    operands = [rng.standard_normal(shape) for shape in shapes]
    try:
        expected = np.einsum(subscripts, *operands)
    except ValueError:
        assume(False)
    found = F.einsum(subscripts, *operands)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    recorded = fd.compile(lambda *x: F.einsum(subscripts, *x))(*operands)
    np.testing.assert_array_equal(recorded, found)
    testing.check_grad(lambda *x: F.einsum(subscripts, *x), *operands)
    grad = rng.standard_normal(found.shape)
    for mine, recorded in zip(
        F.einsum_backward(grad, subscripts, *operands),
        fd.vjp(lambda *x: F.einsum(subscripts, *x), *operands)[1](grad),
        strict=True,
    ):
        np.testing.assert_allclose(mine, recorded, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "subscripts, shapes",
    [
        ("ij,jk", [(0, 3), (3, 2)]),
        ("ij,jk->ik", [(2, 0), (0, 3)]),
        ("ii->i", [(0, 0)]),
        ("iii->i", [(4, 4, 4)]),
        ("ijij->ij", [(2, 3, 2, 3)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("bqhd,bkhd->bhqk", [(2, 5, 3, 4), (2, 6, 3, 4)]),
        ("bhqk,bkhd->bqhd", [(2, 3, 5, 6), (2, 6, 3, 4)]),
        ("nchw,oc->nohw", [(2, 3, 4, 5), (6, 3)]),
        ("i,j,k->kji", [(2,), (3,), (4,)]),
        ("ij,ij->ij", [(1, 3), (2, 1)]),
        ("i...,...i", [(3, 1, 4), (2, 4, 3)]),
        (",->", [(), ()]),
    ],
)
def test_corners(subscripts, shapes):
    operands = [RNG.standard_normal(shape) for shape in shapes]
    np.testing.assert_allclose(
        F.einsum(subscripts, *operands), np.einsum(subscripts, *operands), rtol=1e-12, atol=1e-13
    )
    grads = F.einsum_backward(np.einsum(subscripts, *operands), subscripts, *operands)
    assert [g.shape for g in grads] == shapes


def test_many_operands_cost_no_more_than_their_pairs():
    """The product of all labels is 10**12 here."""
    chain = [RNG.standard_normal((100, 100)) for _ in range(5)]
    found = F.einsum("ab,bc,cd,de,ef->af", *chain)
    np.testing.assert_allclose(found, np.linalg.multi_dot(chain), rtol=1e-9, atol=1e-8)


def test_gradient_of_the_gradient():
    a, b, c = RNG.standard_normal((3, 3, 2)), RNG.standard_normal((2, 4)), RNG.standard_normal((1, 4))

    def pulled(g, *x):
        return fd.vjp(lambda *x: F.einsum("iij,jk,lk->ik", *x), *x)[1](g)

    testing.check_grad(pulled, RNG.standard_normal((3, 4)), a, b, c)


X, Y = np.zeros((2, 3)), np.zeros((4, 5))


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (("ij,jk", X, Y), ValueError, "label 'j' has size 4 in operand 1 (4, 5) and size 3 before; expected one size"),
        (("ii", X), ValueError, "label 'i' has size 3 in operand 0 (2, 3) and size 2 before"),
        (("...,...", X, Y), ValueError, "the ellipsis has size 4 in operand 1 (4, 5) and size 2 before"),
        (("ij->iz", X), ValueError, "label 'z' of the output 'iz' is in none of the operands"),
        (("ij->ii", X), ValueError, "label 'i' is twice in the output 'ii'"),
        (("i...->i", X), ValueError, "the output 'i' has none; expected '...'"),
        (
            ("ijk", X),
            ValueError,
            "operand 0 has 2 axes (2, 3), 'ijk' names 3; expected a label for each axis, or '...'",
        ),
        (("ij,jk", X), ValueError, "'ij,jk' is for 2 operands, 1 came"),
        (("i1", X), ValueError, "'1' in 'i1' is no label; expected letters"),
        (("......", X), ValueError, "'.' in '......' is no label"),
        ((X, "ij"), TypeError, "subscripts is a ndarray; expected text like"),
        (("->",), ValueError, "no operands came"),
        (("ij,ij", X, X.astype(np.float32)), TypeError, "operands[1] has dtype float32 but operands[0] has float64"),
    ],
)
def test_errors_name_the_label(arguments, error, message):
    with pytest.raises(error) as caught:
        F.einsum(*arguments)
    assert str(caught.value).startswith("einsum: ") and message in str(caught.value)
