"""`fastdl train`: what it recognises, trains, prints and writes."""

import json

import numpy as np
import pytest
import safetensors.numpy

import fastdl as fd
from fastdl.cli import modelfile, networks

pytestmark = pytest.mark.filterwarnings(
    "ignore::fastdl.saving.PreparationWarning"
)  # what the file holds is looked at here

FILE = "fastdl-model.safetensors"


def tensors(path):
    return safetensors.numpy.load_file(path)


def preparation(path=FILE):
    return modelfile.load_prepared(str(path))[1]


def test_two_classes_from_a_csv_file(good, two_classes_csv):
    out = good("train", two_classes_csv, "--target", "ill", "--epochs", 40, "--lr", 0.01)
    assert "two.csv: 60 rows, a table of 4 columns (5 inputs: each category of a text column has its own)\n" in out
    assert "classification: ill is one of 2 classes ('no', 'yes')\n" in out
    assert "48 rows to train, 6 to validate, 6 to test (each class in proportion, seed 0)" in out
    for word in ("accuracy", "sensitivity", "specificity", "ROC AUC", "true \\ predicted", "positive class: yes", FILE):
        assert word in out


def test_a_regression_from_a_csv_file(scores, folder, values_csv):
    out = scores(values_csv, "--target", "price", "--model", "logistic", "--lr", 0.05)
    assert out["test"]["r2"] > 0.99
    assert 2 < out["test"]["rmse"] < 20  # in units of the target: the noise has a standard deviation of 5
    assert set(out["test"]) == {"rows", "loss", "r2", "rmse"}
    model = fd.load(FILE)
    assert model.loss == "mse_loss" and model.classes is None


def test_a_regression_says_so(good, values_csv):
    out = good("train", values_csv, "--target", "price", "--epochs", 1)
    assert "regression: price is a number" in out and "R2" in out and "RMSE" in out and "accuracy" not in out


def test_integers_are_classes_or_numbers(good, folder):
    (folder / "grades.csv").write_text("x,few,many\n" + "".join(f"{i},{i % 3},{i}\n" for i in range(60)))
    assert "classification: few" in good("train", "grades.csv", "--target", "few", "--epochs", 1)
    assert "regression: many is a number\n" in good("train", "grades.csv", "--target", "many", "--epochs", 1, "--force")
    (folder / "floats.csv").write_text("x,y\n" + "".join(f"{i},{i % 3}.0\n" for i in range(60)))
    out = good("train", "floats.csv", "--target", "y", "--epochs", 1, "--force")
    assert "regression: y is a number (3 different ones; if they are classes, write them as integers" in out


def test_images_from_an_npz_file(good, scores, images_npz):
    out = good("train", images_npz, "--epochs", 1)
    assert "60 rows, images of 1 x 8 x 8\n" in out and "cnn (relu)" in out
    assert scores(images_npz, "--epochs", 15, "--lr", 0.01, "--force")["test"]["accuracy"] == 1


@pytest.mark.parametrize("model", ["logistic", "mlp"])
def test_images_as_rows_of_pixels(scores, images_npz, model):
    assert scores(images_npz, "--model", model, "--epochs", 20, "--lr", 0.01)["test"]["accuracy"] == 1


def test_a_table_and_other_keys_from_an_npz_file(scores, good, bad, folder):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((80, 3)).astype(np.float32)
    np.savez(folder / "table.npz", a=a, b=a[:, 0] > 0)
    out = scores("table.npz", "--x", "a", "--y", "b", "--epochs", 60, "--lr", 0.02)
    assert out["test"]["accuracy"] >= 0.75
    assert "row,predicted_b,probability_0,probability_1\n" in good("predict", FILE, "table.npz", "--x", "a")
    (folder / "table.csv").write_text("p,q,r\n1,2,3\n")
    assert "without column names" in bad("predict", FILE, "table.csv")


def test_a_bundled_data_set(scores, folder):
    out = scores("digits", "--epochs", 6)
    assert out["test"]["accuracy"] > 0.85 and out["test"]["rows"] == 180


def test_the_json_object(scores, two_classes_csv):
    out = scores(two_classes_csv, "--target", "ill", "--epochs", 2, "--out", "m.safetensors")
    assert set(out) == {"train", "validation", "test", "seconds", "epochs", "model"}
    for part, rows in (("train", 48), ("validation", 6), ("test", 6)):
        assert set(out[part]) == {"rows", "loss", "accuracy", "sensitivity", "specificity", "roc_auc"}
        assert out[part]["rows"] == rows and 0 <= out[part]["accuracy"] <= 1
    assert set(out["seconds"]) == {"compile", "train"} and out["seconds"]["train"] > 0
    assert out["epochs"] == 2 and out["model"] == "m.safetensors"


def test_what_does_not_exist_is_null(good, folder):
    """Six rows of 60 are tested: with one class so rare that none of it is among them, there is no sensitivity."""
    (folder / "rare.csv").write_text("x,y\n" + "".join(f"{i},{int(i < 3)}\n" for i in range(60)))
    line = good("train", "rare.csv", "--target", "y", "--epochs", 1, "--json").splitlines()[-1]
    out = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert None in (out["test"]["sensitivity"], out["validation"]["sensitivity"])


def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads(good, folder, images_npz):
    for name, threads, seed in (("a", 1, 3), ("b", 2, 3), ("c", 2, 3), ("d", 2, 4)):
        good("train", images_npz, "--epochs", 2, "--seed", seed, "--threads", threads, "--out", name)
    first, *others = [tensors(name) for name in "abcd"]
    assert len(first) == 8
    same = [all(np.array_equal(first[k], other[k]) for k in first) for other in others]
    assert same == [True, True, False]


def test_scales_come_from_the_training_part_only(good, folder, values_csv):
    good("train", values_csv, "--target", "price", "--epochs", 1, "--seed", 5)
    table = np.genfromtxt(values_csv, delimiter=",", skip_header=1)
    train = fd.datasets.split_indices(np.zeros(60), (0.8, 0.1, 0.1), seed=5, stratify=False)[0]
    kept = preparation()
    np.testing.assert_allclose(kept.inputs.mean, table[train, :2].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(kept.inputs.scale, table[train, :2].std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(kept.outputs.mean, table[train, 2].mean(), rtol=1e-12)
    np.testing.assert_allclose(kept.outputs.scale, table[train, 2].std(), rtol=1e-12)


def test_columns_that_tell_nothing(good, folder, two_classes_csv):
    """A constant column, and categories that the training part happens to lack, count for nothing."""
    path = folder / two_classes_csv
    lines = path.read_text().splitlines()
    labels = np.array([line.rsplit(",", 1)[1] for line in lines[1:]])
    test = fd.datasets.split_indices(labels, (0.8, 0.1, 0.1), seed=0)[2]
    cells = lines[1 + test[0]].split(",")
    cells[2] = "green"
    lines[1 + test[0]] = ",".join(cells)
    path.write_text("\n".join(lines))
    good("train", two_classes_csv, "--target", "ill", "--epochs", 2)
    kept = preparation()
    assert kept.encoder.feature_names == ("size", "weight", "colour=blue", "colour=green", "colour=red", "same")
    assert [bool(scale) for scale in kept.inputs.scale] == [True, True, True, False, True, False]
    assert (kept.inputs.mean[2], kept.inputs.scale[2]) == (0, 1)  # one-hot columns stay as they are


def test_options_reach_the_network(good, folder, two_classes_csv):
    common = (two_classes_csv, "--target", "ill", "--epochs", 1, "--force")
    good(
        "train",
        *common,
        "--layers",
        "5,3",
        "--activation",
        "tanh",
        "--optimizer",
        "sgd",
        "--batch-size",
        7,
        "--lr",
        0.3,
    )
    names = [type(part).__name__ for part in fd.load(FILE)]
    assert names == ["Dense", "Tanh", "Dense", "Tanh", "Dense"]
    settings = preparation().notes["settings"]
    assert (settings["optimizer"], settings["batch_size"], settings["lr"]) == ("sgd", 7, 0.3)
    good("train", *common, "--model", "logistic")
    assert [type(part).__name__ for part in fd.load(FILE)] == ["Dense"]


def test_history_is_in_the_file(good, two_classes_csv):
    good("train", two_classes_csv, "--target", "ill", "--epochs", 3)
    history = preparation().notes["history"]
    assert set(history["epochs"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert len(history["epochs"]["loss"]) == 3


def test_early_stopping_keeps_the_best(good, two_classes_csv):
    out = good("train", two_classes_csv, "--target", "ill", "--lr", 0.1)
    epochs = preparation().notes["history"]["epochs"]
    assert len(epochs["val_loss"]) < 200
    best = min(epochs["val_loss"])
    validation = next(line.split() for line in out.splitlines() if line.startswith("validation"))
    assert float(validation[2]) == pytest.approx(best, abs=1e-4)


def test_force_replaces_a_file(good, folder, two_classes_csv):
    (folder / FILE).write_bytes(b"something else")
    good("train", two_classes_csv, "--target", "ill", "--epochs", 1, "--force")
    assert preparation().classes == ("no", "yes")


def test_a_training_that_diverges_writes_nothing(command, folder, values_csv):
    code, out, err = command("train", values_csv, "--target", "price", "--optimizer", "sgd", "--lr", 1e6)
    assert (code, err.count("\n")) == (2, 1) and "try --lr 100000" in err
    assert not (folder / FILE).exists()


def test_a_disk_that_fails_at_the_end(command, folder, two_classes_csv, monkeypatch):
    def full(*_, **__):
        raise fd.ModelFileError(FILE, "cannot be written (No space left on device)")

    monkeypatch.setattr("fastdl.saving.save", full)
    code, out, err = command("train", two_classes_csv, "--target", "ill", "--epochs", 1)
    assert (code, err.count("\n")) == (2, 1) and "No space left" in err
    assert [path.name for path in folder.iterdir()] == [two_classes_csv]


@pytest.mark.slow
@pytest.mark.parametrize(("data", "seconds", "accuracy"), [("mnist5k", 30, 0.970), ("breast_cancer", 3, 0.96)])
def test_mean_accuracy_over_five_seeds(scores, data, seconds, accuracy):
    scores(data, "--epochs", 1)  # compiles
    runs = [scores(data, "--seed", seed, "--force") for seed in range(5)]
    found = [run["test"]["accuracy"] for run in runs]
    print(data, found, [round(run["seconds"]["train"], 1) for run in runs])
    assert np.mean(found) >= accuracy
    assert max(run["seconds"]["train"] for run in runs) < seconds


def test_images_changed_at_random(good, images_npz):
    plain = good("train", images_npz, "--epochs", 1)
    first = {name: array.tobytes() for name, array in tensors(FILE).items()}
    out = good("train", images_npz, "--epochs", 1, "--augment", "--force")
    assert "images are shifted and turned at random in training\n" in out and "at random in training" not in plain
    changed = {name: array.tobytes() for name, array in tensors(FILE).items()}
    good("train", images_npz, "--epochs", 1, "--augment", "--force")
    assert changed != first and changed == {name: array.tobytes() for name, array in tensors(FILE).items()}


def test_what_lies_beside_a_shifted_image_is_what_lies_at_its_edges():
    images = np.full((5, 2, 6, 6), 3.0, np.float32)
    images[..., 1:-1, 1:-1] = 9
    settings = networks.Settings("cnn", (8,), "relu", "adam", 0.1, 1, 8, None, augment=True)
    assert {change.fill for change in networks.changes(settings, images)} == {3.0}


def test_the_positive_class_is_the_one_that_is_named(good, scores, folder, two_classes_csv):
    options = two_classes_csv, "--target", "ill", "--epochs", 40, "--lr", 0.01, "--force"
    usual, other = scores(*options)["test"], scores(*options, "--positive", "no")["test"]
    assert preparation().classes == ("yes", "no") == tuple(fd.load(FILE).classes)
    assert other["rows"] == usual["rows"] and {other["sensitivity"], usual["specificity"]} == {1.0}
    assert "positive class: no" in good("evaluate", FILE, two_classes_csv)
    lines = good("predict", FILE, two_classes_csv).splitlines()
    assert lines[0] == "line,predicted_ill,probability_yes,probability_no"
    truth = [line.rsplit(",", 1)[1] for line in (folder / two_classes_csv).read_text().splitlines()[1:]]
    for line, label in zip(lines[1:], truth, strict=True):
        _, predicted, yes, no = line.split(",")
        assert predicted == label == ("no" if float(no) > 0.5 else "yes") and float(yes) + float(no) == pytest.approx(1)


def test_integers_as_positive_class(scores, folder):
    (folder / "bits.csv").write_text("x,y\n" + "".join(f"{i % 2 + i / 100},{i % 2}\n" for i in range(60)))
    out = scores("bits.csv", "--target", "y", "--positive", "0", "--epochs", 60, "--lr", 0.05)
    assert preparation().classes == (1, 0) and out["test"]["accuracy"] == 1
