"""Helpers of the command's tests: small data files, and the command run in this process or in one of its own."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fastdl.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder as the current one, so that default file names go there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(capsys, folder):
    """`command(*args)`: (exit code, standard output, standard error) of `fastdl args`, run in the empty folder."""

    def call(*args):
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def good(command):
    """`good(*args)`: the standard output of a call that succeeds."""

    def call(*args):
        code, out, err = command(*args)
        assert code == 0, err
        return out

    return call


@pytest.fixture
def bad(command, folder):
    """`bad(*args)`: the one line of a call that ends with exit code 2 and leaves the folder as it was."""

    def call(*args):
        before = contents(folder)
        code, out, err = command(*args)
        assert code == 2
        assert err.startswith("fastdl: ") and err.endswith("\n") and err.count("\n") == 1
        assert "Traceback" not in out + err
        assert contents(folder) == before
        return err

    return call


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def scores(good):
    """`scores(*args)`: the JSON object of `fastdl train args --json`."""

    def call(*args):
        return json.loads(good("train", *args, "--json").splitlines()[-1])

    return call


@pytest.fixture
def process(folder):
    """`process(*args)`: a running `fastdl args`, its output piped as text."""

    def start(*args, **env):
        return subprocess.Popen(
            [sys.executable, "-m", "fastdl", *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )

    return start


def two_classes(rows=60, seed=0):
    """CSV text: class "yes" where the numbers are large; a column of text that says half as much; a constant."""
    rng = np.random.default_rng(seed)
    lines = ["size,weight,colour,same,ill"]
    for i in range(rows):
        ill = i % 2
        size, weight = rng.normal(2 * ill, 0.5), 1000 + 100 * rng.normal(2 * ill, 0.5)
        colour = ["blue", "red"][ill if rng.random() < 0.75 else 1 - ill]
        lines.append(f"{size:.4f},{weight:.2f},{colour},7,{['no', 'yes'][ill]}")
    return "\n".join(lines) + "\n"


def values(rows=60, seed=0):
    """CSV text of a regression: price = 500 + 100 size - 20 age."""
    rng = np.random.default_rng(seed)
    size, age = rng.uniform(0, 10, (2, rows))
    noise = rng.normal(0, 5, rows)
    return "size,age,price\n" + "".join(
        f"{s:.3f},{a:.3f},{500 + 100 * s - 20 * a + e:.3f}\n" for s, a, e in zip(size, age, noise, strict=True)
    )


def images(classes=3, each=20, seed=0):
    """Bytes (n, 8, 8): the class tells which rows of pixels are bright."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    pixels = rng.integers(0, 60, (len(labels), 8, 8))
    for i, label in enumerate(labels):
        pixels[i, 2 * label : 2 * label + 2] += 150
    return pixels.astype(np.uint8), labels


@pytest.fixture
def two_classes_csv(folder):
    (folder / "two.csv").write_text(two_classes())
    return "two.csv"


@pytest.fixture
def values_csv(folder):
    (folder / "values.csv").write_text(values())
    return "values.csv"


@pytest.fixture
def images_npz(folder):
    pixels, labels = images()
    np.savez(folder / "images.npz", images=pixels, labels=labels)
    return "images.npz"
