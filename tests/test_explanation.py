"""``fd.explain``: what a call would run, counted; nothing computed, no value looked at."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import nn
from fastdl.functional import _counts
from fastdl.ops import PRIMITIVES, Lowering, Primitive


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def naive_operations(outputs, terms):
    """A multiplication and an addition for each term of each number of the result."""
    return 2.0 * outputs * terms


CALLS = [
    (F.matmul, (zeros(3, 5, 7), zeros(7, 2)), {}, naive_operations(3 * 5 * 2, 7)),
    (F.matmul, (zeros(5, 7, dtype=np.float64), zeros(7, dtype=np.float64)), {}, naive_operations(5, 7)),
    (F.dense, (zeros(10, 6), zeros(4, 6), zeros(4)), {}, naive_operations(10 * 4, 6)),
    (F.dense_backward, (zeros(10, 4), zeros(10, 6), zeros(4, 6), zeros(4)), {}, 2 * naive_operations(10 * 4, 6)),
    (F.conv2d, (zeros(2, 6, 9, 8), zeros(4, 3, 3, 2)), {"groups": 2}, naive_operations(2 * 4 * 7 * 7, 3 * 3 * 2)),
    (
        F.conv2d_backward,
        (zeros(2, 4, 7, 7), zeros(2, 6, 9, 8), zeros(4, 3, 3, 2)),
        {"groups": 2},
        2 * naive_operations(2 * 4 * 7 * 7, 3 * 3 * 2),
    ),
    (F.filter2d, (zeros(20, 30, 3), zeros(5, 3)), {}, naive_operations(20 * 30 * 3, 15)),
    (F.attention, (zeros(2, 9, 4), zeros(2, 11, 4), zeros(2, 11, 3)), {}, naive_operations(2 * 9 * 11, 4 + 3)),
    (F.attention, (zeros(9, 4), zeros(9, 4), zeros(9, 4)), {"causal": True}, naive_operations(9 * 9, 4)),
    (F.softmax, (zeros(10, 6),), {}, 0.0),
]
GATES = {F.rnn: 1, F.gru: 3, F.lstm: 4}


@pytest.mark.parametrize("layer", GATES, ids=lambda layer: layer.__name__)
def test_recurrent_layers_count_the_inputs_and_every_step(layer):
    n, steps, features, hidden = 3, 5, 7, 6
    columns = GATES[layer] * hidden
    states = [None] * (2 if layer is F.lstm else 1)
    x, w, u = zeros(n, steps, features), zeros(columns, features), zeros(columns, hidden)
    of_inputs = naive_operations(n * steps * columns, features)
    of_steps = naive_operations(n * steps * columns, hidden)
    parts = fd.explain(layer, x, *states, w, u).parts
    assert sum(part.operations for part in parts) == of_inputs + of_steps
    slope = fd.explain(fd.grad(lambda u: F.sum(layer(x, *states, w, u)[0])), u)
    assert [p.operations for p in slope.parts if p.primitive.endswith("_sequence_grad")] == [of_steps]


@pytest.mark.parametrize(("function", "args", "options", "expected"), CALLS)
def test_operations(function, args, options, expected):
    assert fd.explain(function, *args, **options).operations == expected


def test_every_count_is_of_a_primitive():
    assert set(_counts._COUNTS) <= set(PRIMITIVES)


def test_what_a_call_runs():
    found = fd.explain(F.filter2d, zeros(480, 640), zeros(3, 3))
    (part,), (launch,) = found.parts, found.launches
    assert (part.primitive, launch.kernel, launch.dtypes) == ("filter2d", "filters: correlate", ("float32",))
    assert part.outputs[0].shape == (480, 640)
    assert launch.cells > 1 and 1 <= launch.threads <= fd.get_num_threads() and launch.work > 0
    assert part.scratch_bytes == found.scratch_bytes > 0
    assert "in registers" in part.algorithm and "in place" in part.why
    assert found.bytes == 2 * 480 * 640 * 4 + 9 * 4


def test_the_threads_are_those_that_compute():
    with fd.threads(1):
        assert {launch.threads for launch in fd.explain(F.exp, zeros(1000, 1000)).launches} == {1}


def test_parts_of_a_composition_in_order_and_views_are_free():
    def model(x, w):
        return F.relu(F.matmul(F.reshape(x, (4, 6)), w))

    assert [part.primitive for part in fd.explain(model, zeros(24), zeros(6, 3)).parts] == ["matmul", "relu"]


def test_layers_and_gradients():
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    found = fd.explain(model, zeros(7, 5))
    assert [part.primitive for part in found.parts] == ["dense", "relu", "dense"]
    assert found.bytes == 4 * (7 * 5 + 7 * 3 + 5 * 4 + 4 + 4 * 3 + 3)
    slope = fd.explain(fd.grad(lambda w, x: F.sum(F.matmul(x, w))), zeros(5, 4), zeros(7, 5))
    assert sum(part.primitive == "matmul" for part in slope.parts) >= 1


def test_a_place_for_the_result_makes_no_difference():
    args = zeros(48, 64), zeros(3, 3)
    assert fd.explain(F.filter2d, *args, out=zeros(48, 64)) == fd.explain(F.filter2d, *args)


def test_nothing_is_computed_and_no_value_read(monkeypatch):
    monkeypatch.setattr("fastdl._kernels.program.Program.run", lambda *args: 1 / 0)
    labels = np.full(8, 10**6)  # far out of range
    assert fd.explain(F.cross_entropy, np.full((8, 3), np.nan, np.float32), labels).launches
    x = zeros(3, 3)
    fd.explain(F.matmul, x, x)
    assert (x == 0).all()


def test_wrong_arguments_raise_as_the_call_does():
    with pytest.raises(ValueError, match="matmul: a has 3 columns, b has 4 rows"):
        fd.explain(F.matmul, zeros(2, 3), zeros(4, 5))


def test_the_limit_is_the_slower_of_two():
    large = fd.explain(F.matmul, zeros(600, 600), zeros(600, 600))
    assert large.limit == "arithmetic" and large.least_seconds == large.arithmetic_seconds > large.memory_seconds > 0
    thin = fd.explain(F.exp, zeros(1000, 1000))
    assert thin.limit == "memory" and thin.least_seconds == thin.memory_seconds > thin.arithmetic_seconds == 0


def test_nothing_at_all():
    found = fd.explain(F.exp, zeros(0, 3))
    assert found.launches == () and found.bytes == found.operations == 0 and found.least_seconds == 0
    assert "0 B" in str(found)


def test_the_table_says_all_of_it():
    found = fd.explain(F.softmax, zeros(64, 1000), axis=0)
    head, counts, limits, columns, note, row = str(found).splitlines()
    assert head == "softmax((64, 1000) float32, axis=0)"
    assert counts == "no sums of products, 512 kB in and out, float32"
    assert limits.startswith("threads ") and "set by memory" in limits
    assert columns.split() == ["launch", "cells", "threads", "work", "scratch"]
    assert note.strip().startswith("softmax by 128 lines side by side: ")
    assert row.split()[:4] == ["softmax", "softmax:", "softmax", "columns"]
    assert repr(found) == "<softmax((64, 1000) float32, axis=0): 1 launches, 0 operations, 512000 bytes>"


def test_what_a_lowering_says_of_itself(monkeypatch):
    monkeypatch.delitem(PRIMITIVES, "noted", raising=False)

    def lower(lowering, inputs, outputs):
        lowering.note(algorithm="steps", why="few", operations=10, alternatives=["leaps"])
        lowering.note(why="small")

    noted = Primitive("noted", lambda x: (x,), lower)
    monkeypatch.delitem(PRIMITIVES, "noted")
    (part,) = fd.explain(lambda x: noted(x)[0], zeros(3)).parts
    assert (part.algorithm, part.why, part.operations) == ("steps", "few; small", 10)
    assert part.alternatives == ("leaps",)
    assert "noted by steps: few; small (instead of leaps)" in str(fd.explain(lambda x: noted(x)[0], zeros(3)))


def test_notes_cost_a_call_nothing():
    assert Lowering.note(None, algorithm="any") is None


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"function is a str; pass the function itself .* fd.explain\(F.softmax, x\)"):
        fd.explain("conv2d", zeros(2, 2))


def test_convolutions_say_how_they_are_computed():
    images, weight = zeros(8, 64, 28, 28), zeros(64, 64, 3, 3)
    (part,) = fd.explain(F.conv2d, images, weight, padding=1).parts
    assert "Winograd" in part.algorithm and "strict" in part.alternatives[0]
    formula = 2 * 8 * 64 * 784 * 64 * 9
    assert part.operations == formula / 4
    with fd.precision("strict"):
        (part,) = fd.explain(F.conv2d, images, weight, padding=1).parts
    assert "9 taps" in part.algorithm and part.operations == formula


def test_the_gradient_of_a_convolution_says_how_it_is_computed():
    images, weight, grad = zeros(8, 64, 28, 28), zeros(64, 64, 3, 3), zeros(8, 64, 28, 28)
    part = fd.explain(F.conv2d_backward, grad, images, weight, padding=1).parts[1]
    assert part.primitive == "conv2d_weight_grad"
    assert "F(3 x 3, 4 x 4)" in part.algorithm and "strict" in part.alternatives[0]
    assert part.operations == 2 * 8 * 64 * 784 * 64 * 9 / 4
    with fd.precision("strict"):
        part = fd.explain(F.conv2d_backward, grad, images, weight, padding=1).parts[1]
    assert part.algorithm == ""
    large = zeros(32, 256, 28, 28)  # whose transforms take 230 MB
    part = fd.explain(F.conv2d_backward, large, large, zeros(256, 256, 3, 3), padding=1).parts[1]
    assert "F(3 x 3, 4 x 4)" in part.algorithm and part.scratch_bytes < 60e6
