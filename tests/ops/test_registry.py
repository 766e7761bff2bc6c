"""Nothing is missing from a row of the registry, and every op refuses what it cannot take."""

import inspect
import re

import numpy as np
import pytest

from fastdl import functional as F
from fastdl import reference, testing
from fastdl.ops import OPS, PRIMITIVES
from fastdl.testing._cases import argument_names, arrays_in

UPDATES = tuple(name for name in PRIMITIVES if name.endswith("_update"))
NOT_DIFFERENTIABLE = (
    *UPDATES,
    "scheduled_rate",
    "tally",
    "narrow_step",
    "gather_batch",
    "gather_sparse",
    "sign",
    "one_hot",
)
NOT_DIFFERENTIABLE += ("random_crop", "random_flip", "random_noise", "random_rotate", "random_shift")
DIFFERENTIABLE = [name for name in OPS if OPS[name].backward is not None]
SAVED = inspect.Parameter.KEYWORD_ONLY


def names_in_errors(function, count):
    """The names of the first arguments as patterns; those under a star are numbered: operands[0]."""
    return [re.sub(r"_(\d+)$", r"\\[\1\\]", name) for name in argument_names(function, count)]


def parameters(function, *left_out):
    return [p for p in inspect.signature(function).parameters.values() if p.name not in left_out]


@pytest.mark.parametrize("name", OPS)
def test_the_row_is_complete(name):
    op = OPS[name]
    doc = inspect.getdoc(op.forward) or ""
    assert doc.splitlines()[0].endswith(".") and ">>> " in doc
    assert getattr(F, name) is op.forward and name in F.__all__
    assert op.reference is getattr(reference, name)
    assert op.draw is not None
    args, options = testing.draw(name, 0)
    result = op.forward(*args, **options)
    floating = any(y.dtype.kind == "f" for y in arrays_in([result]))
    assert (op.backward is not None) == (floating and name not in NOT_DIFFERENTIABLE)


@pytest.mark.parametrize("name", OPS)
def test_the_twin_takes_the_same_arguments(name):
    op = OPS[name]
    ours = [(p.name, p.kind, p.default) for p in parameters(op.forward, "out")]
    theirs = [(p.name, p.kind, p.default) for p in parameters(op.reference, "at")]
    assert ours == theirs


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_the_backward_takes_the_arguments_of_its_op(name):
    op = OPS[name]
    assert inspect.getdoc(op.backward)
    assert getattr(F, f"{name}_backward") is op.backward and f"{name}_backward" in F.__all__
    assert op.reference_backward is getattr(reference, f"{name}_backward")
    grad, *others = parameters(op.backward)
    assert grad.name == "grad" and grad.default is inspect.Parameter.empty
    forward = parameters(op.forward, "out")
    given, saved = others[: len(forward)], others[len(forward) :]
    assert [(p.name, p.kind, p.default) for p in given] == [(p.name, p.kind, p.default) for p in forward]
    assert all(p.kind is SAVED and p.default is None for p in saved)


def test_every_primitive_with_floating_results_has_a_vjp():
    # What users make of functions of their own is theirs to give a gradient.
    missing = {name for name, p in PRIMITIVES.items() if p.vjp is None and "custom_op" not in name}
    comparisons = {"equal", "greater", "greater_equal", "less", "less_equal", "not_equal", "beats_above", "beats_below"}
    logic = {"logical_and", "logical_or", "logical_not"}
    # Of arrays only: what a handle keeps beside its weight, which is what the gradient is for; products made together.
    handles = {"dense_pack", "dense_prepared", "winograd_panels", "dense_gradients"}
    steps = {"advance", "count_correct", "gather_sparse", "moving_average", "narrow_step", "tally"}
    assert missing <= {*NOT_DIFFERENTIABLE, *comparisons, *logic, "argmax", *steps, *handles}


# Functions that only move elements take integers and booleans too.
MOVING = ("expand_dims", "flip", "squeeze", "stack", "swapaxes")
MOVING += ("astype", "broadcast_to", "concatenate", "reshape", "slice", "take", "take_along_axis", "transpose")


@pytest.mark.parametrize("dtype", ["int64", "float16", "complex128", "bool", "object"])
@pytest.mark.parametrize("name", OPS)
def test_other_dtypes_are_refused_by_name(name, dtype):
    args, options = testing.draw(name, 1)
    names = names_in_errors(OPS[name].forward, len(args))
    for i, x in enumerate(args):
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or (name in MOVING and dtype in ("int64", "bool")):
            continue
        wrong = [*args[:i], x.astype(dtype), *args[i + 1 :]]
        with pytest.raises(TypeError, match=rf"^{name}: .*\b{names[i]} has dtype {dtype}.*convert"):
            OPS[name].forward(*wrong, **options)


@pytest.mark.parametrize("name", OPS)
def test_mixed_dtypes_are_refused_by_name(name):
    args, options = testing.draw(name, 1)
    names = names_in_errors(OPS[name].forward, len(args))
    floats = [i for i, x in enumerate(args) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    for i in floats[1:]:
        wrong = [*args[:i], args[i].astype(np.float64), *args[i + 1 :]]
        with pytest.raises(TypeError, match=rf"^{name}: .*\b{names[i]} has dtype float64.*convert.*astype"):
            OPS[name].forward(*wrong, **options)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_gradient_of_another_dtype_or_shape_is_refused(name):
    (given, *args), options = testing.draw(f"{name}_backward", 1)
    several = isinstance(given, tuple)
    for k, grad in enumerate(given if several else (given,)):
        for wrong in (grad.astype(np.float64), grad.astype(np.int64), np.zeros((*grad.shape, 2), grad.dtype)):
            grads = (*given[:k], wrong, *given[k + 1 :]) if several else wrong
            with pytest.raises((TypeError, ValueError), match=f"^{name}_backward: .*grad "):
                OPS[name].backward(grads, *args, **options)


@pytest.mark.parametrize("name", OPS)
def test_lists_are_refused_by_name(name):
    args, options = testing.draw(name, 1)
    names = names_in_errors(getattr(F, name), len(args))
    for i, x in enumerate(args):
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            with pytest.raises(TypeError, match=f"^{name}: {names[i]} is a list"):
                getattr(F, name)(*args[:i], x.tolist() if x.ndim else [1.0], *args[i + 1 :], **options)
