"""TableEncoder: the same columns for every later file, or an error that names the cell."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastdl.datasets import Table, TableEncoder, read_csv

TRAIN = "height,colour,weight,kind\n1.5,red,10,rose\n2,blue,20,iris\n3,green,30,rose\n"


def table_of(**columns):
    n = len(next(iter(columns.values())))
    cells = {k: v if isinstance(v[0], str) else np.array(v, float) for k, v in columns.items()}
    return Table("made.csv", cells, np.arange(2, n + 2))


@pytest.fixture
def encoder(write):
    return TableEncoder.fit(read_csv(write(TRAIN), "kind"))


def test_features_in_the_order_of_the_file(encoder, write):
    assert encoder.feature_names == ("height", "colour=blue", "colour=green", "colour=red", "weight")
    assert encoder.kinds == {"height": "numeric", "colour": "categorical", "weight": "numeric"}
    X = encoder.transform(read_csv(write(TRAIN), "kind"))
    assert X.dtype == np.float32 and X.flags.c_contiguous
    assert X.tolist() == [[1.5, 0, 0, 1, 10], [2, 1, 0, 0, 20], [3, 0, 1, 0, 30]]


def test_json_and_back(encoder):
    text = json.dumps(encoder.to_dict())
    again = TableEncoder.from_dict(json.loads(text))
    assert again == encoder and again.feature_names == encoder.feature_names


def test_other_order_extra_columns_and_a_half_filled_target(encoder, write):
    path = write("kind,weight,note,colour,height\n?,1,,red,2\nrose,3,x,blue,4\n")
    table = read_csv(path, columns=encoder.kinds)
    assert encoder.transform(table).tolist() == [[2, 0, 0, 1, 1], [4, 1, 0, 0, 3]]
    assert encoder.extra_columns(table) == ("kind", "note")
    whole = read_csv(write("id,weight,colour,height\n7,1,red,2\n"))
    assert encoder.transform(whole).tolist() == [[2, 0, 0, 1, 1]]
    assert encoder.extra_columns(whole) == ("id",)


def test_errors_name_the_cell(encoder, write, message):
    def error(text):
        return message(encoder.transform, read_csv(write(text)))

    head = "height,colour,weight\n"
    assert "line 3, column 'height': text where numbers must be ('tall'); write a number" in error(
        head + "1,red,1\ntall,red,1\n"
    )
    unknown = error(head + "1,red,1\n\n1,bleu,1\n1,pink,1\n")
    assert "line 4, column 'colour': unknown category 'bleu' (2 rows in all)" in unknown
    assert "the training rows had 'blue', 'green', 'red'; did you mean 'blue'?" in unknown
    assert "no column 'colour'; the columns are 'height', 'color', 'weight'; did you mean 'color'?" in error(
        "height,color,weight\n1,red,1\n"
    )
    assert "no column 'height', 'colour'; the columns are 'weight'" in error("weight\n1\n")
    assert "column 'colour' holds categories, but was read as numbers; read the file with" in error(head + "1,7,1\n")
    assert "line 2, column 'weight': 1e+39 is not a finite float32 number; rescale" in error(head + "1,red,1e39\n")


def test_codes_that_look_like_numbers(write):
    train = read_csv(write("zip,y\n007,1\n7,2\nx,3\n"), "y")
    encoder = TableEncoder.fit(train)
    table = read_csv(write("zip\n7\n007\n"), columns=encoder.kinds)
    assert encoder.feature_names == ("zip=007", "zip=7", "zip=x")
    assert encoder.transform(table).tolist() == [[0, 1, 0], [1, 0, 0]]
    forced = read_csv(write("a,b\n1,1\n2,2\n"), columns={"a": "categorical", "b": "numeric"})
    assert TableEncoder.fit(forced).feature_names == ("a=1", "a=2", "b")


def test_numbers_read_as_text_become_numbers_again():
    encoder = TableEncoder.fit(table_of(a=[1.0, 2.0]))
    assert encoder.transform(table_of(a=["3", "4"])).tolist() == [[3], [4]]


def test_identifiers_and_typing_errors_are_not_categories(message):
    rows = [f"id{i}" for i in range(30)]
    text = message(TableEncoder.fit, table_of(a=rows), max_categories=29)
    assert "column 'a' has 30 categories in 30 rows, more than 29; remove the column" in text
    assert TableEncoder.fit(table_of(a=rows)).categories["a"] == tuple(sorted(rows))
    cells = [str(i) for i in range(1500)]
    cells[700] = "12O"
    text = message(TableEncoder.fit, table_of(a=cells))
    assert "line 702, column 'a': text among numbers ('12O'; 1 row in all) makes 1500 categories" in text


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"columns": {}},
        {"columns": ["a"]},
        {"columns": [{"name": "a"}]},
        {"columns": [{"name": "a", "kind": "text"}]},
        {"columns": [{"name": 1, "kind": "numeric"}]},
        {"columns": [{"name": "a", "kind": "categorical"}]},
        {"columns": [{"name": "a", "kind": "categorical", "categories": "xy"}]},
        {"columns": [{"name": "a", "kind": "categorical", "categories": [1]}]},
        {"columns": [{"name": "a", "kind": "categorical", "categories": ["x", "x"]}]},
        {"columns": [{"name": "a", "kind": "numeric"}, {"name": "a", "kind": "numeric"}]},
        {"columns": [{"name": "a", "kind": "categorical", "categories": ["x"]}] * 2},
    ],
)
def test_descriptions_that_are_none(data, message):
    assert "of a TableEncoder" in message(TableEncoder.from_dict, data)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    rows=st.lists(
        st.tuples(st.floats(-1e30, 1e30), st.sampled_from(["", "a", "b", "a=b", "é"])),
        min_size=1,
        max_size=20,
    )
)
def test_one_hot_rows_can_be_read_back(rows):
    numbers, words = zip(*rows, strict=True)
    table = table_of(x=list(numbers), w=list(words))
    encoder = TableEncoder.from_dict(json.loads(json.dumps(TableEncoder.fit(table).to_dict())))
    X = encoder.transform(table)
    assert X.shape == (len(rows), 1 + len(set(words))) == (len(rows), len(encoder.feature_names))
    assert np.array_equal(X[:, 0], np.array(numbers, np.float32))
    assert np.all(X[:, 1:].sum(axis=1) == 1)
    assert [encoder.categories["w"][k] for k in X[:, 1:].argmax(axis=1)] == list(words)
