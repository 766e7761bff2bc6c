"""``augment=`` in fit: what the network sees, that the same seed gives the same bits, and what is refused."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import augment, nn, reference
from fastdl import functional as F
from fastdl.tree import flatten

ALL = [
    augment.Shift(2),
    augment.RandomCrop(8, padding=1, fill=0.5),
    augment.HorizontalFlip(),
    augment.VerticalFlip(0.3),
    augment.Rotate(15),
    augment.Noise(0.1),
]


def images(n=60, size=8, dtype=np.uint8):
    rng = np.random.default_rng(0)
    return rng.integers(0, 200, (n, 1, size, size)).astype(dtype), np.arange(n) % 3


def network(seed=0, dtype=np.float32):
    fd.seed(seed)
    return nn.Sequential(
        nn.Rescale(1 / 255), nn.Conv2d(1, 4, 3, dtype=dtype), nn.ReLU(), nn.Flatten(), nn.Dense(144, 3, dtype=dtype)
    )


def values(model):
    return [a.copy() for a in flatten(model.parameters())[0]]


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


class Seen(augment.Augmentation):
    """Changes nothing; what it was given last is kept by a model that returns its input."""

    def __call__(self, x, *, seed, step, node=0):
        return F.multiply(x, 1.0)


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: type(entry).__name__)
def test_a_step_sees_what_the_reference_makes(entry):
    """A linear model with one step of gradient descent on a loss that is linear in its outputs tells its inputs."""
    x, _ = images(12, dtype=np.float64)
    layer = nn.Dense(64, 1, dtype=np.float64)
    layer.weight[...] = 0
    model = nn.Sequential(nn.Flatten(), layer)
    model.fit(x, np.zeros(12), loss=lambda out, y: F.sum(out), epochs=1, batch_size=12, shuffle=False, seed=9,
              optimizer=fd.optim.SGD(1.0), augment=entry)  # fmt: skip
    name, options = {
        "Shift": ("random_shift", {"pixels": 2}),
        "RandomCrop": ("random_crop", {"size": 8, "padding": 1, "fill": 0.5}),
        "HorizontalFlip": ("random_flip", {"axis": -1}),
        "VerticalFlip": ("random_flip", {"axis": -2, "p": 0.3}),
        "Rotate": ("random_rotate", {"degrees": 15}),
        "Noise": ("random_noise", {"std": 0.1}),
    }[type(entry).__name__]
    expected = getattr(reference, name)(x, **options, seed=9, step=0, node=-1)
    np.testing.assert_allclose(-layer.weight.reshape(1, 8, 8), expected.sum(0), rtol=1e-12)
    assert not np.allclose(expected, x)


def test_the_same_bits_for_any_number_of_threads_and_run_after_run():
    x, y = images()
    results = []
    for threads in (1, 2, 2):
        model = network()
        with fd.threads(threads):
            model.fit(x, y, epochs=3, batch_size=16, seed=4, augment=ALL)
        results.append(values(model))
    assert same(results[0], results[1]) and same(results[1], results[2])
    plain = network()
    plain.fit(x, y, epochs=3, batch_size=16, seed=4)
    assert not same(results[0], values(plain))
    untouched = network()
    untouched.fit(x, y, epochs=3, batch_size=16, seed=4, augment=Seen())
    assert same(values(untouched), values(plain))


def test_each_step_and_each_entry_draws_anew():
    x = np.ones((1, 1, 99, 99), np.float32)
    shifts = [F.random_shift(x, 40, seed=0, step=step, node=node) for step in range(4) for node in (-1, -2)]
    assert len({s.tobytes() for s in shifts}) == 8


def test_prediction_and_validation_see_images_as_they_are():
    x, y = images()
    model = network()
    history = model.fit(x, y, epochs=1, seed=0, augment=ALL, validation_data=(x, y))
    assert history["val_loss"][0] == model.evaluate(x, y)["loss"]


def test_images_of_another_size():
    x, y = images(size=10)
    model = network()
    small = np.ascontiguousarray(x[:, :, 1:9, 1:9])
    model.fit(x, y, epochs=1, augment=augment.RandomCrop(8), validation_data=(small, y), metrics=("dice",))
    assert model.input_shape == (1, 8, 8) and model.predict(small).shape == (60,)
    with pytest.raises(ValueError, match=r"validation_data X has shape \(60, 1, 10, 10\); expected \(N, 1, 8, 8\)"):
        network().fit(x, y, augment=augment.RandomCrop(8), validation_data=(x, y))
    with pytest.raises(ValueError, match="not of the size that augment makes"):
        network().fit(x, y, augment=augment.RandomCrop(8), metrics=("dice",))


def test_files_and_batches_are_augmented_too(tmp_path):
    x, y = images()
    np.save(tmp_path / "x.npy", x)
    results = []
    for given in ((x, y), (tmp_path / "x.npy", y), ([(x[i : i + 20], y[i : i + 20]) for i in (0, 20, 40)],)):
        model = network()
        model.fit(*given, epochs=2, batch_size=20, seed=0, shuffle=False, chunk_bytes=2000, augment=ALL)
        results.append(values(model))
    assert same(results[0], results[1]) and same(results[0], results[2])


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        (augment.Shift, TypeError, "augment holds the class Shift; expected entries like"),
        ([3], TypeError, "augment holds a int"),
        ([augment.RandomCrop(11, padding=1)], ValueError, r"size is \(11, 11\), more than images of \(8, 8\) with"),
        ([augment.RandomCrop(7)], ValueError, "144"),
    ],
)
def test_what_fit_refuses(entry, error, message):
    with pytest.raises(error, match=message):
        network().fit(*images(), augment=entry)


@pytest.mark.parametrize(
    ("changed", "got"),
    [
        (lambda x: x[:1], r"\(1, 1, 4, 4\)"),
        (lambda x: F.reshape(x, (8, 16)), r"\(8, 16\)"),
        (lambda x: None, "NoneType"),
    ],
)
def test_what_an_entry_returns_has_the_shape_that_it_says(changed, got):
    class Other(augment.Augmentation):
        def __call__(self, x, *, seed, step, node=0):
            return changed(x)

    model = nn.Sequential(nn.Flatten(), nn.Dense(16, 2))
    with pytest.raises(ValueError, match=rf"Other\(\) returned {got} for 8 samples; expected \(8, 1, 4, 4\)"):
        model.fit(np.zeros((8, 1, 4, 4), np.float32), np.arange(8) % 2, epochs=1, augment=Other())


def test_what_is_no_image():
    model = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Dense(6, 2))
    with pytest.raises(TypeError, match="augment is for numbers, but the model takes X"):
        model.fit(np.zeros((4, 3), int), np.array([0, 1, 0, 1]), augment=augment.Noise(0.1))
    with pytest.raises(ValueError, match=r"Shift: a sample has shape \(3,\); expected images"):
        nn.Dense(3, 2).fit(np.zeros((4, 3)), np.array([0, 1, 0, 1]), augment=augment.Shift(1))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: augment.Shift(-1), ValueError, "Shift: pixels is -1"),
        (lambda: augment.Shift(1.5), TypeError, "Shift: pixels is 1.5"),
        (lambda: augment.RandomCrop(0), ValueError, "RandomCrop: size is 0"),
        (lambda: augment.HorizontalFlip(2), ValueError, "HorizontalFlip: p is 2; expected a probability"),
        (lambda: augment.VerticalFlip("x"), TypeError, "VerticalFlip: p is 'x'"),
        (lambda: augment.Rotate(181), ValueError, "Rotate: degrees is 181; expected an angle"),
        (lambda: augment.Noise(-1), ValueError, "Noise: std is -1"),
        (lambda: augment.Noise(float("nan")), ValueError, "Noise: std is nan"),
        (lambda: F.random_flip(np.zeros((1, 2, 2)), axis=0, seed=0, step=0), ValueError, "axis is 0; expected one of"),
        (lambda: F.random_shift(np.zeros((2, 2)), 1, seed=0, step=0), ValueError, "expected images"),
        (lambda: F.random_noise(np.zeros(2), np.inf, seed=0, step=0), ValueError, "std is inf"),
        (lambda: F.random_rotate(np.zeros((1, 2, 2)), 9, seed=0.5, step=0), TypeError, "seed is 0.5"),
        (lambda: F.random_crop(np.zeros((1, 2, 2)), 1, seed=0, step=0, node=1.5), TypeError, "node is 1.5"),
    ],
)
def test_wrong_options(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: type(entry).__name__)
def test_reprs_make_the_same_again(entry):
    again = eval(repr(entry), vars(augment))
    assert repr(again) == repr(entry) and vars(again) == vars(entry)


def test_shifts_flips_and_angles_are_uniform():
    x = np.zeros((7000, 1, 7, 7), np.float32)
    x[:, :, 3, 3] = 1
    moved = np.argwhere(F.random_shift(x, 3, seed=0, step=0))[:, 2:]
    counts = np.bincount(moved[:, 0] * 7 + moved[:, 1], minlength=49)
    assert len(moved) == 7000 and counts.min() > 90 and counts.max() < 200  # 143 on the average
    x = np.zeros((10_000, 1, 2, 2), np.float32)
    x[:, :, 0, 0] = 1
    assert abs(F.random_flip(x, 0.3, seed=0, step=0)[:, 0, 0, 1].mean() - 0.3) < 0.02
    z = F.random_noise(np.zeros(200_000, np.float32), 2.0, seed=0, step=0)
    assert abs(z.mean()) < 0.02 and abs(z.std() - 2) < 0.02 and 0.953 < (np.abs(z) < 4).mean() < 0.957
