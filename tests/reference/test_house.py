"""The rules of the package: it stands alone, its examples run, its signatures match."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fastdl import reference
from fastdl.reference._arrays import evaluate

FOLDER = Path(str(reference.__file__)).parent
MODULES = [f"{reference.__name__}.{module.name}" for module in pkgutil.iter_modules(reference.__path__)]


def module_of(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_module_imports_numpy_and_its_neighbours_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 1 or (node.level == 0 and top(node.module) in allowed()), ast.unparse(node)
        elif isinstance(node, ast.Import):
            assert all(top(alias.name) in allowed() for alias in node.names), ast.unparse(node)


def top(module: str | None) -> str:
    return (module or "").partition(".")[0]


def allowed() -> set[str]:
    return {"numpy", *sys.stdlib_module_names}


@pytest.mark.parametrize("name", [reference.__name__, *MODULES])
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(module_of(name)).failed == 0


@pytest.mark.parametrize("op", reference.__all__)
def test_every_function_has_a_summary_a_formula_and_an_example(op: str) -> None:
    docstring = inspect.getdoc(getattr(reference, op)) or ""
    assert ">>> " in docstring
    summary, *_ = docstring.splitlines()
    assert summary.endswith(".")
    formula = "so now" if op.endswith("_backward") else "="
    assert formula in docstring


def test_the_facade_lists_its_functions_in_order() -> None:
    assert reference.__all__ == sorted(reference.__all__)
    assert all(inspect.isfunction(getattr(reference, op)) for op in reference.__all__)


@pytest.mark.parametrize("op", [name for name in reference.__all__ if name.endswith("_backward")])
def test_a_backward_takes_the_arguments_of_its_op(op: str) -> None:
    forward = inspect.signature(getattr(reference, op.removesuffix("_backward"))).parameters
    backward = inspect.signature(getattr(reference, op)).parameters
    first, *others = [(p.name, p.kind, p.default) for p in backward.values() if p.name != "at"]
    assert first == ("grad", inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty)
    assert others == [(p.name, p.kind, p.default) for p in forward.values() if p.name != "at"]


@pytest.mark.parametrize("op", [name for name in reference.__all__ if not name.endswith("_backward")])
def test_every_op_takes_at(op: str) -> None:
    at = inspect.signature(getattr(reference, op)).parameters["at"]
    assert at.kind is inspect.Parameter.KEYWORD_ONLY and at.default is None


def test_only_the_elements_at_the_indices_are_computed() -> None:
    computed = []

    def element(index: tuple[int, ...]) -> float:
        computed.append(index)
        return 1.0

    evaluate(element, (10**6, 10**6), iter([(5, 7), (-1, 0)]))
    assert computed == [(5, 7), (10**6 - 1, 0)]


def test_single_numbers_are_arrays_too() -> None:
    for result in (
        reference.sum([1, 2]),
        reference.add(1, 2),
        reference.exp(0),
        reference.mse_loss([1], [2]),
    ):
        assert isinstance(result, np.ndarray) and result.shape == () and result.dtype == np.float64


@pytest.mark.parametrize("bad", ["text", [[1, 2], [3]], [1j], np.array(["2020-01-01"], "datetime64[D]"), [object()]])
def test_what_is_no_array_of_numbers_is_an_error(bad: object) -> None:
    with pytest.raises(ValueError, match="relu: x must be an array of real numbers"):
        reference.relu(bad)  # type: ignore[arg-type]
