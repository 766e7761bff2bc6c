"""Recording: ordinary NumPy code on recorded tensors, and what cannot be recorded."""

import operator

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl.graph import Graph
from fastdl.ops import Spec

RANDOM = np.random.default_rng(11)
X = RANDOM.standard_normal((4, 3))
Y = RANDOM.standard_normal((4, 3)) + 3.0


def same(function, *arrays):
    """The function as it is and recorded: the same values, shapes and dtypes."""
    expected = function(*arrays)
    found = fd.compile(function)(*arrays)
    assert found.dtype == np.asarray(expected).dtype
    rounding = 8 * np.finfo(found.dtype).eps if found.dtype.kind == "f" else 0
    np.testing.assert_allclose(found, expected, rtol=rounding, atol=rounding)
    assert found.shape == np.shape(expected)


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, np.add, np.subtract, np.multiply, np.divide]
BINARY += [np.true_divide, np.maximum, np.minimum]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
COMPARISONS += [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]


@pytest.mark.parametrize("function", [*BINARY, *COMPARISONS])
def test_two_operands(function):
    same(function, X, Y)
    same(function, X, Y[0])
    for number in (2, 1.5, np.float64(1.5)):
        same(lambda x: function(x, number), X)  # noqa: B023
        same(lambda x: function(number, x), X)  # noqa: B023
    same(lambda x: function(x, Y), X)  # a captured array on either side
    same(lambda x: function(Y, x), X)
    same(lambda x: function(x, 2), X.astype(np.float32))


def test_powers():
    same(lambda y: y**2, Y)
    same(lambda y: y**0.5, Y)
    same(lambda y: 2.0**y, Y)
    same(lambda y, x: y**x, Y, X)
    same(lambda y, x: np.power(y, x), Y, X)


@pytest.mark.parametrize(
    "function",
    [operator.neg, operator.pos, abs, np.negative, np.exp, np.log, np.sqrt, np.abs, np.absolute, np.tanh, np.square]
    + [np.reciprocal],
)
def test_one_operand(function):
    same(function, Y)
    same(function, Y.astype(np.float32))


@pytest.mark.parametrize("function", [np.sum, np.mean, np.max, np.min, np.amax, np.amin])
def test_reductions(function):
    same(function, X)
    for axis in (0, 1, -1, (0, 1), ()):
        same(lambda x: function(x, axis=axis), X)  # noqa: B023
        same(lambda x: function(x, axis, keepdims=True), X) if axis == 0 else None  # noqa: B023
        same(lambda x: function(x, axis=axis, keepdims=True), X)  # noqa: B023
    same(lambda x: np.argmax(x, axis=1), X)
    same(lambda x: np.argmax(x), X)


def test_methods():
    for method in ("sum", "mean", "max", "min"):
        same(lambda x: getattr(x, method)(), X)  # noqa: B023
        same(lambda x: getattr(x, method)(axis=1, keepdims=True), X)  # noqa: B023
        same(lambda x: getattr(x, method)(0), X)  # noqa: B023
    same(lambda x: x.argmax(axis=0), X)
    same(lambda x: x.reshape(3, 4), X)
    same(lambda x: x.reshape((2, -1)), X)
    same(lambda x: x.reshape(-1), X)
    same(lambda x: x.ravel(), X)
    same(lambda x: x.T, X)
    same(lambda x: x.transpose(), X)
    same(lambda x: x.transpose(1, 0), X)
    same(lambda x: x.transpose((1, 0)), X)
    same(lambda x: x.astype(np.float32), X)
    same(lambda x: np.zeros(x.shape) + x.ndim + x.size + len(x) + x, X)


def test_reduce_of_a_ufunc_is_along_the_first_axis():
    same(np.add.reduce, X)
    same(np.maximum.reduce, X)
    same(lambda x: np.minimum.reduce(x, axis=1), X)
    same(lambda x: np.add.reduce(x, axis=None), X)
    same(lambda x: np.add.reduce(x, axis=1, keepdims=True), X)


def test_matrix_products():
    same(lambda a, b: a @ b.T, X, Y)
    same(lambda a, b: np.matmul(a, b.T), X, Y)
    same(lambda a, b: np.dot(a.T, b), X, Y)
    same(lambda a: a @ Y.T, X)
    same(lambda a: Y.T @ a, X)


INDICES = [
    np.s_[0],
    np.s_[-1],
    np.s_[1:3],
    np.s_[::2],
    np.s_[::-1],
    np.s_[1, 2],
    np.s_[:, 1],
    np.s_[..., 0],
    np.s_[None],
    np.s_[:, None, 1:],
    np.s_[3:1],
    np.array([2, 0, 0]),
    [1, -1],
    np.array([[0, 1], [2, 3]]),
    np.int64(2),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing(index):
    same(lambda x: x[index], X)


def test_indexing_with_recorded_integers():
    same(lambda x, i: x[i], X, np.array([3, 1, 1]))


def test_loops_over_a_tensor():
    same(lambda x: sum(row * 2.0 for row in x), X)

    def unpacked(x):
        a, b, c, d = x
        return a * b - c + d

    same(unpacked, X)


FUNCTIONS = {
    "reshape": lambda x: np.reshape(x, (3, 4)),
    "ravel": np.ravel,
    "transpose": np.transpose,
    "transpose axes": lambda x: np.transpose(x, (1, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "concatenate": lambda x: np.concatenate([x, Y, x], axis=1),
    "concatenate first": lambda x: np.concatenate([x, Y]),
    "stack": lambda x: np.stack([x, Y]),
    "stack last": lambda x: np.stack([x, Y], axis=-1),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "expand_dims last": lambda x: np.expand_dims(x, -1),
    "squeeze": lambda x: np.squeeze(x[:, :1]),
    "squeeze axis": lambda x: np.squeeze(x[:1, :1], axis=0),
    "squeeze axes": lambda x: np.squeeze(x[:1, :1], axis=(0, -1)),
    "where": lambda x: np.where(x > 0, x, 0.0),
    "where arrays": lambda x: np.where(x > 0, x, Y),
    "where captured": lambda x: np.where(Y > 3, x, -1.0),
    "take": lambda x: np.take(x, np.array([5, 0])),
    "take axis": lambda x: np.take(x, np.array([2, 0]), axis=1),
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[0], [2], [1], [0]]), axis=1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 4, 3)),
    "clip": lambda x: np.clip(x, -0.5, 0.5),
    "clip low": lambda x: np.clip(x, 0, None),
    "zeros_like": lambda x: np.zeros_like(x) + x,
    "ones_like": lambda x: np.ones_like(x) * x,
    "shape": lambda x: x * np.shape(x)[0] + np.ndim(x) + np.size(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    same(FUNCTIONS[name], X)


def test_code_as_people_write_it():
    def attention(q, k, v):
        scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
        weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        return (weights / weights.sum(axis=-1, keepdims=True)) @ v

    same(attention, *(RANDOM.standard_normal((2, 5, 4)) for _ in range(3)))

    def standardized(x):
        mean, n = x.mean(axis=0), len(x)
        spread = np.sqrt(((x - mean) ** 2).sum(axis=0) / n + 1e-5)
        return np.where(np.abs(x - mean) > 2 * spread, 0.0, (x - mean) / spread)

    same(standardized, X)


def raised(function, *arrays, match):
    with pytest.raises(fd.RecordingError, match=match):
        fd.compile(function)(*(arrays or (X,)))


class TestWhatNeedsValues:
    def test_truth(self):
        raised(lambda x: x if x[0, 0] > 0 else -x, match=r"bool\(t\).*needs the values.*F\.where")
        raised(lambda x: x[0, 0] > 0 and x, match=r"bool\(t\)")
        raised(lambda x: max(x[0, 0], x[0, 1]), match=r"bool\(t\)")

    def test_numbers(self):
        raised(lambda x: x * float(x[0, 0]), match=r"float\(t\)")
        raised(lambda x: x * int(x[0, 0]), match=r"int\(t\).*static argument")
        raised(lambda x: list(range(x[0, 0])), match=r"range\(t\)")
        raised(lambda x: x[0, 0].item(), match=r"t\.item\(\)")

    def test_arrays(self):
        raised(lambda x: np.asarray(x), match=r"np\.asarray\(t\).*return the tensor")
        raised(lambda x: np.array(x), match=r"np\.asarray\(t\)")

    def test_masks(self):
        raised(lambda x: x[x > 0], match=r"t\[mask\].*F\.where")
        raised(lambda x: x[Y > 3], match=r"t\[mask\]")

    def test_other_functions_of_numpy(self):
        raised(lambda x: np.arctan(x), match=r"np\.arctan cannot be recorded; write it with .*functional")
        raised(lambda x: np.linalg.norm(x), match=r"cannot be recorded")
        raised(lambda x: np.nancumsum(x, axis=0), match=r"np\.nancumsum cannot be recorded; did you mean np\.cumsum\?")
        raised(lambda x: np.multiply.outer(x, x), match=r"np\.multiply\.outer cannot be recorded")
        raised(lambda x: np.add.accumulate(x), match=r"np\.add\.accumulate cannot be recorded")

    def test_options_of_ufuncs(self):
        raised(lambda x: np.add(x, x, dtype=np.float32), match=r"np\.add is recorded without options, got \['dtype'\]")
        raised(lambda x: np.add(x, 1.0, out=np.empty_like(X)), match="without options")
        raised(lambda x: np.add(x, 1.0, where=Y > 3), match="without options")

    def test_changes_in_place(self):
        def assigned(x):
            x[0] = 1.0
            return x

        with pytest.raises(TypeError, match="assign"):
            fd.compile(assigned)(X)

        def augmented(x):
            y = np.zeros_like(X)
            y += x
            return y

        raised(augmented, match="without options")

    def test_the_length_of_a_number(self):
        with pytest.raises(TypeError, match=r"len\(\) of a recorded tensor without dimensions"):
            fd.compile(lambda x: len(np.sum(x)))(X)

    def test_out_while_recording(self):
        with pytest.raises(TypeError, match="out= was given while recording"):
            fd.compile(lambda x: F.dense(x, x, out=np.empty((4, 4))))(X)


def test_an_augmented_tensor_is_a_new_one():
    def function(x):
        y = x
        y += 1.0
        y *= x
        return y - x

    x = X.copy()
    np.testing.assert_allclose(fd.compile(function)(x), (X + 1) * X - X)
    np.testing.assert_array_equal(x, X)


def test_the_same_node_is_recorded_once():
    graph = Graph()
    x = graph.input(Spec((3,), np.dtype("float64")))
    a, b = F.exp(x), F.exp(x)
    assert a is b and F.add(a, 1.0) is F.add(b, 1.0)
    assert F.sum(x, axis=0) is not F.mean(x, axis=0)
    assert F.add(a, 1.0) is not F.add(b, 2.0)
    assert F.add(a, 0.0) is not F.add(b, -0.0)


def test_what_a_tensor_says_of_itself():
    graph = Graph()
    x = graph.input(Spec((3, 2), np.dtype("float32")))
    assert repr(x) == "<recorded tensor (3, 2) float32>"
    assert (x.shape, x.dtype, x.ndim, x.size, len(x)) == ((3, 2), np.float32, 2, 6, 3)
    assert len({x, graph.input(Spec((3, 2), np.dtype("float32")))}) == 2


def test_mixed_dtypes_are_refused_while_recording():
    with pytest.raises(TypeError, match="b has dtype float32 but a has float64"):
        fd.compile(lambda x: x + np.ones(3, np.float32))(X)
