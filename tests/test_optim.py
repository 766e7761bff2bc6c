"""Optimisers: PyTorch's rules, pure functions of trees, the same inside and outside of a plan."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import optim, tree

OPTIMIZERS = [
    optim.SGD(0.1),
    optim.SGD(0.1, weight_decay=0.05),
    optim.SGD(0.1, momentum=0.9),
    optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    optim.Adam(0.05),
    optim.Adam(0.05, beta1=0.8, beta2=0.95, eps=1e-6, weight_decay=0.1),
    optim.AdamW(0.05),
    optim.AdamW(0.05, weight_decay=0.3),
    optim.RMSprop(0.02),
    optim.RMSprop(0.02, alpha=0.9, eps=1e-3, weight_decay=0.05, centered=True),
    optim.RMSprop(0.02, momentum=0.8),
    optim.RMSprop(0.02, momentum=0.8, centered=True),
    optim.Adagrad(0.3),
    optim.Adagrad(0.5, lr_decay=0.01, weight_decay=0.05, eps=1e-3),
]
TARGET = {"a": np.linspace(-2, 2, 12).reshape(3, 4), "b": [np.array([1.0, -1.0, 3.0]), np.array(0.5)]}


def start(dtype=np.float64):
    rng = np.random.default_rng(0)
    return tree.tree_map(lambda t: np.asarray(rng.standard_normal(t.shape), dtype), TARGET)


def gradients(params):
    """Of sum (p - t)^2 + cos(3 p)."""
    return tree.tree_map(lambda p, t: np.asarray(2 * (p - t) - 3 * np.sin(3 * p), p.dtype), params, TARGET)


def descend(optimizer, params, steps):
    state = optimizer.init(params)
    for _ in range(steps):
        params, state = optimizer.update(params, gradients(params), state)
    return params, state


def leaves(structure):
    return tree.flatten(structure)[0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_twenty_steps_equal_pytorchs(optimizer):
    torch = pytest.importorskip("torch")
    ours, _ = descend(optimizer, start(), 20)
    theirs = [torch.tensor(p, requires_grad=True) for p in leaves(start())]
    options = {k: v for k, v in vars(optimizer).items() if k not in ("beta1", "beta2") and not k.startswith("clip")}
    if isinstance(optimizer, optim.Adam):
        options["betas"] = (optimizer.beta1, optimizer.beta2)
    peer = getattr(torch.optim, type(optimizer).__name__)(theirs, **options)
    for _ in range(20):
        peer.zero_grad()
        sum(
            ((p - torch.tensor(t)) ** 2 + torch.cos(3 * p)).sum() for p, t in zip(theirs, leaves(TARGET), strict=True)
        ).backward()
        peer.step()
    for p, q in zip(leaves(ours), theirs, strict=True):
        np.testing.assert_allclose(p, q.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("optimizer", [o for o in OPTIMIZERS if isinstance(o, (optim.SGD, optim.Adam))], ids=repr)
def test_steps_equal_the_reference(optimizer):
    from fastdl import reference

    params, state = start(), optimizer.init(start())
    mirror = [np.asarray(p, np.float64) for p in leaves(params)]
    parts = [[np.zeros_like(p) for p in mirror] for _ in range(2)]
    for step in range(3):
        grads = gradients(params)
        params, state = optimizer.update(params, grads, state)
        for i, g in enumerate(leaves(grads)):
            common = {"weight_decay": optimizer.weight_decay}
            if isinstance(optimizer, optim.SGD):
                common |= {"momentum": optimizer.momentum, "nesterov": optimizer.nesterov}
                mirror[i], parts[0][i] = reference.sgd_update(mirror[i], g, parts[0][i], step, optimizer.lr, **common)
            else:
                common |= {"beta1": optimizer.beta1, "beta2": optimizer.beta2, "eps": optimizer.eps}
                common["decoupled"] = isinstance(optimizer, optim.AdamW)
                mirror[i], parts[0][i], parts[1][i] = reference.adam_update(
                    mirror[i], g, parts[0][i], parts[1][i], step, optimizer.lr, **common
                )
        for p, q in zip(leaves(params), mirror, strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_nothing_is_changed_and_all_keeps_its_form(optimizer, dtype):
    params = start(dtype)
    state = optimizer.init(params)
    grads = gradients(params)
    before = [x.copy() for x in leaves((params, grads, state))]
    new_params, new_state = optimizer.update(params, grads, state)
    optimizer.update(new_params, grads, new_state)
    for x, old in zip(leaves((params, grads, state)), before, strict=True):
        np.testing.assert_array_equal(x, old)
    assert tree.flatten(new_params)[1] == tree.flatten(params)[1]
    assert tree.flatten(new_state)[1] == tree.flatten(state)[1]
    for new, old in zip(leaves((new_params, new_state)), leaves((params, state)), strict=True):
        assert isinstance(new, np.ndarray) and new.shape == old.shape and new.dtype == old.dtype
    assert new_state["step"] == 1 and new_state["step"].dtype == np.int64 and new_state["lr"] == optimizer.lr


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_compiled_steps_have_the_same_bits(optimizer):
    compiled = fd.compile(optimizer.update)
    params = other = start(np.float32)
    state = other_state = optimizer.init(params)
    for _ in range(5):
        params, state = optimizer.update(params, gradients(params), state)
        other, other_state = compiled(other, gradients(other), other_state)
    for x, y in zip(leaves((params, state)), leaves((other, other_state)), strict=True):
        np.testing.assert_array_equal(x, y)


def test_learning_rate_may_change_between_steps():
    optimizer, p = optim.SGD(0.1), np.ones(2)
    state = optimizer.init(p)
    state["lr"] = np.array(0.5)
    p, state = optimizer.update(p, np.ones(2), state)
    assert p.tolist() == [0.5, 0.5] and state["lr"] == 0.5


def test_a_minimum_is_found():
    for optimizer in OPTIMIZERS:
        if optimizer.weight_decay == 0:
            state = optimizer.init(p := np.array([3.0, -2.0]))
            for _ in range(400):
                p, state = optimizer.update(p, 2 * (p - [1, 2]), state)
            np.testing.assert_allclose(p, [1, 2], atol=1e-2)


def test_one_array_and_no_array_are_trees():
    optimizer = optim.Adam()
    p, _ = optimizer.update(np.ones(2), np.ones(2), optimizer.init(np.ones(2)))
    assert isinstance(p, np.ndarray)
    params, state = optimizer.update({}, {}, optimizer.init({}))
    assert params == {} and state["step"] == 1 and state["m"] == {}


def test_structure_is_checked():
    optimizer, params = optim.SGD(0.1, momentum=0.5), {"a": np.ones(2)}
    state = optimizer.init(params)
    with pytest.raises(ValueError, match="SGD.update: grads has another structure than params"):
        optimizer.update(params, {"b": np.ones(2)}, state)
    with pytest.raises(ValueError, match=r"SGD.update: state\['velocity'\] has another structure than params"):
        optimizer.update(params, params, state | {"velocity": {}})
    with pytest.raises(ValueError, match="SGD.update: state has no 'velocity'; expected what init or the last update"):
        optimizer.update(params, params, optim.SGD(0.1).init(params))
    with pytest.raises(ValueError):
        optimizer.update(params, {"a": np.ones(3)}, state)
    for wrong, what in ((np.arange(2), "an array of int64"), ([1.0], "a float"), (None, "a NoneType")):
        with pytest.raises(TypeError, match=f"SGD.init: params holds {what}; expected float32 or float64 arrays"):
            optimizer.init({"a": wrong})


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: optim.SGD("0.1"), TypeError, "SGD: lr is '0.1'; expected a number"),
        (lambda: optim.SGD(-1), ValueError, "SGD: lr is -1; expected a finite number of at least 0"),
        (lambda: optim.SGD(float("nan")), ValueError, "SGD: lr is nan"),
        (lambda: optim.Adam(float("inf")), ValueError, "Adam: lr is inf"),
        (
            lambda: optim.SGD(0.1, nesterov=True),
            ValueError,
            "nesterov is True but momentum is 0; expected momentum > 0",
        ),
        (lambda: optim.SGD(0.1, 0.9, nesterov=1), TypeError, "SGD: nesterov is 1; expected True or False"),
        (lambda: optim.Adam(beta1=1), ValueError, "Adam: beta1 is 1; expected 0 <= beta1 < 1"),
        (lambda: optim.AdamW(beta2=-0.1), ValueError, "AdamW: beta2 is -0.1"),
        (lambda: optim.RMSprop(centered=1), TypeError, "RMSprop: centered is 1; expected True or False"),
        (lambda: optim.RMSprop(alpha=1), ValueError, "RMSprop: alpha is 1; expected 0 <= alpha < 1"),
        (lambda: optim.Adagrad(lr_decay=-1), ValueError, "Adagrad: lr_decay is -1"),
        (lambda: optim.Adam(lr="cosine"), TypeError, "expected a number or a schedule of fastdl.optim"),
        (lambda: optim.Adam(clip_norm=0), ValueError, "Adam: clip_norm is 0, which stops training"),
        (lambda: optim.SGD(0.1, clip_value=-1), ValueError, "SGD: clip_value is -1"),
        (
            lambda: optim.get("adamm"),
            ValueError,
            "optimizer is 'adamm' (did you mean 'adam'?); expected one of 'sgd', 'adam', 'adamw', 'rmsprop'",
        ),
        (lambda: optim.get(optim.Adam), TypeError, "optimizer is the class Adam; write optim.Adam(...)"),
        (lambda: optim.get(3), TypeError, "optimizer is a int; expected a name such as 'adam'"),
        (lambda: optim.get(optim.Adam(), lr=1.0), ValueError, "lr is given beside an optimiser that has its own"),
    ],
)
def test_options_are_checked(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)


def test_get():
    assert repr(optim.get("SGD")) == "SGD(lr=0.01, momentum=0.0, nesterov=False, weight_decay=0.0)"
    assert optim.get("adamw", lr=0.5).lr == 0.5 and optim.get("adam").lr == 1e-3
    own = optim.Adam()
    assert optim.get(own) is own

    class Duck:
        def init(self, params):
            return {}

        def update(self, params, grads, state):
            return params, state

    duck = Duck()
    assert optim.get(duck) is duck
