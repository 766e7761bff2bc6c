"""read_csv: ordinary files, and every way in which a file can be wrong."""

import csv
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastdl.datasets import DataError, Table, csvfile, read_csv

FAST = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PLANTS = "height,colour,kind\n1.5,red,rose\n 2 , blue ,iris\n-3e1,red,rose\n"


def test_kinds_values_and_target(write):
    table = read_csv(write(PLANTS), target="kind")
    assert len(table) == 3 and table.names == ("height", "colour")
    assert table.kinds == {"height": "numeric", "colour": "categorical"}
    height = table.columns["height"]
    assert height.dtype == np.float64 and height.tolist() == [1.5, 2, -30]
    assert table.columns["colour"] == ["red", "blue", "red"]
    assert table.target_name == "kind" and table.target.tolist() == ["rose", "iris", "rose"]
    assert table.lines.tolist() == [2, 3, 4] and table.skipped == ()
    assert table.source.endswith("data.csv")


def test_without_target(write):
    table = read_csv(write(PLANTS))
    assert table.names == ("height", "colour", "kind") and table.target is None and table.target_name is None
    with pytest.raises(AttributeError):
        table.target = []


@pytest.mark.parametrize(
    "cells, dtype, values",
    [
        ("1 -2 +3", np.int64, [1, -2, 3]),
        ("007 1 0", np.int64, [7, 1, 0]),
        ("1 2.0 3", np.float64, [1, 2, 3]),
        ("1e3 2 3", np.float64, [1000, 2, 3]),
        ("99999999999999999999 2 3", np.float64, [1e20, 2, 3]),
        ("True False True", np.str_, ["True", "False", "True"]),
        ("1 b 2", np.str_, ["1", "b", "2"]),
        ("1_0 2 3", np.str_, ["1_0", "2", "3"]),
        ("none - x", np.str_, ["none", "-", "x"]),
    ],
)
def test_types_of_the_target(write, cells, dtype, values):
    rows = "".join(f"0,{cell}\n" for cell in cells.split())
    target = read_csv(write("x,y\n" + rows), "y").target
    assert np.issubdtype(target.dtype, dtype) and target.tolist() == values


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_dialects(write, delimiter, bom, end):
    text = f'{bom}a,"long, name",ü\n\n1,"x, ""y""\nz",ß\n\n2,w,ß\n\n'.replace("\n", end)
    rows = list(csv.reader(io.StringIO(text.lstrip(bom), newline="")))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    table = read_csv(write(bom + out.getvalue()))
    assert table.columns["a"].tolist() == [1, 2]
    assert table.columns["long, name"] == [f'x, "y"{end}z', "w"]
    assert table.columns["ü"] == ["ß", "ß"]
    assert table.lines.tolist() == [3, 6]


def test_decimal_commas_need_another_delimiter_and_are_still_refused(write, message):
    assert "line 3, column 'b': number with a comma ('1,5'); write a decimal point" in message(
        read_csv, write("a;b\n1;2\n2;1,5\n")
    )
    assert "('1,234,567')" in message(read_csv, write('a,b\n1,"1,234,567"\n'))
    assert "column 'b': number with a comma" in message(read_csv, write("a;b\n1;2\n2;1,5\n"), "b")
    # Text that contains commas is text.
    assert read_csv(write("a;b\n1;2\n2;x,5\n")).kinds["b"] == "categorical"


def test_delimiter_is_the_one_on_which_the_first_lines_agree(write):
    assert read_csv(write("width, cm;name\n1;x\n2;y\n")).names == ("width, cm", "name")
    assert read_csv(write("a;b,c;d\n1,2\n")).names == ("a;b", "c;d")
    assert read_csv(write("name of a thing\nx e y\n")).names == ("name of a thing",)


def test_only_some_columns(write):
    path = write("a,b,c,d\n1,2,?,x\n3,4,,y\n")
    table = read_csv(path, columns={"d": "categorical", "b": "categorical"})
    assert table.columns == {"b": ["2", "4"], "d": ["x", "y"]} and table.names == ("b", "d")
    assert table.skipped == ("a", "c")
    table = read_csv(path, "d", columns={"a": "numeric"})
    assert table.target.tolist() == ["x", "y"] and table.skipped == ("b", "c")


def test_take(write):
    table = read_csv(write(PLANTS), "kind").take([2, 0])
    assert isinstance(table, Table) and len(table) == 2
    assert table.columns["height"].tolist() == [-30, 1.5] and table.columns["colour"] == ["red", "red"]
    assert table.target.tolist() == ["rose", "rose"] and table.lines.tolist() == [4, 2]
    assert table.take(np.array([False, True])).lines.tolist() == [2]
    with pytest.raises(IndexError):
        table.take([2])


def test_column_that_turns_to_text_in_a_late_block(write, monkeypatch):
    monkeypatch.setattr(csvfile, "BLOCK_CELLS", 8)
    cells = [str(i) for i in range(10)] + ["x", "11"]
    table = read_csv(write("a,b\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))))
    assert table.columns["a"] == cells and table.columns["b"].tolist() == list(range(12))
    assert table.lines.tolist() == list(range(2, 14))


HOSTILE = [
    ("", "the file is empty"),
    ("\n\n  \n", "the file is empty"),
    ("a,b\n", "a header row but no row of values"),
    ("1,2,3\n4,5,6\n", "line 1 is all numbers, but the first line must name the columns; add a header row"),
    ("\n\n1.5\n2\n", "line 3 is all numbers"),
    (
        ",a\n0,1\n",
        "column 1 of 2 has no name in the header; name or remove it (pandas: to_csv(path, index=False))",
    ),
    ("a,b,a,b,c\n1,2,3,4,5\n", "duplicate column names 'a', 'b'; rename"),
    ("a, a\n1,2\n", "duplicate column names 'a'"),
    ("a,b\n1,2\n3\n", "line 3 has 1 field, the header has 2; correct the line"),
    ("a,b\n1,2\n\n3,4,5\n", "line 4 has 3 fields, the header has 2"),
    ('a,b\n"1\n1",2\n3\n', "line 4 has 1 field"),
    ("a,b\n1,inf\n", "line 2, column 'b': infinite number; 1 in this column"),
    ("a,b\n1,2\n1,-1e999\n1,Infinity\n", "line 3, column 'b': infinite number; 2 in this column"),
    (
        'a,b\n1,2\n3,"4\n5,6\n',
        "line 3 cannot be divided into fields (unexpected end of data); check its double quotes",
    ),
    ('a,b\n1,"2"x\n', "line 2 cannot be divided into fields"),
    (b"a,b\n1,caf\xe9\n", "line 2 is not UTF-8 text; save the file as CSV in UTF-8"),
    ("a,b\n1,2\n".encode("utf-16"), "the text is UTF-16"),
    (b"PK\x03\x04\x00\x00", "a binary file, not CSV text"),
    (b"a,b\n1,\x00\n", "a binary file, not CSV text"),
    ("a\n" + "x" * 200_000, "line 2 cannot be divided into fields (field larger than field limit"),
]


@pytest.mark.parametrize("content, expected", HOSTILE, ids=[e for _, e in HOSTILE])
def test_hostile_files(write, message, content, expected):
    text = message(read_csv, write(content))
    assert expected in text and "data.csv: " in text


@pytest.mark.parametrize("cell", ["", " ", "NA", "na", "n/a", "N/A", "#N/A", "nan", "NaN", "-nan", "NULL", "null", "?"])
@pytest.mark.parametrize("rest", ["1.5", "word"])
def test_missing_values(write, message, cell, rest):
    path = write(f"id,value\n1,{rest}\n2,{cell}\n3,{rest}\n4,{cell}\n")
    expected = "line 3, column 'value': missing value; 2 missing values in all, in 1 column ('value'); fill them in"
    assert expected in message(read_csv, path)
    assert expected in message(read_csv, path, "value")


def test_missing_values_of_several_columns(write, message):
    text = message(read_csv, write("a,b,c\n1,,x\n,2,\n3,3,?\n"), "c")
    assert "line 2, column 'b': missing value; 4 missing values in all, in 3 columns ('a', 'b', 'c')" in text


def test_infinite_or_text_where_numbers_must_be(write, message):
    path = write("a,b\n1,2\n3,four\n")
    expected = "line 3, column 'b': text where numbers must be ('four'); write a number"
    assert expected in message(read_csv, path, columns={"a": "numeric", "b": "numeric"})
    assert "line 2, column 'b': infinite number" in message(read_csv, write("a,b\n1,inf\n"), "b")
    assert read_csv(write("a,b\n1,inf\n2,word\n")).columns["b"] == ["inf", "word"]


def test_columns_and_target_that_are_not_there(write, message):
    path = write(PLANTS)
    text = message(read_csv, path, "Kinds")
    assert "no column 'Kinds'; the columns are 'height', 'colour', 'kind'; did you mean 'kind'?" in text
    assert "no column 'colr'" in message(read_csv, path, columns={"colr": "categorical"})
    assert "no column 'x', 'y';" in message(read_csv, path, columns={"x": "numeric", "y": "numeric"})
    assert "cannot be among the columns" in message(read_csv, path, "kind", columns={"kind": "categorical"})
    assert "must be 'numeric' or 'categorical', got 'number'" in message(read_csv, path, columns={"kind": "number"})
    assert "no column besides the target 'a'" in message(read_csv, write("a\n1\n"), "a")
    assert read_csv(write("a\n1\n")).names == ("a",)
    wide = ",".join(f"column{i}" for i in range(1000))
    assert len(message(read_csv, write(wide + "\n" + wide), "target")) < 400


def test_endless_labels(write, message):
    text = message(read_csv, write("a,b\n1,x\n2," + "y" * 5000 + "\n"), "b")
    assert "line 3, column 'b': a class label of 5000 characters" in text and len(text) < 300


def test_line_breaks_in_names_and_cells_do_not_break_the_message(write, message):
    text = message(read_csv, write('a,"b\nc"\n1,"2\n2"\n'), columns={"a": "numeric", "b\nc": "numeric"})
    assert "line 3, column 'b\\nc': text where numbers must be ('2\\n2')" in text


def test_long_cells_are_clipped(write, message):
    text = message(read_csv, write("a\n" + "x" * 9000 + "\n"), columns={"a": "numeric"})
    assert "text where numbers must be ('xxxx" in text and len(text) < 250


def test_paths_that_are_no_readable_file(tmp_path, message, monkeypatch):
    assert message(read_csv, tmp_path / "none.csv").endswith("none.csv: no such file; check the path")
    assert "is a directory; give the path of a file in it" in message(read_csv, tmp_path)
    assert "contains a null character" in message(read_csv, "a\0b")
    for path in (0, None, ["a.csv"]):
        assert "path must be a string or a path" in message(read_csv, path)

    def refuse(error):
        def fail(*args):
            raise error

        monkeypatch.setattr("builtins.open", fail)

    # The tests may run as root, whom no permission stops.
    refuse(PermissionError(13, "Permission denied"))
    assert "x.csv: permission denied" in message(read_csv, "x.csv")
    refuse(OSError(5, "Input/output error"))
    assert "x.csv: cannot be read (Input/output error)" in message(read_csv, "x.csv")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(repr)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=8).map(
    lambda word: "w" + word.strip()
)


@FAST
@given(data=st.data(), delimiter=st.sampled_from(",;\t"), ends=st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_is_read(tmp_path, data, delimiter, ends):
    n = data.draw(st.integers(1, 12))
    kinds = data.draw(st.lists(st.booleans(), min_size=2, max_size=5))
    columns = [data.draw(st.lists(NUMBERS if numeric else WORDS, min_size=n, max_size=n)) for numeric in kinds]
    names = [f"c{i}" for i in range(len(kinds))]
    path = tmp_path / "written.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=ends)
        writer.writerows([names, *zip(*columns, strict=True)])
    # Words may hold other delimiters: the header decides as long as the first lines agree.
    table = read_csv(path)
    for name, numeric, cells in zip(names, kinds, columns, strict=True):
        if numeric:
            assert table.columns[name].tolist() == [float(cell) for cell in cells]
        else:
            assert table.columns[name] == [cell.strip() for cell in cells]


@FAST
@given(content=st.binary(max_size=60) | st.text('a1,;\t"\n\r.-e? ', max_size=60).map(str.encode))
def test_any_bytes_give_a_table_or_a_data_error(tmp_path, content):
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    try:
        table = read_csv(path)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert len(table) > 0 and all(len(cells) == len(table) for cells in table.columns.values())
