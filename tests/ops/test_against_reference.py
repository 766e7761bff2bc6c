"""Every op, and every backward, against its naive twin: the walk over the registry that nothing escapes."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastdl import functional as F
from fastdl import ops, plan, reference
from fastdl._kernels import arena
from fastdl.testing import POISONS, _verify
from fastdl.testing._cases import arrays_in, map_arrays
from fastdl.testing._code import code
from fastdl.testing._draws import with_non_finite

NAMES = [name for op in ops.OPS for name in (op, f"{op}_backward") if hasattr(reference, name)]
SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from(["float32", "float64"])


@contextlib.contextmanager
def poisoned(value):
    """Outputs and arenas start with ``value`` in them, the latter with the bytes of a NaN where it is one."""
    take = arena.take

    def take_poisoned(nbytes):
        taken = take(nbytes)
        whole = taken.memory[: taken.memory.size // 8 * 8]
        whole.view(np.float64)[...] = value
        return taken

    def empty_poisoned(shape, dtype):
        fresh = np.empty(shape, dtype)
        fresh.fill(value if fresh.dtype.kind == "f" else value == POISONS[0])
        return fresh

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arena, "take", take_poisoned)
        for module in (ops, plan):
            patch.setattr(module, "allocator", lambda nbytes: empty_poisoned)
        ops.forget_programs()
        try:
            yield
        finally:
            ops.forget_programs()


def assert_right(function, case):
    problem, _ = _verify.check(function, case)
    assert problem is None, f"{problem.text}\n{code(case, function)}"


def same_bits(first, second):
    for a, b in zip(arrays_in(first), arrays_in(second), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b)) if a.dtype.kind == "f" else None


def case_of(name, dtype, seed):
    """One case in any of the layouts, every seventh with a NaN or an infinity where the op goes by element."""
    return _verify.make_case(name, dtype, seed // 1000, seed % 1000)


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, dtype=DTYPES)
def test_agrees_with_the_reference(name, seed, dtype):
    assert_right(getattr(F, name), case_of(name, dtype, seed))


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, dtype=DTYPES)
def test_all_of_the_result_is_written(name, seed, dtype):
    case = case_of(name, dtype, seed)._replace(layout="plain")
    results = []
    for value in (*POISONS, np.nan):
        args, options = case.arranged()
        with poisoned(value):
            results.append(getattr(F, name)(*args, **options))
    same_bits(results[0], results[1])
    same_bits(results[0], results[2])


def unaligned(x):
    """The array one byte off the place where its elements would lie well; read-only."""
    memory = np.empty(x.nbytes + 1, np.uint8)
    moved = memory[1:].view(np.uint8)[: x.nbytes].view(x.dtype).reshape(x.shape)
    moved[...] = x
    moved.flags.writeable = False
    return moved


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, dtype=DTYPES)
def test_unaligned_arrays(name, seed, dtype):
    case = case_of(name, dtype, seed)._replace(layout="plain")
    args, options = case.arranged()
    expected = getattr(F, name)(*args, **options)
    same_bits(getattr(F, name)(*map_arrays(unaligned, args), **options), expected)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", NAMES)
def test_fuzz(name, cases):
    for seed in range(cases):
        case = _verify.make_case(name, ("float32", "float64")[seed % 2], 20250101, seed)
        assert_right(getattr(F, name), case)


ZEROS_IN_GAPS = ("conv1d_backward", "conv2d_backward")  # 0 in a stride's gap times inf
ZEROS_BEYOND_THE_EDGE = tuple(f"conv_transpose{d}d{part}" for d in (1, 2) for part in ("", "_backward"))
ZEROS_BEYOND_THE_EDGE += ("filter2d_backward",)
SUMMED_FIRST = ("einsum", "einsum_backward")  # inf times a sum is not a sum of infinities
NOT_TERM_BY_TERM = ZEROS_IN_GAPS + ZEROS_BEYOND_THE_EDGE + SUMMED_FIRST


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_TERM_BY_TERM])
@given(seed=SEEDS, dtype=DTYPES)
def test_nan_and_infinity_come_through(name, seed, dtype):
    case = _verify.make_case(name, dtype, seed // 1000, seed % 1000)
    assert_right(getattr(F, name), with_non_finite(case, seed % 97))
