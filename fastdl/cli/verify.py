"""`fastdl verify`: fastdl's ops on this machine, or a kernel of the user's, against the naive references."""

from __future__ import annotations

import argparse
import builtins
import difflib
import functools
import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import testing
from .._kernels import threads
from ..ops import OPS
from .errors import CommandError

WRONG = 1
_CASES, _CASES_OF_A_FUNCTION = 50, 200


def run(options: argparse.Namespace) -> int:
    """Verify and print; the exit code is 1 if something is wrong."""
    dtypes = (options.dtype,) if options.dtype else ("float32", "float64")
    if options.function is not None:
        return _verify_function(options, dtypes)
    if options.only is not None:
        raise CommandError("--only is for a kernel of your own; add --function WHERE:NAME")
    names = list(OPS) if not options.ops else _known(options.ops)
    for name in names:
        if name not in OPS:
            raise CommandError(f"{name} is verified with {name.removesuffix('_backward')}; name that")
    return _verify_ops(names, options.cases or _CASES, options.seed, dtypes)


def _known(names: Sequence[str]) -> list[str]:
    """The names without repetition; an unknown one is an error."""
    from ..testing._cases import find_op

    for name in names:
        try:
            find_op(name)
        except ValueError as error:
            raise CommandError(str(error)) from None
    return list(dict.fromkeys(names))


def _verify_ops(names: Sequence[str], cases: int, seed: int, dtypes: Sequence[str]) -> int:
    from tqdm import tqdm

    start, wrong = time.perf_counter(), 0
    print(f"{cases} cases of each op in each of {', '.join(dtypes)}; threads 1 and {min(2, threads.most())}")
    print(f"{'largest error, of the allowed one':34}{'values':>9}{'backward':>10}{'gradient':>10}", flush=True)
    with tqdm(names, desc="verifying", unit="op", disable=None, leave=False, dynamic_ncols=True) as bar:
        for name in bar:
            bar.set_postfix_str(name)
            try:
                report = testing.verify_op(name, cases, seed, dtypes, progress=False)
            except testing.VerificationError as error:
                wrong += 1
                bar.write(f"{name:34}WRONG\n{error}", file=sys.stdout)
                continue
            shares = (_share(x) for x in (report.worst, report.worst_backward, report.worst_gradient))
            bar.write(f"{name:34}" + "".join(f"{x:>{n}}" for x, n in zip(shares, (9, 10, 10), strict=True)) + "  ok")
    seconds = time.perf_counter() - start
    print(f"{len(names) - wrong} of {len(names)} ops are right; {seconds:.1f} s")
    return WRONG if wrong else 0


def _share(x: float | None) -> str:
    return "-" if x is None else f"{x:.2g}"


def _verify_function(options: argparse.Namespace, dtypes: Sequence[str]) -> int:
    if len(options.ops) != 1:
        raise CommandError("--function needs one OP that it is a kernel for: fastdl verify conv2d --function ...")
    (name,) = _known(options.ops)
    function = _function(options.function)
    only = None
    if options.only is not None:
        only = {option: getattr(builtins, kind) if kind else object for option, kind in options.only.items()}
    try:
        report = testing.verify(
            function, name, options.cases or _CASES_OF_A_FUNCTION, options.seed, dtypes, only=only, progress=None
        )
    except ValueError as error:  # an option that the op does not have
        raise CommandError(str(error)) from None
    except testing.VerificationError as error:
        print(f"WRONG: {error}")
        return WRONG
    print(f"{options.function} is right: {report}")
    return 0


def _function(where: str) -> Callable[..., Any]:
    """The function that ``module:name`` or ``file.py:name`` means; the current folder is looked in as by Python."""
    place, separator, name = where.rpartition(":")
    if not (place and separator and name):
        raise CommandError(f"--function: got {where!r}, expected my_module:my_conv or path/to/file.py:my_conv")
    module = _file(place) if place.endswith(".py") else _module(place)
    found = getattr(module, name, None)
    if found is None:
        close = difflib.get_close_matches(name, vars(module), n=3)
        remedy = f"; did you mean {' or '.join(close)}?" if close else ""
        raise CommandError(f"--function: {place} has no {name}{remedy}")
    if not callable(found):
        raise CommandError(f"--function: {where} is {type(found).__name__}, expected a function")
    function: Callable[..., Any] = found
    return function


def _file(place: str) -> ModuleType:
    """The module in a file; its neighbours can be imported, and it by its own name."""
    path = Path(place)
    if not path.is_file():
        raise CommandError(f"--function: there is no file {place}")
    sys.path.insert(0, str(path.absolute().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    _guarded(place, functools.partial(spec.loader.exec_module, module))
    return module


def _module(place: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    module: ModuleType = _guarded(place, lambda: importlib.import_module(place))
    return module


def _guarded(place: str, load: Callable[[], Any]) -> Any:
    """The user's module runs when it is imported; what it raises is told in one line."""
    try:
        return load()
    except Exception as error:
        raise CommandError(f"--function: {place} cannot be imported: {type(error).__name__}: {error}") from error
