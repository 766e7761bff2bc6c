"""Every op and its gradient against PyTorch's, in both dtypes."""

import numpy as np
import pytest

from fastdl import functional as F
from fastdl import testing
from fastdl.testing._cases import arrays_in, graded, random_like
from fastdl.tree import flatten, unflatten

from .twins import OPS, TIES, torch


def both(name, seed, dtype):
    """A case as our arguments and as PyTorch's, which are leaves that want gradients."""
    args, options = testing.draw(name, seed, dtype)
    leaves, structure = flatten(args)
    theirs = [
        torch.tensor(x.copy(), requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x for x in leaves
    ]
    theirs = [x.long() if isinstance(x, torch.Tensor) and x.dtype in (torch.int32, torch.uint8) else x for x in theirs]
    return args, options, leaves, theirs, structure


# Largest difference of a result and of a gradient, in units of the largest element: float32 is compared with PyTorch's
# float32, so the errors of both count; how exact ours are is the reference's affair.
CLOSE = {"float64": (1e-11, 1e-9), "float32": (2e-5, 2e-4)}


def assert_close(ours, theirs, bound):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    scale = max(1.0, np.abs(np.nan_to_num(theirs.astype(np.float64))).max(initial=0))
    np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound * scale)


def agree(name, seed, dtype):
    args, options, leaves, theirs, structure = both(name, seed, dtype)
    ours = graded(name, getattr(F, name)(*args, **options))
    if any(a.size == 0 for a in arrays_in([ours, args])):
        return  # PyTorch refuses some empty arrays
    other = OPS[name](*unflatten(structure, theirs), **options)
    others = [other] if isinstance(other, torch.Tensor) else list(other)
    for a, b in zip(arrays_in([ours]), others, strict=True):
        assert_close(a, b, CLOSE[dtype][0])
    grad = random_like(np.random.default_rng(seed), ours, np.dtype(dtype))
    mine = flatten(getattr(F, f"{name}_backward")(grad, *args, **options))[0]
    wanted = [x for x in theirs if isinstance(x, torch.Tensor) and x.requires_grad]
    if name in TIES and any(len(np.unique(a)) < a.size for a in arrays_in(args)):
        return
    found = torch.autograd.grad(others, wanted, [torch.tensor(g) for g in arrays_in([grad])], allow_unused=True)
    for a, b in zip([g for g in mine if g is not None], found, strict=True):
        assert_close(a, b, CLOSE[dtype][1])


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("name", OPS)
def test_op_and_gradient(name, dtype):
    for seed in range(20):
        agree(name, seed, dtype)


@pytest.mark.fuzz
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("name", OPS)
def test_fuzz(name, dtype, cases):
    for seed in range(cases):
        agree(name, (77, seed), dtype)
