"""What comes back from a model file."""

import numpy as np
import pytest
import safetensors.numpy

import fastdl as fd
from fastdl import nn


class Net(nn.Module):
    def __init__(self, width=3):
        self.dense = nn.Dense(2, width)
        self.scale = nn.Parameter(np.ones(width, np.float32))
        self.count = nn.Buffer(np.zeros((), np.int64))

    def __call__(self, x):
        return self.dense(x) * self.scale


def every_layer():
    return nn.Sequential(
        nn.Rescale(0.5, shift=1, dtype=np.float64),
        nn.Conv2d(1, 4, (3, 2), stride=(1, 2), padding=((1, 0), (2, 2)), groups=1, dtype=np.float64),
        nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False)),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.Identity(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Dense(36, 3, bias=False, dtype=np.float64),
        nn.Softmax(1),
        nn.LogSoftmax(),
    )


def test_round_trip(path):
    model = every_layer()
    model.loss, model.classes, model.input_shape = "cross_entropy", ["a", "b", "c"], (1, 6, 5)
    fd.save(
        model, path, extra={"mean": np.float32(0.5), "history": {"loss": np.array([1.5, 0.5])}, "n": [1, None, True]}
    )
    again = fd.load(str(path))
    assert repr(again) == repr(model) and again.dtype == np.float64
    assert (again.loss, again.classes, again.input_shape) == ("cross_entropy", ["a", "b", "c"], (1, 6, 5))
    assert again.extra == {"mean": 0.5, "history": {"loss": [1.5, 0.5]}, "n": [1, None, True]}
    for (name, array), (other, twin) in zip(model.state_dict().items(), again.state_dict().items(), strict=True):
        assert name == other and array.dtype == twin.dtype
        np.testing.assert_array_equal(array, twin)
    x = np.random.default_rng(0).standard_normal((2, 1, 6, 5))
    np.testing.assert_array_equal(again(x), model(x))
    assert all(array.flags.writeable and array.flags.c_contiguous for _, _, _, array in again._slots())
    fd.save(again, path)  # extra is kept
    assert fd.load(path).extra == again.extra


@pytest.mark.parametrize(
    "classes", [[0, 1, 2], ["no", "yes"], [False, True], [0.5, 1.5], [-5, 2**60], np.arange(3), ("a",)]
)
def test_classes_keep_their_types(path, classes):
    model = nn.Sequential(nn.Dense(2, 3))
    model.classes = classes
    fd.save(model, path)
    found = fd.load(path).classes
    assert found == np.asarray(classes).tolist()
    assert [type(label) for label in found] == [type(label) for label in np.asarray(classes).tolist()]


def test_a_fresh_model_has_nothing_to_say(saved):
    model = fd.load(saved)
    assert (model.loss, model.classes, model.input_shape, model.extra, model.history) == (None,) * 5


def test_the_same_model_makes_the_same_bytes(saved, tmp_path):
    fd.save(fd.load(saved), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


def test_other_programs_can_read_the_arrays(saved):
    arrays = safetensors.numpy.load_file(saved)
    model = fd.load(saved)
    assert list(sorted(arrays)) == sorted(model.state_dict())
    np.testing.assert_array_equal(arrays["0.weight"], model[0].weight)


def test_pytorch_files_fill_a_model(path, reason):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    theirs = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.Flatten(), torch.nn.Linear(48, 2))
    save_file(theirs.state_dict(), path)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Dense(48, 2))
    assert fd.load(path, model) is model
    x = np.random.default_rng(0).standard_normal((2, 1, 6, 6)).astype(np.float32)
    np.testing.assert_allclose(model(x), theirs(torch.tensor(x)).detach().numpy(), atol=1e-6)
    assert reason(path).startswith("holds arrays only and no model: make the model and pass it, fd.load(path, model)")


def test_own_classes_are_filled(path, reason):
    model = Net()
    model.scale, model.count, model.loss = np.float32([1, 2, 3]), np.int64(5), "mse_loss"
    fd.save(nn.Sequential(model), path)
    text = reason(path)
    assert "layer 0 is of the class " in text and "Net'" in text and "fd.load(path, model)" in text
    other = nn.Sequential(Net())
    weight = other[0].dense.weight
    assert fd.load(path, other) is other and other[0].dense.weight is weight
    assert other[0].scale.tolist() == [1, 2, 3] and other[0].count == 5
    before = Net(width=4)
    values = before.state_dict()
    assert "the values do not fit the model: " in reason(path, nn.Sequential(before))
    np.testing.assert_array_equal(before.dense.weight, values["dense.weight"])


def test_a_subclass_of_a_layer_is_an_own_class(path, reason):
    class Dense(nn.Dense):
        pass

    fd.save(Dense(2, 1), path)
    assert "the model is of the class " in reason(path)


def test_filling_converts_floats_only(path, reason):
    fd.save(nn.Dense(2, 1, dtype=np.float64), path)
    model = nn.Dense(2, 1)
    assert fd.load(path, model).weight.dtype == np.float32
    safetensors.numpy.save_file({"weight": np.ones((1, 2), np.int64), "bias": np.ones(1, np.float32)}, path)
    assert "weight has dtype int64, expected float32" in reason(path, model)


def test_shared_layers_stay_shared(path):
    layer = nn.Dense(2, 2)
    fd.save(nn.Sequential(layer, nn.Sequential(nn.ReLU(), layer)), path)
    model = fd.load(path)
    assert model[0] is model[1][1] and model.num_parameters == 6


def test_a_loss_of_ones_own_is_not_saved(path):
    model = nn.Dense(2, 1)
    model.loss = lambda outputs, targets: outputs
    fd.save(model, path)
    assert fd.load(path).loss is None


def test_empty_arrays_and_no_arrays(path):
    fd.save(nn.Sequential(), path)
    assert len(fd.load(path)) == 0
    model = Net()
    model.nothing = nn.Parameter(np.ones((0, 3)))
    fd.save(model, path)
    other = Net()
    other.nothing = nn.Parameter(np.zeros((0, 3)))
    assert fd.load(path, other).nothing.shape == (0, 3)
