"""Every op recorded and planned: the same bits as the eager call, with any number of threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastdl as fd
from fastdl import functional as F
from fastdl import ops, reference
from fastdl.testing import _verify
from fastdl.testing._cases import arrays_in
from fastdl.testing._own import cut_everywhere
from fastdl.tree import flatten, unflatten

NAMES = [name for op in ops.OPS for name in (op, f"{op}_backward") if hasattr(reference, name)]
SEEDS = st.integers(0, 2**32 - 1)
RECORDED = ("float32", "float64", "int64", "bool")
DTYPES = st.sampled_from(["float32", "float64"])


@pytest.fixture
def cheap_regions():
    """Even the smallest launch is cut into parts, so that tiny cases run on two threads."""
    with cut_everywhere():
        yield


def of_arrays(name, args, options):
    """The op as a function of all its arrays, and these; classes in small integers are no input of a recording."""
    leaves, structure = flatten(args)
    places = [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray) and x.dtype.name in RECORDED]

    def function(*arrays):
        replaced = list(leaves)
        for i, array in zip(places, arrays, strict=True):
            replaced[i] = array
        return getattr(F, name)(*unflatten(structure, replaced), **options)

    return function, [leaves[i] for i in places]


def same_bits(first, second):
    for a, b in zip(arrays_in([first]), arrays_in([second]), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, dtype=DTYPES)
def test_recorded_as_eager(name, seed, dtype):
    case = _verify.make_case(name, dtype, seed // 1000, seed % 1000)
    args, options = case.arranged()
    function, arrays = of_arrays(name, args, options)
    same_bits(fd.compile(function)(*arrays), function(*arrays))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_threads(name, dtype, cheap_regions):
    for seed in range(12):
        case = _verify.make_case(name, dtype, 5, seed)
        args, options = case.arranged()
        function, arrays = of_arrays(name, args, options)
        with fd.threads(1):
            alone = function(*arrays)
        with fd.threads(2):
            same_bits(function(*arrays), alone)
            same_bits(fd.compile(function)(*arrays), alone)
