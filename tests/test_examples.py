"""The examples do what their text says. They lie beside the tests in a checkout, not in the installed package."""

import importlib.util
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastdl as fd

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def example(name, monkeypatch):
    """The example as a module; skips where there is none."""
    path = EXAMPLES / f"{name}.py"
    if not path.exists():
        pytest.skip(f"{path} is not there: the tests run without the checkout's examples")
    spec = importlib.util.spec_from_file_location(f"fastdl_example_{name}", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def segmentation(monkeypatch):
    return example("segmentation", monkeypatch)


def dice_printed(text):
    """Mean Dice by grey level and by the network; beside each stand those of the three tissues, of which it is made."""
    means = {}
    for title, mean, each in re.findall(r"^  by (.*): mean (\S+) \((.*)\)$", text, re.MULTILINE):
        tissues = [float(words.split()[-1]) for words in each.split(", ")]
        assert len(tissues) == 3 and float(mean) == pytest.approx(np.mean(tissues), abs=1e-3)
        means[title] = float(mean)
    return means["grey level"], means["the network"]


def test_segmentation_holds_out_blocks_of_neighbours(segmentation):
    for seed in range(20):
        X, y, X_test, y_test, numbers = segmentation.slices(seed)
        assert X.shape == (16, 1, 232, 196) and y_test.shape == (8, 232, 196)
        blocks = numbers.reshape(2, 4)
        np.testing.assert_array_equal(np.diff(blocks), 1)
        assert (blocks[:, 0] % 4 == 0).all() and blocks[0, 0] < blocks[1, 0]
        assert not any((a == b).all() for a in X for b in X_test)


def test_segmentation_in_small(segmentation, capsys, monkeypatch, tmp_path):
    X, y, X_test, y_test, numbers = segmentation.slices(0)
    small = *(images[..., 80:160, 40:120] for images in (X, y, X_test, y_test)), numbers
    monkeypatch.setattr(segmentation, "slices", lambda seed: small)
    out = tmp_path / "model.safetensors"
    assert segmentation.main(["--epochs", "30", "--width", "4", "--out", str(out)]) == 0
    by_grey_level, by_network = dice_printed(capsys.readouterr().out)
    assert by_network > 0.75 > by_grey_level
    model = fd.load(out, segmentation.UNet(4))
    found = model.predict(small[2])
    assert found.shape == (8, 80, 80) and set(np.unique(found)) == {0, 1, 2}


def test_picture_of_the_segmentation(segmentation, tmp_path):
    pytest.importorskip("matplotlib", reason="it draws the picture")
    X, _, _, y, numbers = segmentation.slices(0)
    segmentation.save_picture(tmp_path / "picture.png", X[:8], y, y, numbers)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_segmentation_finds_the_tissues(segmentation, capsys):
    start = time.perf_counter()
    assert segmentation.main([]) == 0
    assert time.perf_counter() - start < 180
    by_grey_level, by_network = dice_printed(capsys.readouterr().out)
    assert by_network >= 0.8 > by_grey_level
