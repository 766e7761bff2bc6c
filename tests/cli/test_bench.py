"""`fastdl bench`: a table on standard output, files where they were asked for, exit codes."""

import json

import pytest

from fastdl.benchmark import select

ONE = ("bench", "dense 128x784x512", "--rounds", "1", "--seconds", "0.001", "--threads", "1")


def test_a_table_and_a_file(command, folder):
    code, out, err = command(*ONE, "--peers", "numpy", "--json", "run.json")
    assert code == 0 and "1 rows; fastdl beside numpy; 1 thread" in err
    assert "dense 128x784x512" in out and "numpy /" in out and "above 1 fastdl is the faster one" in out
    assert json.loads((folder / "run.json").read_text())["rows"]["dense 128x784x512"]["libraries"]["numpy"]["seconds"]
    code, out, _ = command(*ONE, "--peers", "--compare", "run.json")
    assert code == 0 and "compared with" in out and "before" in out


def test_a_list_of_rows(command):
    code, out, _ = command("bench", "--list", "attention", "dense 1x*")
    names = out.splitlines()
    assert code == 0 and names[0] == "dense 1x1024x1024" and "attention 1,8,128,64" in names
    assert len(names) == len(select(["attention", "dense 1x*"]))


def test_bars_that_cannot_be_measured_are_not_passed(command):
    code, out, _ = command(*ONE, "--peers", "--bars")
    assert code == 1 and "not measured" in out


@pytest.mark.parametrize("name", ["ratios.xyz", "ratios"])
def test_a_picture_of_a_kind_that_cannot_be_drawn(bad, name):
    pytest.importorskip("matplotlib")
    assert f"--picture {name}: expected a name that ends in" in bad("bench", "quick", "--picture", name)


def test_loss_curves_need_rows_of_training(bad, command, folder):
    pytest.importorskip("matplotlib")
    assert "--curves draws losses, and no row of training was chosen" in bad("bench", "dense", "--curves", "c.svg")
    arguments = ("bench", "train 2-4-2-1*", "--peers", "--rounds", "1", "--seconds", "0.001", "--threads", "1")
    code, _, _ = command(*arguments, "--curves", "c.svg")
    assert code == 0 and "2-4-2-1 tanh" in (folder / "c.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bench", "nothing"), "no row is named 'nothing'; expected quick, all"),
        (("bench", "--rows", "nothing"), "no row is named 'nothing'"),
        (("bench", "quick", "--peers", "tensorflow"), "--peers: tensorflow not installed or unknown"),
        (("bench", "quick", "--rounds", "0"), "got '0', expected a whole number of at least 1"),
        (("bench", "quick", "--compare", "none.json"), "none.json: cannot be read as JSON"),
        (("bench", "quick", "--json", "no/folder/x.json"), "no/folder/x.json: there is no directory"),
        (("bench", "quick", "--json", "."), ".: is a directory; give another name"),
    ],
)
def test_bad_input(bad, arguments, message):
    assert message in bad(*arguments)
