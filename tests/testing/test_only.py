"""Kernels with fewer options than the op: only what they take is drawn, and the code to paste says so."""

import inspect

import numpy as np
import pytest

from fastdl import functional as F
from fastdl import testing
from fastdl.testing import VerificationError, verify


def plain_conv2d(x, weight):
    return F.conv2d(x, weight)


def strided_conv2d(x, weight, *, stride=1, padding=0):
    assert isinstance(stride, int) and isinstance(padding, int)
    return F.conv2d(x, weight, stride=stride, padding=padding)


def plain_conv2d_backward(grad, x, weight):
    return F.conv2d_backward(grad, x, weight)[:2]


def self_attention(query, key, value):
    return F.attention(query, key, value)


@pytest.mark.parametrize(
    ("kernel", "name", "only"),
    [
        (plain_conv2d, "conv2d", ()),
        (strided_conv2d, "conv2d", {"stride": int, "padding": int}),
        (plain_conv2d_backward, "conv2d_backward", ()),
        (self_attention, "attention", []),
        (lambda logits, target: F.cross_entropy(logits, target), "cross_entropy", ()),
        (lambda x, axis=-1: F.softmax(x, axis), "softmax", {"axis"}),
    ],
)
def test_a_kernel_with_fewer_options_passes(kernel, name, only):
    verify(kernel, name, cases=30, only=only)


def test_the_options_that_are_left_are_drawn():
    seen = set()
    for seed in range(60):
        args, options = testing.draw("conv2d", seed, only={"stride": int, "padding": (int, str)})
        assert set(options) <= {"stride", "padding"} and len(args) == 2
        seen |= set(options.items())
        F.conv2d(*args, **options)
    assert {("stride", 1), ("stride", 2), ("padding", 1), ("padding", "same")} <= seen


def test_without_the_remedy_the_error_names_it():
    with pytest.raises(VerificationError, match=r"no bias, dilation, groups, layout, .* only=\{'stride', 'padding'\}"):
        verify(strided_conv2d, "conv2d")
    with pytest.raises(VerificationError, match=r"give verify only=\(\)"):
        verify(plain_conv2d, "conv2d")


def test_the_code_to_paste_leaves_them_out_too():
    def zero_when_large(x, weight, *, stride=1):
        return F.conv2d(x, weight, stride=stride) * (0 if x.size > 300 else 1)

    with pytest.raises(VerificationError) as caught:
        verify(zero_when_large, "conv2d", only={"stride"})
    code = inspect.cleandoc(str(caught.value).split("alike:\n")[1])
    assert "only={'stride'}" in code
    with pytest.raises(AssertionError):
        exec(code, {"zero_when_large": zero_when_large})


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ({"strides"}, "conv2d has no optional argument 'strides' for only; did you mean stride?"),
        ({"mode"}, "it has bias, stride, padding, dilation, groups, layout"),
        ("stride", "only is the string 'stride'; expected a collection of options"),
    ],
)
def test_what_is_no_option_is_refused(only, message):
    with pytest.raises(ValueError, match=message):
        verify(plain_conv2d, "conv2d", only=only)


@pytest.mark.parametrize(("name", "value"), [("values", "huge"), ("layout", "diagonal")])
def test_draw_refuses_what_it_does_not_know(name, value):
    with pytest.raises(ValueError, match=f"draw: {name} is '{value}'; expected one of '"):
        testing.draw("conv2d", 0, **{name: value})


@pytest.mark.parametrize("name", ["softmax", "cross_entropy_backward", "attention", "sigmoid"])
def test_large_values_would_overflow_in_a_naive_formula(name):
    (args, _), (same, _) = (testing.draw(name, (3, 8), "float32", values=v) for v in ("large", "drawn"))
    assert np.abs(args[name.endswith("_backward")]).max() > 89 > np.abs(same[name.endswith("_backward")]).max()


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_progress_is_shown_where_asked_for(progress, shown, capsys):
    verify(F.relu, "relu", cases=3, progress=progress)
    testing.verify_op("negative", cases=3, progress=progress)
    assert ("relu: " in (err := capsys.readouterr().err)) == ("negative, threads: " in err) == shown
