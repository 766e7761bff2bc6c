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
from .cases_of_arrays import LOGIC, logic

COMPARISONS = ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]
OPTIMIZERS = [name for name in reference.__all__ if name.endswith("_update")]
NOT_DIFFERENTIABLE = [*COMPARISONS, *LOGIC, *OPTIMIZERS, "argmax", "one_hot"]
SEVERAL_RESULTS = ["gru", "lstm", "rnn"]  # their gradients are a tuple, and so is `at`
WITH_AT_IN_BACKWARD = ["attention", "conv2d", "dense", "matmul"]
from .loss_cases import LOSSES

Array = NDArray[Any]
COMPARISONS = ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]
OPTIMIZERS = ["sgd_update", "adam_update"]
NOT_DIFFERENTIABLE = [*COMPARISONS, *OPTIMIZERS, "argmax"]
WITH_AT_IN_BACKWARD = ["conv2d", "dense", "matmul"]


class Case(NamedTuple):
    op: str
    arrays: tuple[Array | None, ...]  # the leading array arguments; None: an absent one
    rest: tuple[Any, ...]  # the other positional arguments
    options: dict[str, Any]

    def arguments(self, arrays: Sequence[Array | None]) -> tuple[Any, ...]:
        return (list(arrays), *self.rest) if self.op == "concatenate" else (*arrays, *self.rest)

    def forward(self, arrays: Sequence[Array | None], **more: Any) -> Any:
        return getattr(reference, self.op)(*self.arguments(arrays), **self.options, **more)

    def backward(self, grad: Array, **more: Any) -> Any:
        function = getattr(reference, f"{self.op}_backward")
        return function(grad, *self.arguments(self.arrays), **self.options, **more)


random = np.random.default_rng(20240607)


def normal(*shape: int) -> Array:
    return random.standard_normal(shape)


def positive(*shape: int) -> Array:
    return random.uniform(0.5, 2.0, shape)


def integers(below: int, *shape: int) -> Array:
    return random.integers(below, size=shape)


def case(op: str, *arguments: Any, rest: tuple[Any, ...] = (), **options: Any) -> Case:
    for array in arguments:
        if array is not None:
            array.setflags(write=False)  # an op that writes to its input fails
    return Case(op, arguments, rest, options)


CASES = [
    case("dense", normal(3, 4), normal(5, 4), normal(5)),
    case("dense", normal(4), normal(2, 4), None),
    case("dense", normal(2, 3, 4), normal(2, 4), normal(2), activation="identity"),
    case("dense", normal(3, 4), normal(5, 4), normal(5), activation="relu"),
    case("dense", normal(3, 4), normal(5, 4), normal(5), activation="tanh"),
    case("dense", normal(3, 4), normal(5, 4), None, activation="sigmoid"),
    case("matmul", normal(3), normal(3)),
    case("matmul", normal(3), normal(3, 4)),
    case("matmul", normal(2, 3), normal(3)),
    case("matmul", normal(2, 3), normal(3, 4)),
    case("matmul", normal(3), normal(2, 3, 4)),
    case("matmul", normal(2, 5, 3), normal(3)),
    case("matmul", normal(2, 1, 2, 3), normal(4, 3, 2)),
    case("matmul", normal(2, 3), normal(2, 2, 3, 1)),
    case("matmul", normal(1, 2, 3), normal(1, 3, 2)),
    case("conv2d", normal(2, 3, 5, 4), normal(2, 3, 3, 2), normal(2)),
    case("conv2d", normal(1, 2, 5, 6), normal(3, 2, 3, 3), None, stride=(2, 3), padding=1),
    case("conv2d", normal(1, 2, 6, 5), normal(2, 2, 3, 2), None, stride=2, padding=(2, 1), dilation=(2, 1)),
    case("conv2d", normal(1, 1, 4, 5), normal(2, 1, 3, 2), None, padding=((2, 0), (1, 3)), dilation=(1, 3)),
    case("conv2d", normal(1, 4, 4, 4), normal(6, 2, 3, 3), normal(6), padding="same", groups=2),
    case("conv2d", normal(2, 3, 4, 3), normal(3, 1, 2, 2), None, groups=3, padding="same"),
    case("conv2d", normal(1, 1, 5, 6), normal(1, 1, 2, 3), None, padding="same", stride=(2, 4)),
    case("conv2d", normal(1, 1, 5, 6), normal(1, 1, 1, 1), None, padding="valid", stride=3),
    case("conv2d", normal(2, 4, 5, 2), normal(4, 1, 2, 3), normal(4), groups=2, padding=1, layout="NHWC"),
    case("max_pool2d", normal(2, 2, 4, 6), rest=(2,)),
    case("max_pool2d", normal(1, 2, 5, 6), rest=((3, 2),), stride=(1, 2), padding=(1, 0)),
    case("max_pool2d", normal(1, 5, 4, 3), rest=(3,), stride=2, padding=1, layout="NHWC"),
    case("avg_pool2d", normal(2, 2, 4, 6), rest=(2,)),
    case("avg_pool2d", normal(1, 2, 5, 6), rest=((3, 2),), stride=(1, 2), padding=1),
    case("avg_pool2d", normal(1, 5, 4, 3), rest=(3,), padding=1, count_include_pad=False, layout="NHWC"),
    case("relu", normal(3, 4)),
    case("tanh", normal(3, 4)),
    case("sigmoid", normal(3, 4)),
    case("softmax", normal(3, 4)),
    case("softmax", normal(2, 3, 2), rest=(1,)),
    case("log_softmax", normal(3, 4)),
    case("log_softmax", normal(2, 3, 2), rest=(0,)),
    case("dropout", normal(4, 5), rest=(0.3,), seed=1, step=2, node=3),
    case("dropout", normal(3), rest=(0.0,), seed=1, step=2),
    *(case("mse_loss", normal(3, 2), normal(3, 2), reduction=r) for r in ("mean", "sum", "none")),
    *(case("cross_entropy", normal(4, 3), integers(3, 4), reduction=r) for r in ("mean", "sum", "none")),
    case("cross_entropy", normal(2, 3, 2, 2), integers(3, 2, 2, 2)),
    case("cross_entropy", normal(2, 3, 2), integers(3, 2, 2), reduction="none"),
    *(
        case("binary_cross_entropy_with_logits", normal(3, 2), positive(3, 2) / 2.5, reduction=r)
        for r in ("mean", "sum", "none")
    ),
    *(case(op, *arrays, **options) for op, arrays, options in LOSSES),
    case("add", normal(3, 1), normal(4)),
    case("subtract", normal(2, 3), normal(2, 1)),
    case("multiply", normal(2, 3), normal()),
    case("divide", normal(3), positive(2, 3)),
    case("divide", normal(2, 1, 3), positive(4, 1)),
    case("power", positive(2, 3), normal(3)),
    case("maximum", normal(2, 3), normal(3)),
    case("minimum", normal(3), normal(2, 3)),
    case("negative", normal(3)),
    case("exp", normal(2, 3)),
    case("log", positive(2, 3)),
    case("astype", normal(2, 3), rest=(np.float64,)),
    case("sqrt", positive(2, 3)),
    case("abs", normal(2, 3)),
    case("where", normal(2, 3) > 0, normal(2, 3), normal(3)),
    case("where", np.array([[True], [False]]), normal(3), normal()),
    *(
        case(op, normal(2, 3, 4), rest=rest)
        for op in ("sum", "mean", "max", "min")
        for rest in ((), (1,), ((0, -1), True), (None, True), ((),))
    ),
    case("reshape", normal(2, 6), rest=((3, -1),)),
    case("reshape", normal(2, 2), rest=(4,)),
    case("transpose", normal(2, 3, 4)),
    case("transpose", normal(2, 3, 4), rest=((1, -1, 0),)),
    case("concatenate", normal(2, 3), normal(1, 3), normal(3, 3)),
    case("concatenate", normal(2, 3, 1), normal(2, 1, 1), normal(2, 2, 1), rest=(-2,)),
    case("slice", normal(4, 5), rest=(np.s_[1:, ::-2],)),
    case("slice", normal(3, 4, 5), rest=(np.s_[-1, ..., None, 1:4:2],)),
    case("take", normal(4, 3), integers(4, 5)),
    case("take", normal(2, 4, 3), integers(4, 2, 2) - 4, rest=(1,)),
    case("take_along_axis", normal(3, 4), integers(4, 3, 6), rest=(1,)),
    case("take_along_axis", normal(3, 4, 1), integers(3, 2, 1, 5) - 1, rest=(0,)),
    case("broadcast_to", normal(3, 1), rest=((2, 3, 4),)),
]


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
    *logic(case, integers),
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
