"""What happens when things are assigned to a module's attributes."""

import copy
import inspect
import pickle

import numpy as np
import pytest

from fastdl import nn


class Net(nn.Module):
    def __init__(self):
        self.first = nn.Dense(2, 3)
        self.scale = nn.Parameter(np.ones(3, np.float32))
        self.count = nn.Buffer(np.zeros((), np.int64))
        self.label = "net"

    def __call__(self, x):
        return self.first(x) * self.scale


def test_help_shows_the_arguments():
    assert str(inspect.signature(nn.Rescale)).startswith("(scale: float")
    assert [*inspect.signature(nn.Module).parameters] == [*inspect.signature(nn.ReLU).parameters] == []
    assert [*inspect.signature(Net()).parameters][0] == "x"


def test_parameters_are_filed_in_order():
    net = Net()
    assert list(net.state_dict()) == ["scale", "count", "first.weight", "first.bias"]  # PyTorch's order
    assert net.parameters().keys() == {"first", "scale"} and net.buffers().keys() == {"count"}
    assert net.parameters()["scale"] is net.scale and net.parameters()["first"]["weight"] is net.first.weight
    assert net.label == "net" and "scale" in dir(net) and "first" in dir(net)
    assert [name for name, _ in net.named_modules()] == ["", "first"]


def test_parameter_is_a_copy():
    values = np.zeros((2, 3), np.float32).T
    values.flags.writeable = False
    net = Net()
    net.other = nn.Parameter(values)
    assert net.other.flags.c_contiguous and net.other.flags.writeable and not np.shares_memory(net.other, values)


def test_assigning_an_array_writes_into_the_parameter():
    net = Net()
    scale, count = net.scale, net.count
    net.scale = np.array([1, 2, 3])
    net.count = np.int64(7)
    assert net.scale is scale and scale.tolist() == [1, 2, 3]
    assert net.count is count and count == 7


def test_deleting_and_replacing():
    net = Net()
    net.scale = nn.Parameter(np.zeros(5))
    assert net.scale.shape == (5,) and net.scale.dtype == np.float64
    net.first = nn.Parameter(np.zeros(1))
    assert list(net.parameters()) == ["scale", "first"] and len(list(net.named_modules())) == 1
    del net.scale
    net.scale = "free again"
    assert list(net.parameters()) == ["first"] and net.scale == "free again"
    net.scale = nn.Buffer(np.ones(2))
    assert net.scale.tolist() == [1, 1]
    with pytest.raises(AttributeError):
        del net.nothing


@pytest.mark.parametrize(
    "name, value, error, message",
    [
        ("scale", np.ones(4), ValueError, "Net.scale has shape (3,) and got (4,); for another shape assign nn.Param"),
        ("scale", [1, 2, 3], TypeError, "got a list; expected an array: np.asarray(values); to remove it, write del"),
        ("scale", None, TypeError, "got a NoneType"),
        ("scale", np.array(["a", "b", "c"]), TypeError, "has dtype float32 and got <U1; convert it with astype"),
        ("count", np.float32(1.5), TypeError, "has dtype int64 and got float32"),
        ("first", np.ones(3), TypeError, "Net.first is a Dense and got a ndarray; expected another module"),
        ("fit", nn.ReLU(), ValueError, "'fit' cannot name a parameter, buffer or part, it has a meaning of its own"),
        ("a.b", nn.ReLU(), ValueError, "must be text without a point"),
        ("parts", [nn.ReLU(), 3], TypeError, "Net.parts is a list that holds modules; expected a list of modules only"),
        ("parts", {"a": nn.ReLU()}, TypeError, "Net.parts is a dict that holds modules"),
    ],
)
def test_errors(name, value, error, message):
    net = Net()
    before = net.state_dict()
    with pytest.raises(error) as caught:
        setattr(net, name, value)
    assert message in str(caught.value)
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: nn.Parameter([1.0]), TypeError, "Parameter: array is a list; expected a NumPy array"),
        (lambda: nn.Parameter(np.arange(3)), TypeError, "Parameter: dtype is dtype('int64'); expected float32"),
        (lambda: nn.Parameter(np.ones(2, np.float16)), TypeError, "expected float32 or float64"),
        (lambda: nn.Buffer(np.array(["a"])), TypeError, "Buffer: array has dtype <U1; expected numbers"),
    ],
)
def test_marks_check_arrays(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


def test_missing_attribute():
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'wieght'"):
        _ = Net().wieght
    with pytest.raises(AttributeError, match=r"no attribute 'eval': there are no modes; model\(x\) is inference"):
        nn.Dense(2, 1).eval()
    with pytest.raises(AttributeError, match="'cuda': arrays stay where NumPy has them"):
        nn.Dense(2, 1).cuda()


def test_a_list_of_modules_becomes_a_module_list():
    net = Net()
    net.blocks = [nn.Dense(2, 2), nn.Dense(2, 1)]
    net.pair = (nn.ReLU(),)
    net.numbers = [1, 2]
    assert isinstance(net.blocks, nn.ModuleList) and isinstance(net.pair, nn.ModuleList) and net.numbers == [1, 2]
    assert "blocks.1.weight" in net.state_dict() and net.num_parameters == 9 + 3 + 6 + 3


def test_a_module_cannot_contain_itself():
    net = Net()
    with pytest.raises(ValueError, match="cannot contain itself"):
        net.inner = net
    with pytest.raises(ValueError, match="cannot contain itself"):
        net.inner = nn.Sequential(net)
    model = nn.Sequential(nn.ReLU())
    with pytest.raises(ValueError, match="cannot contain itself"):
        model.append(nn.Sequential(model))


def test_a_shared_module_counts_once():
    layer = nn.Dense(2, 2)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert model.num_parameters == 6 and list(model.state_dict()) == ["0.weight", "0.bias"]
    assert model[0] is model[2]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_independent(duplicate):
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh())
    model.classes = ["a", "b"]
    twin = duplicate(model)
    assert twin.classes == ["a", "b"] and repr(twin) == repr(model)
    np.testing.assert_array_equal(twin[0].weight, model[0].weight)
    twin[0].weight[...] = 0
    assert model[0].weight.any()
