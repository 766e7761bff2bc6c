"""read_npz: shapes, scaling by dtype, and files that are damaged or hostile."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastdl.datasets import DataError, read_npz


@pytest.fixture
def save(tmp_path):
    def save_arrays(**arrays):
        path = tmp_path / "data.npz"
        np.savez_compressed(path, **arrays)
        return path

    return save_arrays


def test_table(save):
    values = np.arange(6).reshape(3, 2)
    X, y = read_npz(save(X=values, y=np.array([1, 0, 1], np.uint8)))
    assert X.dtype == np.float32 and X.tolist() == values.tolist()
    assert y.dtype == np.int64 and y.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "stored, shape",
    [
        ((2, 5, 6), (2, 1, 5, 6)),
        ((2, 1, 5, 6), (2, 1, 5, 6)),
        ((2, 3, 5, 6), (2, 3, 5, 6)),
        ((2, 4, 5, 6), (2, 4, 5, 6)),
        ((2, 5, 6, 1), (2, 1, 5, 6)),
        ((2, 5, 6, 3), (2, 3, 5, 6)),
        ((2, 5, 6, 4), (2, 4, 5, 6)),
        ((2, 3, 32, 3), (2, 3, 32, 3)),
        ((2, 1, 7, 4), (2, 1, 7, 4)),
    ],
)
def test_images(save, stored, shape):
    images = np.random.default_rng(0).random(stored)
    X, _ = read_npz(save(images=images, labels=[0, 1]))
    assert X.shape == shape and X.flags.c_contiguous and X.dtype == np.float32
    if stored != shape and len(stored) == 4:
        images = images.transpose(0, 3, 1, 2)
    assert np.array_equal(X, images.reshape(shape).astype(np.float32))


@pytest.mark.parametrize(
    "dtype, factor",
    [
        (np.uint8, 1 / 255),
        (np.uint16, 1),
        (np.int64, 1),
        (np.float64, 1),
        (">f4", 1),
        (np.float16, 1),
        (bool, 1),
    ],
)
def test_scaling_depends_on_the_dtype_never_on_the_values(save, dtype, factor):
    # Values 0 to 16, as in small digits, are not a reason to scale or not to scale.
    images = (np.arange(64).reshape(1, 8, 8) % 17).astype(dtype)
    X, _ = read_npz(save(X=images, y=[0]))
    assert np.allclose(X[0, 0], images[0].astype(float) * factor, rtol=1e-6)
    assert X.dtype == np.float32 and X.dtype.isnative
    table, _ = read_npz(save(X=images.reshape(1, 64), y=[0]))
    assert np.array_equal(table, images.reshape(1, 64).astype(np.float32))


def test_keys(save, message):
    a, b, c = np.zeros((2, 3)), np.ones((2, 3)), np.full((2, 3), 2)
    assert read_npz(save(X=a, images=b, y=[0, 1], labels=[2, 3]))[1].tolist() == [0, 1]
    assert read_npz(save(images=b, y=[0, 1], labels=[2, 3]))[1].tolist() == [2, 3]
    assert read_npz(save(X=a, labels=[2, 3]))[1].tolist() == [2, 3]
    X, y = read_npz(save(X=a, y=[0, 1], x_test=c, y_test=[4, 5]), x="x_test", y="y_test")
    assert X[0, 0] == 2 and y.tolist() == [4, 5]
    assert read_npz(save(x_test=c, y=[0, 1]), x="x_test")[1].tolist() == [0, 1]
    X, y = read_npz(save(X=a), labelled=False)
    assert X.shape == (2, 3) and y is None
    assert read_npz(save(X=a, y=[[9]]), labelled=False)[1] is None

    path = save(x_train=a, y_train=[0, 1])
    text = message(read_npz, path)
    assert "expected arrays 'X' and 'y' or 'images' and 'labels'; the file holds 'x_train', 'y_train'" in text
    assert "name the arrays by --x KEY --y KEY (in Python x=, y=)" in text
    text = message(read_npz, path, x="xtrain", y="y_train")
    assert "no array 'xtrain'; the file holds 'x_train', 'y_train'; did you mean 'x_train'?" in text
    assert "no array 'labels'" in message(read_npz, path, "x_train", "labels")
    assert "by --x KEY (in" in message(read_npz, path, labelled=False)
    assert "expected arrays" in message(read_npz, save(X=a))
    assert "the file holds nothing" in message(read_npz, save())


@pytest.mark.parametrize(
    "targets, dtype",
    [
        (np.array([True, False]), bool),
        (np.array(["a", "bc"]), "<U2"),
        (np.array([0.5, 1], np.float32), np.float64),
        (np.array([3, 4], ">i2"), np.int64),
        (np.array([3, 4], np.uint64), np.int64),
    ],
)
def test_types_of_targets(save, targets, dtype):
    y = read_npz(save(X=np.zeros((2, 1)), y=targets))[1]
    assert y.dtype == dtype and y.tolist() == targets.tolist()


def test_values_that_are_not_finite_are_named(save, message):
    images = np.zeros((2, 6, 5, 3))
    images[1, 2, 3, 1], images[1, 3, 0, 0] = np.nan, np.inf
    text = message(read_npz, save(images=images, labels=[0, 1]))
    # As the owner of the file counts, not after the transposition; the first in its order.
    assert "array 'images' has 2 values not finite in float32, the first at index (1, 2, 3, 1) (nan)" in text
    text = message(read_npz, save(X=np.array([[1.0, 1e39]]), y=[0]))
    assert "1 value not finite in float32, the first at index (0, 1) (1e+39); replace them" in text
    text = message(read_npz, save(X=np.zeros((2, 1)), y=[0, np.nan]))
    assert "array 'y' is nan at index 1; remove the rows" in text


BAD = [
    (dict(X=np.zeros(3)), "array 'X' has shape (3,); must be a table (N, features) or images"),
    (dict(X=np.zeros((3, 1, 2, 2, 2))), "has shape (3, 1, 2, 2, 2); must be"),
    (dict(X=np.zeros((0, 2))), "has shape (0, 2); must be"),
    (dict(X=np.zeros((3, 0, 2))), "none of them empty"),
    (dict(X=np.float64(1)), "has shape (); must be"),
    (dict(X=np.zeros((3, 16, 8, 8))), "has shape (3, 16, 8, 8); images need 1, 3 or 4 channels"),
    (dict(X=np.zeros((3, 2), complex)), "array 'X' is complex128, must be numbers; convert it"),
    (dict(X=np.array([["a"], ["b"], ["c"]])), "array 'X' is <U1, must be numbers"),
    (dict(X=np.zeros((3, 2), [("a", int)])), "must be numbers"),
    (dict(X=np.array([[1], [None], [2]])), "array 'X' holds pickled Python objects, which are never loaded"),
    (dict(y=np.array([1, None, 2])), "array 'y' holds pickled Python objects"),
    (
        dict(y=np.zeros(2)),
        "array 'y' has shape (2,), the inputs have 3 rows; must be (3,), one target per row",
    ),
    (dict(y=np.zeros((3, 1))), "array 'y' has shape (3, 1)"),
    (dict(y=np.int64(3)), "array 'y' has shape ()"),
    (dict(y=np.array([b"a", b"b", b"c"])), "array 'y' is |S1, must be integers"),
    (dict(y=np.array([0, 1, 2**63], np.uint64)), "the value 9223372036854775808, beyond int64"),
]


@pytest.mark.parametrize("arrays, expected", BAD, ids=[e for _, e in BAD])
def test_arrays_that_do_not_fit(save, message, arrays, expected):
    text = message(read_npz, save(**(dict(X=np.zeros((3, 2)), y=np.arange(3)) | arrays)))
    assert expected in text and "data.npz: " in text


class Trap:
    """Unpickling this is noticed."""

    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


def test_nothing_is_unpickled(save, message):
    path = save(X=np.array([[Trap()]]), y=[0])
    assert "never loaded" in message(read_npz, path)
    assert not Trap.sprung


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def npy_header(text):
    """A .npy file that promises an array and holds nothing."""
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


HUGE = npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }")
SHORT = npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (10, 2), }")
CODE = npy_header("__import__('os').system('true')")


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"", "the file is empty"),
        (b"X,y\n1,2\n", "not an .npz archive (a zip file); save the arrays by np.savez"),
        (b"PKnonsense", "not an .npz archive"),
        (b"PK\x03\x04 nonsense", "the file is damaged or incomplete (File is not a zip file)"),
        (archive(**{"X.npy": b"nonsense", "y.npy": b""}), "member 'X' is not a NumPy array"),
        (archive(**{"X.npy": HUGE, "y.npy": b""}), "damaged or incomplete at array 'X'"),
        (archive(**{"X.npy": SHORT, "y.npy": b""}), "damaged or incomplete at array 'X'"),
        (archive(**{"X.npy": CODE, "y.npy": b""}), "damaged or incomplete at array 'X'"),
        (archive(**{"word/document.xml": b"<xml>"}), "expected arrays 'X' and 'y'"),
    ],
)
def test_hostile_files(write, message, content, expected):
    text = message(read_npz, write(content, "data.npz"))
    assert expected in text and "data.npz: " in text


def test_single_array(tmp_path, message):
    np.save(tmp_path / "data.npy", np.zeros(3))
    assert "a single array (.npy), not an .npz archive; save it by np.savez" in message(read_npz, tmp_path / "data.npy")


def test_paths(tmp_path, message):
    assert "no such file" in message(read_npz, tmp_path / "none.npz")
    assert "is a directory" in message(read_npz, str(tmp_path))
    assert "path must be a string or a path" in message(read_npz, 3)


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), compress=st.booleans())
def test_damage_anywhere_gives_a_data_error_or_arrays(tmp_path, data, compress):
    buffer = io.BytesIO()
    arrays = dict(X=np.arange(12.0).reshape(4, 3), y=np.arange(4))
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)
    content = bytearray(buffer.getvalue())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.npz"
    path.write_bytes(content)
    try:
        X, y = read_npz(path)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert X.dtype == np.float32 and len(X) == len(y)
