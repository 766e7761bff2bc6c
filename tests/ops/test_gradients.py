"""Every gradient against finite differences, and the gradients of the gradients."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl import reference, testing
from fastdl.ops import OPS
from fastdl.testing._cases import arrays_in, graded, random_like
from fastdl.testing._own import NO_SLOPE
from fastdl.tree import flatten, unflatten

DIFFERENTIABLE = [name for name in OPS if hasattr(reference, f"{name}_backward") and name not in NO_SLOPE]
SEEDS = st.integers(0, 2**32 - 1)


def smooth_case(name, seed):
    """Arguments in float64 where the op has derivatives: no ties, no zeros, values within a tenth of those drawn."""
    return testing.draw(name, seed, "float64", values="smooth")


def function_of(name, args, options):
    """The op's result that has a gradient, or those, as a function of its floating arrays alone, and these."""
    leaves, structure = flatten(args)
    places = [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]

    def function(*arrays):
        replaced = list(leaves)
        for i, array in zip(places, arrays, strict=True):
            replaced[i] = array
        return graded(name, getattr(F, name)(*unflatten(structure, replaced), **options))

    return function, [leaves[i] for i in places]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(seed=SEEDS)
def test_gradient(name, seed):
    args, options = smooth_case(name, seed)
    function, arrays = function_of(name, args, options)
    assume(all(np.isfinite(y).all() for y in arrays_in([function(*arrays)])))
    testing.check_grad(function, *arrays)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(seed=SEEDS)
def test_gradient_of_the_gradient(name, seed):
    args, options = smooth_case(name, seed)
    function, arrays = function_of(name, args, options)
    result = function(*arrays)
    assume(all(np.isfinite(y).all() for y in arrays_in([result])))
    grad = random_like(np.random.default_rng(seed), result, np.float64)

    @fd.compile
    def pulled(grad, *arrays):
        return fd.vjp(function, *arrays)[1](grad)

    testing.check_grad(pulled, grad, *arrays)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(seed=SEEDS)
def test_the_recorded_gradient_is_the_public_backward(name, seed):
    args, options = smooth_case(name, seed)
    function, arrays = function_of(name, args, options)
    result = function(*arrays)
    grad = random_like(np.random.default_rng(seed), result, np.float64)
    recorded = fd.vjp(function, *arrays)[1](grad)
    public = [g for g in flatten(getattr(F, f"{name}_backward")(grad, *args, **options))[0] if g is not None]
    for a, b in zip(recorded, public, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
