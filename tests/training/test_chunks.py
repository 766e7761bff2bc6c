"""Files larger than memory: what order they are read in, and that training on them is training."""

import threading

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn
from fastdl.training.chunks import ChunkSource
from fastdl.training.rows import ArrayRows, FileRows, rows_of

from .common import network, same, values


def data(n=1000, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((n, 6)) * 20).astype(dtype)
    return x, rng.integers(0, 3, n)


def chunks_of(x, y, batch=8, seed=3, chunk_bytes=1000, weight=None):
    return ChunkSource(
        ArrayRows("fit", "X", x),
        ArrayRows("fit", "y", y),
        weight,
        lambda y, w: {"y": y} if w is None else {"y": y, "weight": w},
        batch=batch,
        seed=seed,
        chunk_bytes=chunk_bytes,
    )


def order_of(source, epoch, done=0):
    """The rows of an epoch, by the numbers that y holds, chunk by chunk."""
    return [
        piece.arrays["y"][piece.arrays["order"][piece.done : piece.samples]].tolist()
        for piece in source.pieces(epoch, done)
    ]


@pytest.fixture
def files(tmp_path):
    x, y = data()
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    return x, y, tmp_path / "x.npy", tmp_path / "y.npy"


@pytest.mark.parametrize(("n", "batch"), [(1000, 8), (1000, 7), (37, 8), (8, 8), (5, 5), (400, 50), (401, 400)])
def test_an_epoch_has_every_row_once_in_whole_batches(n, batch):
    x, y = data(n)[0], np.arange(n)
    source = chunks_of(x, y, batch)
    for epoch in range(2):
        parts = order_of(source, epoch)
        assert sorted(sum(parts, [])) == list(range(n))
        assert all(len(part) % batch == 0 for part in parts[:-1])  # batches do not shrink at the end of a chunk
    assert source.sizes() == [batch] * (n >= batch) + [n % batch] * (n % batch > 0)


def test_rows_go_together_with_their_targets_and_weights():
    x, _ = data(300)
    y, weight = np.arange(300), np.arange(300) / 7
    for piece in chunks_of(x, y, weight=weight).pieces(0):
        rows = piece.arrays["y"][: piece.samples]
        np.testing.assert_array_equal(piece.arrays["x"][: piece.samples], x[rows])
        np.testing.assert_array_equal(piece.arrays["weight"][: piece.samples], weight[rows])


def test_the_order_is_a_function_of_seed_and_epoch():
    x, y = data(500)[0], np.arange(500)
    first = order_of(chunks_of(x, y), 2)
    source = chunks_of(x, y)
    assert order_of(source, 0) != order_of(source, 1) and order_of(source, 2) == first
    assert order_of(chunks_of(x, y, seed=4), 2) != first
    for done in (0, 8, 40, 48, 200, 496):  # what is left of an epoch after so many samples
        assert sum(order_of(source, 2, done), []) == sum(first, [])[done:]


def test_without_shuffling_rows_stay_in_order():
    x, y = data(500)[0], np.arange(500)
    assert sum(order_of(chunks_of(x, y, seed=None), 1), []) == list(range(500))


def test_a_chunk_has_rows_of_many_places():
    x, y = np.zeros((64_000, 6), np.float32), np.arange(64_000)
    for rows in order_of(chunks_of(x, y, batch=32, chunk_bytes=4000 * 24), 0):
        assert len({row // 1000 for row in rows}) > 12
        assert np.corrcoef(np.arange(len(rows)), rows)[0, 1] < 0.1


def test_chunks_train_as_the_same_order_in_memory(files):
    x, y, _, _ = files
    source = chunks_of(x, np.arange(1000), batch=16, seed=5, chunk_bytes=3000)
    order = np.concatenate([np.array(part) for part in order_of(source, 0)])
    chunked, whole = network(), network()
    history = chunked.fit(x, y, epochs=1, batch_size=16, seed=5, chunk_bytes=3000, metrics=("accuracy",))
    twin = whole.fit(x[order], y[order], epochs=1, batch_size=16, seed=5, shuffle=False, metrics=("accuracy",))
    assert same(values(chunked), values(whole)) and history.last == twin.last


def test_paths_maps_and_arrays_give_the_same_bits(files):
    x, y, x_path, y_path = files
    maps = np.load(x_path, mmap_mode="r"), np.load(y_path, mmap_mode="r")
    for chunk_bytes in (None, 3000):
        results = []
        pairs = [(x, y), (x_path, y_path), (str(x_path), y), maps, (maps[0], y_path)]
        for threads, pair in zip((1, 2, 1, 2, 2), pairs, strict=True):
            model = network()
            with fd.threads(threads):
                model.fit(*pair, epochs=3, batch_size=16, seed=1, chunk_bytes=chunk_bytes)
            results.append(values(model))
        assert all(same(results[0], other) for other in results[1:])


def test_predict_evaluate_and_validation_read_files(files):
    x, y, x_path, y_path = files
    model = network()
    history = model.fit(
        x_path, y_path, epochs=2, chunk_bytes=2000, validation_data=(x_path, y_path), metrics=("accuracy", "dice")
    )
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "val_dice"} == set(history)
    np.testing.assert_array_equal(model.predict(x_path), model.predict(x))
    np.testing.assert_array_equal(model.predict_proba(np.load(x_path, mmap_mode="r")), model.predict_proba(x))
    assert model.evaluate(x_path, y_path) == model.evaluate(x, y)


@pytest.mark.parametrize("weights", [{"sample_weight": np.linspace(0, 2, 1000)}, {"class_weight": "balanced"}])
def test_weights(files, weights):
    x, y, x_path, y_path = files
    y = np.array(["a", "b", "c"])[np.minimum(y, np.arange(1000) % 3)]
    np.save(y_path, y)
    source = chunks_of(x, np.arange(1000), batch=20, seed=0, chunk_bytes=3000)
    order = np.concatenate([np.array(part) for part in order_of(source, 0)])
    chunked, whole = network(), network()
    chunked.fit(x_path, y_path, epochs=1, batch_size=20, seed=0, chunk_bytes=3000, **weights)
    ordered = {k: v[order] if k == "sample_weight" else v for k, v in weights.items()}
    whole.fit(x[order], y[order], epochs=1, batch_size=20, seed=0, shuffle=False, **ordered)
    assert same(values(chunked), values(whole)) and chunked.classes == ["a", "b", "c"]


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int16", ">i4", "<f2", ">f4", "float64"])
def test_every_kind_of_number(tmp_path, dtype):
    x = (np.random.default_rng(0).random((300, 6)) * 50).astype(dtype)
    y = np.arange(300.0)[:, None]
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y.astype(">f8"))
    rows = rows_of("fit", "X", tmp_path / "x.npy")
    assert isinstance(rows, FileRows)
    np.testing.assert_array_equal(rows[17:230], x[17:230])
    assert rows[:5].dtype.isnative
    fd.seed(0)
    model = nn.Sequential(nn.Embedding(64, 2), nn.Flatten(), nn.Dense(12, 1)) if x.dtype.kind == "i" else nn.Dense(6, 1)
    history = model.fit(tmp_path / "x.npy", tmp_path / "y.npy", epochs=1, chunk_bytes=500)
    assert np.isfinite(history["loss"][0])


def test_views_of_maps(files):
    x, y, x_path, _ = files
    whole = np.load(x_path, mmap_mode="r")
    part = rows_of("fit", "X", whole[100:900])
    assert isinstance(part, FileRows)
    np.testing.assert_array_equal(part[3:50], x[103:150])
    strided = rows_of("fit", "X", whole[::2])
    assert isinstance(strided, ArrayRows)
    np.testing.assert_array_equal(strided[3:50], x[6:100:2])
    private = np.load(x_path, mmap_mode="c")
    private[5] = 7
    np.testing.assert_array_equal(rows_of("fit", "X", private)[5:6], np.full((1, 6), 7, np.float32))


def test_what_cannot_be_read(files, tmp_path):
    x, y, x_path, y_path = files
    (tmp_path / "text.npy").write_text("1, 2, 3")
    np.save(tmp_path / "short.npy", x[:10])
    with open(tmp_path / "cut.npy", "wb") as file:
        file.write(x_path.read_bytes()[:-5000])
    np.save(tmp_path / "columns.npy", np.asfortranarray(x))
    np.save(tmp_path / "names.npy", np.array([["a"] * 6] * 1000))
    np.save(tmp_path / "objects.npy", np.array([None] * 1000), allow_pickle=True)
    for name, error, message in (
        ("none.npy", FileNotFoundError, "there is no such file"),
        ("text.npy", ValueError, "is no .npy file"),
        ("short.npy", ValueError, "y has 1000 rows, X has 10"),
        ("cut.npy", ValueError, "cannot be read"),
        ("columns.npy", ValueError, "in Fortran's order"),
        ("names.npy", TypeError, "X has dtype <U1"),
        ("objects.npy", ValueError, "cannot be read"),
    ):
        with pytest.raises(error, match=message):
            network().fit(tmp_path / name, y_path, chunk_bytes=1000)
    with pytest.raises(ValueError, match="batch_size is None"):
        network().fit(x_path, y_path, chunk_bytes=1000, batch_size=None)
    with pytest.raises(ValueError, match="metrics other than accuracy need all samples"):
        network().fit(x_path, y_path, chunk_bytes=1000, metrics=("dice",))
    with pytest.raises(TypeError, match="y is missing"):
        network().fit(x_path)
    with pytest.raises(ValueError, match="chunk_bytes is 0"):
        network().fit(x_path, y_path, chunk_bytes=0)


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "fastdl reader"]


def test_a_number_that_is_not_finite_names_its_row_and_leaves_no_thread(files):
    x, y, x_path, y_path = files
    x[777, 2] = np.nan
    np.save(x_path, x)
    before = network()
    model = network()
    with pytest.raises(ValueError, match=r"fit: X\[777, 2\] is nan; expected finite numbers"):
        model.fit(x_path, y_path, batch_size=16, seed=0, chunk_bytes=3000)
    assert not readers() and not same(values(before), values(model))
    y[5] = 9
    np.save(x_path, np.nan_to_num(x))
    np.save(y_path, y)
    with pytest.raises(ValueError, match=r"y holds 9, which is none of the model's classes \[0, 1, 2\] \(rows \d+ to"):
        network().fit(x_path, y_path, chunk_bytes=3000, classes=[0, 1, 2])
    assert not readers()


def test_a_file_that_shrinks_while_it_is_read(files):
    x, y, x_path, y_path = files

    def cut(model, epoch, numbers):
        x_path.write_bytes(x_path.read_bytes()[:8000])

    with pytest.raises(ValueError, match=r"which ends before row \d+ of 1000: was it cut short\?"):
        network().fit(x_path, y_path, epochs=3, chunk_bytes=3000, callbacks=cut)
    assert not readers()


def test_files_of_fewer_rows_than_a_batch(files):
    x, y, x_path, y_path = files
    few = [x_path.parent / name for name in ("few_x.npy", "few_y.npy")]
    for path, array in zip(few, (x, y), strict=True):
        np.save(path, array[:100])
    model, other = network(), network()
    history = model.fit(x_path, y_path, epochs=1, seed=0, validation_data=few)
    other.fit(x, y, epochs=1, seed=0, validation_data=(x[:100], y[:100]))
    assert history["val_loss"] == other.history["val_loss"]
    assert np.array_equal(model.predict(few[0]), model.predict(x[:100]))
    assert model.evaluate(*few) == model.evaluate(x[:100], y[:100])


def test_a_small_part_of_a_map_is_loaded(files):
    _, y, x_path, _ = files
    every_other = np.load(x_path, mmap_mode="r")[::2]
    history = network().fit(every_other, y[::2], epochs=1, metrics=("dice",), batch_size=None)
    assert history["dice"]


def test_an_epoch_that_is_begun_anew_has_the_buffers_for_itself():
    """Training goes over steps again to find where a NaN came from, in the midst of an epoch."""
    source = chunks_of(data(300)[0], np.arange(300))
    first = source.pieces(0)
    next(first)
    second = source.pieces(0)
    next(second)
    assert len(readers()) == 1
    second.close()
    first.close()
    assert not readers()


def test_all_of_an_epoch_done_leaves_the_last_batch_to_be_looked_at():
    source = chunks_of(data(300)[0], np.arange(300))
    (piece,) = source.pieces(0, 300)
    assert piece.samples == piece.done > 0


class Stop(fd.training.Callback):
    """Ctrl-C after the step number ``at``."""

    def __init__(self, at):
        self.at = at

    def on_batch_end(self, model, step):
        if step == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["chunks", "list"])
def test_training_that_goes_on_ends_with_the_same_bits(files, tmp_path, kind):
    x, y, x_path, y_path = files
    batches = [(x[i : i + 40], y[i : i + 40]) for i in range(0, 1000, 40)]
    given = (x_path, y_path) if kind == "chunks" else (batches,)
    options = {"epochs": 3, "batch_size": 40, "seed": 2, "chunk_bytes": 3000, "augment": fd.augment.Noise(0.1)}
    whole = network()
    whole.fit(*given, **options, callbacks=Stop(-1))
    for at in (0, 7, 24, 25, 33, 74):
        model = network()
        with pytest.raises(KeyboardInterrupt):
            model.fit(*given, **options, callbacks=Stop(at), checkpoint=tmp_path / "run")
        again = network()
        again.fit(*given, **options, callbacks=Stop(-1), resume=tmp_path / "run")
        assert same(values(again), values(whole))
        for other in ({"augment": ()}, {"augment": fd.augment.Noise(0.2)}):
            with pytest.raises(ValueError, match="augment"):
                network().fit(*given, **{**options, **other}, callbacks=Stop(-1), resume=tmp_path / "run")
    if kind == "chunks":
        with pytest.raises(ValueError, match="chunk_bytes"):
            network().fit(*given, **{**options, "chunk_bytes": 4000}, callbacks=Stop(-1), resume=tmp_path / "run")
