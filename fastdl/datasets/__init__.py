"""Data: bundled sets, toy data, splitting, and reading CSV and .npz files.

`bundled.py` loads what comes with the package, `toys.py` makes toy data, `split.py` divides rows, `tables.py` reads
CSV files (`csvfile.py` their text) and `encoder.py` makes matrices of them, `arrays.py` reads .npz files, `tasks.py`
tells classes from numbers, `lecture.py` has the lecture's worked examples, `errors.py` the one exception.
Imports NumPy and the standard library only.
"""

from fastdl.datasets.arrays import read_npz
from fastdl.datasets.bundled import (
    BUNDLED,
    brain_slices,
    breast_cancer,
    breast_cancer_features,
    digits,
    mnist5k,
)
from fastdl.datasets.encoder import TableEncoder
from fastdl.datasets.errors import DataError
from fastdl.datasets.lecture import clinical_note, five_points, image_filters, small_image, stroke_patients
from fastdl.datasets.split import split_indices, train_test_split
from fastdl.datasets.tables import Table, read_csv
from fastdl.datasets.tasks import class_labels, infer_task
from fastdl.datasets.toys import circles, gaussians, linear, moons, plane, spiral, waves, xor

__all__ = [
    "BUNDLED",
    "DataError",
    "Table",
    "TableEncoder",
    "brain_slices",
    "breast_cancer",
    "breast_cancer_features",
    "circles",
    "class_labels",
    "clinical_note",
    "digits",
    "five_points",
    "gaussians",
    "image_filters",
    "infer_task",
    "linear",
    "mnist5k",
    "moons",
    "plane",
    "read_csv",
    "read_npz",
    "small_image",
    "spiral",
    "split_indices",
    "stroke_patients",
    "train_test_split",
    "waves",
    "xor",
]
