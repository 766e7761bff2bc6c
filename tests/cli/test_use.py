"""`fastdl evaluate`, `predict` and `summary` with the files that `train` writes."""

import csv
import json

import numpy as np
import pytest

import fastdl as fd
from fastdl.cli import modelfile

pytestmark = pytest.mark.filterwarnings(
    "ignore::fastdl.saving.PreparationWarning"
)  # what the file holds is looked at here

FILE = "fastdl-model.safetensors"


def rows_of(text):
    heading, *rows = csv.reader(text.splitlines())
    return heading, rows


@pytest.fixture
def trained(good, two_classes_csv):
    """A model of two classes, and the report of its training."""
    return good("train", two_classes_csv, "--target", "ill", "--epochs", 30, "--lr", 0.01)


def test_evaluating_the_training_file_repeats_the_report(good, trained, two_classes_csv):
    out = good("evaluate", FILE, two_classes_csv)
    table = trained[trained.index("part ") : trained.index("test part:")]
    assert table in out and "only the test part is new" in out


def test_evaluating_other_rows(good, trained, folder, two_classes_csv):
    lines = (folder / two_classes_csv).read_text().splitlines()
    names = lines[0].split(",")
    other = ["note," + ",".join([names[4], *names[:4]])]  # columns in another order, and one more
    for line in lines[1:31]:
        cells = line.split(",")
        other.append("?," + ",".join([cells[4], *cells[:4]]))
    (folder / "other.csv").write_text("\n".join(other))
    out = good("evaluate", FILE, "other.csv")
    assert "other.csv: 30 rows" in out and "\nall " in out and "validation" not in out


def test_thresholds(good, trained, two_classes_csv):
    out = good("evaluate", FILE, two_classes_csv, "--threshold", 0.35)
    assert "greater than 0.35" in out
    table = [line.split() for line in out[out.index("\nthreshold ") :].splitlines()[2:]]
    assert [row[0] for row in table] == ["0.1", "0.2", "0.3", "0.35", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]
    predicted = [int(row[-1]) for row in table]
    assert predicted == sorted(predicted, reverse=True)


def test_predictions_of_a_csv_file(good, trained, folder, two_classes_csv):
    (folder / "new.csv").write_text("same,colour,weight,size\n7,red,1210,2.1\n\n7,blue,1000,0.1\n")
    heading, rows = rows_of(good("predict", FILE, "new.csv"))
    assert heading == ["line", "predicted_ill", "probability_no", "probability_yes"]
    assert [row[:2] for row in rows] == [["2", "yes"], ["4", "no"]]
    chances = np.array([row[2:] for row in rows], float)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
    # The same from Python.
    model, kept = modelfile.load_prepared(FILE)
    inputs = kept.inputs.transform(np.float32([[2.1, 1210, 0, 1, 7], [0.1, 1000, 1, 0, 7]]))
    np.testing.assert_allclose(model.predict_proba(inputs), chances, atol=1e-6)
    assert model.predict(inputs).tolist() == ["yes", "no"]


def test_the_threshold_itself_is_class_0(good, trained, two_classes_csv):
    _, rows = rows_of(good("predict", FILE, two_classes_csv))
    chances = sorted({float(row[3]) for row in rows})
    chance = chances[len(chances) // 2]
    _, rows = rows_of(good("predict", FILE, two_classes_csv, "--threshold", repr(chance)))
    for row in rows:
        assert row[1] == ("yes" if float(row[3]) > chance else "no")


def test_predictions_of_arrays(good, images_npz, folder):
    good("train", images_npz, "--epochs", 15, "--lr", 0.01)
    with np.load(images_npz) as arrays:
        labels = arrays["labels"]
        np.savez("unlabelled.npz", pictures=arrays["images"])
    heading, rows = rows_of(good("predict", FILE, "unlabelled.npz", "--x", "pictures"))
    assert heading == ["row", "predicted_target", "probability_0", "probability_1", "probability_2"]
    assert [row[0] for row in rows] == [str(i) for i in range(60)]
    assert [int(row[1]) for row in rows] == labels.tolist()


def test_predictions_of_values(good, values_csv):
    good("train", values_csv, "--target", "price", "--model", "logistic", "--lr", 0.05)
    heading, rows = rows_of(good("predict", FILE, values_csv))
    assert heading == ["line", "predicted_price"]
    truth = np.genfromtxt(values_csv, delimiter=",", skip_header=1)[:, 2]
    assert np.corrcoef(truth, [float(row[1]) for row in rows])[0, 1] > 0.99


def test_bundled_data_and_csv_files_of_the_same_columns(good, folder):
    good("train", "breast_cancer", "--epochs", 5)
    _, rows = rows_of(good("predict", FILE, "breast_cancer"))
    X, _ = fd.datasets.breast_cancer()
    lines = [",".join(fd.datasets.breast_cancer_features())] + [",".join(map(repr, row.tolist())) for row in X]
    (folder / "same.csv").write_text("\n".join(lines))
    _, again = rows_of(good("predict", FILE, "same.csv"))
    assert [row[1:] for row in again] == [row[1:] for row in rows]


def test_predictions_in_a_file(good, bad, trained, folder, two_classes_csv):
    printed = good("predict", FILE, two_classes_csv)
    assert "60 predictions" in good("predict", FILE, two_classes_csv, "--out", "p.csv")
    assert (folder / "p.csv").read_text() == printed
    assert "--force" in bad("predict", FILE, two_classes_csv, "--out", "p.csv")
    assert "--force" in bad("predict", FILE, two_classes_csv, "--out", two_classes_csv)
    assert "no directory" in bad("predict", FILE, two_classes_csv, "--out", "nowhere/p.csv")


def test_a_disk_that_fails_leaves_no_half_of_a_file(bad, trained, two_classes_csv, monkeypatch):
    def full(file, table):
        file.write("line,")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastdl.cli.predict._write", full)
    assert "No space left on device" in bad("predict", FILE, two_classes_csv, "--out", "p.csv")


def test_summary(good, trained):
    out = good("summary", FILE)
    for text in ("Dense", "parameters", "ill: classes 'no', 'yes'", "standardised", "seed 0", "lr 0.01", "30 epochs"):
        assert text in out
    assert "0.9" in out or "1.0000" in out


def test_summary_of_a_model_from_python(good, bad, folder):
    fd.save(fd.nn.Sequential(fd.nn.Dense(2, 1)), "own.safetensors")
    assert "holds no preprocessing" in good("summary", "own.safetensors")
    assert "not written by `fastdl train`" in bad("predict", "own.safetensors", "digits")


# What does not fit.


def test_data_of_another_kind(bad, trained, images_npz):
    assert "images of 1 x 8 x 8 without names" in bad("predict", FILE, images_npz)
    assert "images of 1 x 28 x 28" in bad("evaluate", FILE, "mnist5k")
    assert "no column" in bad("evaluate", FILE, "breast_cancer")


def test_images_of_another_size(good, bad, images_npz):
    good("train", images_npz, "--epochs", 1)
    assert "trained on images of 1 x 8 x 8, but this is images of 1 x 28 x 28" in bad("predict", FILE, "mnist5k")
    assert "named columns" in bad("predict", FILE, "breast_cancer")
    for command in ("predict", "evaluate"):
        assert "--threshold is for models of two classes" in bad(command, FILE, images_npz, "--threshold", "0.4")


NEW = [
    ("size,weight,colour\n1,1000,red\n", "no column 'same'"),
    ("size,weight,colour,same\ntall,1000,red,7\n", "line 2, column 'size': text where numbers must be ('tall')"),
    ("size,weight,colour,same\n1,1000,pink,7\n", "unknown category 'pink'"),
    ("size,weight,colour,same\n1,,red,7\n", "missing value"),
    ("size,weight,colour,same\n1,1e39,red,7\n", "float32"),
    ("size,weight,colour,same\n", "no row of values"),
]


@pytest.mark.parametrize(("text", "part"), NEW, ids=[part for _, part in NEW])
def test_csv_files_that_do_not_fit(bad, trained, folder, text, part):
    (folder / "new.csv").write_text(text)
    assert part in bad("predict", FILE, "new.csv")


def test_labels_that_the_model_does_not_know(bad, trained, folder):
    (folder / "new.csv").write_text("size,weight,colour,same,ill\n1,1000,red,7,no\n1,1000,red,7,maybe\n")
    assert "line 3: the target is 'maybe'; the model's classes are 'no', 'yes'" in bad("evaluate", FILE, "new.csv")
    assert "no column 'well'" in bad("evaluate", FILE, "new.csv", "--target", "well")


def test_files_that_are_no_models(bad, folder, trained):
    data = (folder / FILE).read_bytes()
    (folder / "short.safetensors").write_bytes(data[:-7])
    (folder / "text.safetensors").write_text("hello")
    for name in ("short.safetensors", "text.safetensors", "missing.safetensors", "."):
        assert name in bad("summary", name)
        assert name in bad("predict", name, "digits")


CHANGES = [
    ("format", 2),
    ("task", "regression"),
    ("classes", ["no"]),
    ("classes", ["no", 1]),
    ("classes", ["yes", "no"]),
    ("classes", ["no", "yes", "maybe"]),
    ("shape", [4]),
    ("shape", "5"),
    ("encoder", {"columns": [{"name": "size", "kind": "fuzzy"}]}),
    ("inputs", {"mean": [0, 0, 0, 0], "scale": [1, 1, 1, 1]}),
    ("inputs", {"mean": [0, 0, 0, 0, "x"], "scale": [1, 1, 1, 1, 1]}),
    ("inputs", None),
    ("outputs", {"mean": [0], "scale": [1]}),
    ("split", {"seed": -1, "data": ""}),
    ("split", []),
    ("notes", 3),
]


@pytest.mark.parametrize(("key", "value"), CHANGES, ids=[f"{k}={json.dumps(v)[:30]}" for k, v in CHANGES])
def test_a_preprocessing_that_was_tampered_with(bad, folder, trained, two_classes_csv, key, value):
    model = fd.load(FILE)
    model.extra["fastdl_train"][key] = value
    fd.save(model, FILE)
    assert "train again" in bad("predict", FILE, two_classes_csv)


def test_a_network_that_does_not_fit_its_preprocessing(bad, folder, trained, two_classes_csv):
    model = fd.load(FILE)
    other = fd.nn.Sequential(fd.nn.Dense(6, 1))
    other.loss, other.classes, other.input_shape = model.loss, model.classes, model.input_shape
    fd.save(other, FILE, extra=model.extra)
    assert "do not fit" in bad("predict", FILE, two_classes_csv)
