"""What holds for every op: its backward agrees with finite differences, and `at=` picks from the full result.

One table of cases drives all tests of this file; a test checks that no op is missing from the table.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np
import pytest

from fastdl import reference

from .case import Array, Case, case, integers, normal, positive
from .cases import CASES

LOGIC = ["logical_and", "logical_or", "logical_not"]
COMPARISONS = ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]
OPTIMIZERS = [name for name in reference.__all__ if name.endswith("_update")]
AUGMENTATIONS = [f"random_{name}" for name in ("crop", "flip", "noise", "rotate", "shift")]
NOT_DIFFERENTIABLE = [*COMPARISONS, *LOGIC, *OPTIMIZERS, *AUGMENTATIONS, "argmax", "one_hot"]
SEVERAL_RESULTS = ["gru", "lstm", "rnn"]  # their gradients are a tuple, and so is `at`
WITH_AT_IN_BACKWARD = ["attention", "conv2d", "dense", "matmul"]


def name_of(case: Case) -> str:
    shapes = "-".join("none" if array is None else "x".join(map(str, array.shape)) for array in case.arrays)
    return f"{case.op}-{shapes}-{case.rest}-{case.options}".replace(" ", "")


def results_of(case: Case, result: Any) -> tuple[Array, ...]:
    """The results that have a gradient."""
    return result if case.op in SEVERAL_RESULTS else (result,)


def grad_of(case: Case, grads: Sequence[Array]) -> Any:
    """The argument `grad` of the backward."""
    return tuple(grads) if case.op in SEVERAL_RESULTS else grads[0]


def check_gradients(case: Case, backward: Callable[[Any], Any]) -> None:
    """Compare backward(u) with central differences of sum(u * forward) for a random u."""
    random = np.random.default_rng(0)
    weights = [random.standard_normal(y.shape) for y in results_of(case, case.forward(case.arrays))]
    u = grad_of(case, weights)
    gradients = backward(u)
    assert isinstance(gradients, tuple) and len(gradients) == len(case.arrays)
    for k, (array, gradient) in enumerate(zip(case.arrays, gradients, strict=True)):
        if array is None or array.dtype.kind != "f":
            assert gradient is None
            continue
        assert gradient.dtype == np.float64 and gradient.shape == array.shape
        numeric = np.empty(array.shape)
        step = 1e-5
        for index in np.ndindex(*array.shape):
            results = []
            for change in (step, -step):
                moved = array.copy()
                moved[index] += change
                arrays = [*case.arrays[:k], moved, *case.arrays[k + 1 :]]
                moved_results = results_of(case, case.forward(arrays))
                results.append(sum(np.sum(w * y) for w, y in zip(weights, moved_results, strict=True)))
            numeric[index] = (results[0] - results[1]) / (2 * step)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_backward_agrees_with_finite_differences(case: Case) -> None:
    check_gradients(case, case.backward)


def zeros(gradient: Array) -> Array:
    return gradient * 0


def a_little_too_long(gradient: Array) -> Array:
    return gradient * 1.0001


def one_element_off(gradient: Array) -> Array:
    gradient = gradient.copy()
    gradient.flat[gradient.size // 2] += 1e-4
    return gradient


def other_shape(gradient: Array) -> Array:
    return gradient[np.newaxis]


def float32(gradient: Array) -> Array:
    return gradient.astype(np.float32)


@pytest.mark.parametrize("spoil", [zeros, a_little_too_long, one_element_off, other_shape, float32])
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_wrong_gradient_is_caught(case: Case, spoil: Callable[[Array], Array]) -> None:
    u = grad_of(case, [np.ones(y.shape) for y in results_of(case, case.forward(case.arrays))])
    for k, gradient in enumerate(case.backward(u)):
        if gradient is None:
            continue

        def wrong(u: Any, k: int = k) -> tuple[Array | None, ...]:
            gradients = case.backward(u)
            return (*gradients[:k], spoil(gradients[k]), *gradients[k + 1 :])

        with pytest.raises(AssertionError):
            check_gradients(case, wrong)


def sample(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Up to ten indices, not in order, one of them twice and one counted from the end."""
    indices = list(np.ndindex(*shape))
    chosen = [indices[k] for k in np.random.default_rng(1).permutation(len(indices))[:8]]
    return [*chosen, chosen[0], tuple(i - n for i, n in zip(chosen[-1], shape, strict=True))]


def values_at(array: Array, indices: list[tuple[int, ...]]) -> Array:
    return np.array([array[index] for index in indices])


FORWARD_ONLY = [
    *(case(op, integers(3, 2, 3), integers(3, 3)) for op in COMPARISONS),
    *(case(op, integers(2, 2, 3), integers(2, 3)) for op in LOGIC[:2]),
    case("logical_not", integers(2, 2, 3)),
    case("one_hot", integers(3, 2), rest=(3,)),
    case("argmax", normal(3, 4)),
    case("argmax", normal(3, 4), rest=(0,)),
]


@pytest.mark.parametrize("case", CASES + FORWARD_ONLY, ids=name_of)
def test_at_picks_from_the_full_result(case: Case) -> None:
    full = results_of(case, case.forward(case.arrays))
    indices = [sample(y.shape) for y in full]
    some = results_of(case, case.forward(case.arrays, at=grad_of(case, [iter(i) for i in indices])))
    none = results_of(case, case.forward(case.arrays, at=grad_of(case, [[] for _ in full])))
    for y, at, chosen, nothing in zip(full, indices, some, none, strict=True):
        assert chosen.ndim == 1 and chosen.dtype == y.dtype
        np.testing.assert_array_equal(chosen, values_at(y, at))
        assert nothing.shape == (0,) and nothing.dtype == y.dtype


@pytest.mark.parametrize("case", [c for c in CASES if c.op in WITH_AT_IN_BACKWARD], ids=name_of)
def test_at_of_a_backward_picks_from_the_full_gradients(case: Case) -> None:
    grad = normal(*case.forward(case.arrays).shape)
    full = case.backward(grad)
    indices = [None if gradient is None else sample(gradient.shape) for gradient in full]
    some = case.backward(grad, at=indices)
    for gradient, chosen, at in zip(full, some, indices, strict=True):
        if at is None:
            assert chosen is None
        else:
            np.testing.assert_array_equal(chosen, values_at(gradient, at))
    for k in range(len(full)):  # None in the place of the indices: that gradient is skipped
        only = case.backward(grad, at=[at if i == k else None for i, at in enumerate(indices)])
        assert [gradient is None for gradient in only] == [i != k or at is None for i, at in enumerate(indices)]
    with pytest.raises(ValueError, match="at has"):
        case.backward(grad, at=indices[:1])


@pytest.mark.parametrize("op", OPTIMIZERS)
def test_at_of_an_optimizer_picks_from_the_full_result(op: str) -> None:
    update = getattr(reference, op)
    names = [p.name for p in signature(update).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    numbers = {"step": 3, "lr": 0.1}
    arguments = [numbers[name] if name in numbers else positive(2, 3) for name in names]
    indices = sample((2, 3))
    full, some = update(*arguments), update(*arguments, at=iter(indices))
    assert len(some) == len(full)
    for all_of_them, chosen in zip(full, some, strict=True):
        np.testing.assert_array_equal(chosen, values_at(all_of_them, indices))


def test_every_op_has_a_case() -> None:
    ops = [name for name in reference.__all__ if not name.endswith("_backward")]
    backwards = [name.removesuffix("_backward") for name in reference.__all__ if name.endswith("_backward")]
    assert set(ops) - {case.op for case in CASES} == set(NOT_DIFFERENTIABLE)
    assert set(backwards) == set(ops) - set(NOT_DIFFERENTIABLE)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_gradient_of_the_wrong_shape_is_an_error(case: Case) -> None:
    shapes = [y.shape for y in results_of(case, case.forward(case.arrays))]
    with pytest.raises(ValueError, match=f"{case.op}_backward: grad is"):
        case.backward(grad_of(case, [np.ones((*shape, 2)) for shape in shapes]))


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_lists_and_other_dtypes_are_computed_in_float64(case: Case) -> None:
    def rounded(array: Array | None) -> Array | None:
        return array if array is None or array.dtype.kind != "f" else np.round(array * 4) / 4

    exact = [rounded(array) for array in case.arrays]  # numbers that float32 holds exactly
    expected = case.forward(exact)
    as_float32 = [a.astype(np.float32) if a is not None and a.dtype.kind == "f" else a for a in exact]
    as_lists: list[Any] = [None if a is None else a.tolist() for a in exact]
    for arrays in (as_float32, as_lists):
        pairs = zip(results_of(case, case.forward(arrays)), results_of(case, expected), strict=True)
        for result, wanted in pairs:
            assert isinstance(result, np.ndarray) and result.dtype == np.float64
            np.testing.assert_array_equal(result, wanted)
