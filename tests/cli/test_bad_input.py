"""Whatever is wrong with options, data or files: exit code 2, one line that names it, nothing half-written."""

import os

import numpy as np
import pytest

OPTIONS = [
    ((), "COMMAND"),
    (("fly",), "fly"),
    (("train",), "DATA"),
    (("train", "mnist5k", "--lern", "1"), "there is no option --lern"),
    (("train", "mnist5k", "--epoch=3"), "no option --epoch (did you mean '--epochs'?)"),
    (("train", "mnist5k", "--learning-rate", "1"), "did you mean '--lr'?"),
    (("train", "mnist5k", "--epochs", "0"), "--epochs"),
    (("train", "mnist5k", "--epochs", "2.5"), "--epochs"),
    (("train", "mnist5k", "--batch-size", "-3"), "--batch-size"),
    (("train", "mnist5k", "--lr", "nan"), "--lr"),
    (("train", "mnist5k", "--lr", "inf"), "--lr"),
    (("train", "mnist5k", "--lr", "0"), "--lr"),
    (("train", "mnist5k", "--seed", "-1"), "--seed"),
    (("train", "mnist5k", "--seed", "x"), "--seed"),
    (("train", "mnist5k", "--threads", "0"), "--threads"),
    (("train", "mnist5k", "--model", "forest"), "forest"),
    (("train", "mnist5k", "--activation", "step"), "step"),
    (("train", "mnist5k", "--optimizer", "lbfgs"), "lbfgs"),
    (("train", "mnist5k", "--layers", "64,"), "--layers"),
    (("train", "mnist5k", "--layers", "64,0"), "--layers"),
    (("train", "digits", "--layers", "8"), "--layers is for --model mlp"),
    (("train", "breast_cancer", "--model", "logistic", "--activation", "relu"), "--activation"),
    (("train", "breast_cancer", "--model", "cnn"), "--model cnn is for images"),
    (("train", "breast_cancer", "--augment"), "--augment is for images"),
    (("evaluate", "model.safetensors", "digits", "--threshold", "1.5"), "--threshold"),
    (("predict", "model.safetensors"), "DATA"),
]


@pytest.mark.parametrize(("arguments", "part"), OPTIONS, ids=[" ".join(a) or "nothing" for a, _ in OPTIONS])
def test_wrong_options(bad, arguments, part):
    assert part in bad(*arguments)


DATA = [
    (("mnsit5k",), "did you mean 'mnist5k'?"),
    (("table.txt",), ".csv or .npz"),
    (("missing.csv", "--target", "y"), "missing.csv: no such file"),
    (("missing.npz",), "missing.npz: no such file"),
    (("two.csv",), "--target COLUMN"),
    (("two.csv", "--target", "il"), "did you mean 'ill'?"),
    (("two.csv", "--target", "ill", "--x", "X"), "--x is for .npz files"),
    (("two.csv", "--target", "ill", "--positive", "ye"), "expected one of 'no', 'yes'; did you mean 'yes'?"),
    (("two.csv", "--target", "size", "--positive", "yes"), "two classes, but 'size' has numbers; leave it out"),
    (("digits", "--positive", "3"), "'label' has 10 classes; leave it out"),
    (("digits", "--target", "ill"), "--target is for .csv files"),
    (("images.npz", "--x", "pictures"), "no array 'pictures'"),
    (("images.npz", "--y", "names"), "no array 'names'"),
    (("brain_slices",), "a label for each pixel"),
]


@pytest.mark.parametrize(("arguments", "part"), DATA, ids=[" ".join(a) for a, _ in DATA])
def test_wrong_data(bad, two_classes_csv, images_npz, arguments, part):
    assert part in bad("train", *arguments)


def edited(path, *changes):
    """Replace text in a file."""
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_text_among_numbers_is_no_category(bad, folder, two_classes_csv):
    lines = (folder / two_classes_csv).read_text().splitlines()
    lines[7] = "tall," + lines[7].split(",", 1)[1]
    (folder / two_classes_csv).write_text("\n".join(lines))
    line = bad("train", two_classes_csv, "--target", "ill")
    assert "line 8, column 'size': text where numbers must be ('tall'; 1 of 60 rows)" in line


def test_text_among_targets(bad, folder, values_csv):
    lines = (folder / values_csv).read_text().splitlines()
    lines[3] = "1,2,unknown"
    (folder / values_csv).write_text("\n".join(lines))
    assert "line 4, column 'price': text where numbers must be" in bad("train", values_csv, "--target", "price")


def test_a_column_of_names(bad, folder):
    (folder / "names.csv").write_text("name,x,y\n" + "".join(f"person {i},{i},{i % 2}\n" for i in range(60)))
    assert "column 'name' has 60 categories" in bad("train", "names.csv", "--target", "y")


def test_the_data_are_not_replaced(bad, images_npz, two_classes_csv):
    assert "would be replaced" in bad("train", images_npz, "--out", images_npz, "--force")
    assert "would be replaced" in bad(
        "train", two_classes_csv, "--target", "ill", "--out", f"./{two_classes_csv}", "--force"
    )


def test_missing_value(bad, folder, values_csv):
    lines = (folder / values_csv).read_text().splitlines()
    lines[3] = ",2,100"
    (folder / values_csv).write_text("\n".join(lines))
    assert "line 4, column 'size': missing value" in bad("train", values_csv, "--target", "price")


def test_one_class(bad, folder, two_classes_csv):
    edited(folder / two_classes_csv, (",yes", ",no"))
    assert "one class only ('no')" in bad("train", two_classes_csv, "--target", "ill")


def test_same_target_everywhere(bad, folder):
    (folder / "flat.csv").write_text("a,b\n" + "".join(f"{i},2.5\n" for i in range(40)))
    assert "nothing to learn" in bad("train", "flat.csv", "--target", "b")


def test_too_few_rows(bad, folder, two_classes_csv):
    lines = (folder / two_classes_csv).read_text().splitlines()
    (folder / two_classes_csv).write_text("\n".join(lines[:12]))
    assert "11 rows are too few for 2 classes" in bad("train", two_classes_csv, "--target", "ill")


def test_too_few_rows_for_a_regression(bad, folder):
    (folder / "few.csv").write_text("a,b\n" + "".join(f"{i},{i}.5\n" for i in range(9)))
    assert "9 rows are too few for a regression" in bad("train", "few.csv", "--target", "b")


def test_a_rare_class(bad, folder, two_classes_csv):
    with open(folder / two_classes_csv, "a") as file:
        file.write("1,1000,red,7,perhaps\n")
    assert "class 'perhaps' of the target 'ill' has 1 row" in bad("train", two_classes_csv, "--target", "ill")


def test_numbers_too_large(bad, folder):
    (folder / "large.csv").write_text("a,b\n" + "".join(f"{i},{i}e300\n" for i in range(40)))
    assert "too large" in bad("train", "large.csv", "--target", "b")


def test_images_too_small_for_a_cnn(bad, folder):
    np.savez(folder / "small.npz", X=np.zeros((40, 3, 3)), y=np.arange(40) % 2)
    assert "at least 4 x 4 pixels" in bad("train", "small.npz")


@pytest.fixture
def untrained(monkeypatch):
    """Whoever trains has not looked at the output first."""

    def fit(*_, **__):
        raise AssertionError("trained before the output was looked at")

    monkeypatch.setattr("fastdl.nn.Module.fit", fit)


OUTPUTS = ["", "nowhere/model.safetensors", ".", "pipe", "two.csv/model.safetensors"]


@pytest.mark.parametrize("out", OUTPUTS)
def test_unwritable_output(bad, untrained, folder, two_classes_csv, out):
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
    else:
        (folder / "pipe").mkdir()
    assert "fastdl: " in bad("train", two_classes_csv, "--target", "ill", "--out", out, "--force")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_permission(bad, folder, two_classes_csv):
    (folder / "locked").mkdir(mode=0o500)
    assert "cannot be written" in bad("train", two_classes_csv, "--target", "ill", "--out", "locked/model.safetensors")


def test_an_existing_file_is_kept_and_nothing_is_trained(bad, untrained, folder):
    (folder / "fastdl-model.safetensors").write_bytes(b"precious")
    assert "--force replaces it" in bad("train", "breast_cancer")


def test_a_message_stays_one_line(bad):
    assert "no\\nsuch" in bad("train", "no\nsuch.csv", "--target", "a\nb")
    assert "--a b" in bad("train", "digits", "--a\nb")
