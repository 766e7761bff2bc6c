"""The command `fastdl`: train a network on a table or on images, evaluate it and predict with it.

`parser.py` has the options; `train.py`, `evaluate.py`, `predict.py`, `summary.py`, `bench.py`, `verify.py`, `warmup.py`
and `doctor.py` have a command each. Between them: `data.py` reads what DATA names, `preparation.py` is what is kept
with a model so that later data are treated alike, `networks.py` builds networks, `modelfile.py` and `files.py` write,
`scores.py` judges and `report.py` prints. Bad input ends with one line on standard error and exit code 2. A command is
imported when it is called, so that ``--help`` comes at once.
"""

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Sequence

from .errors import CommandError

BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 2, 130, 141  # the last two as a shell reports SIGINT and SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (``sys.argv[1:]`` if None); returns the exit code."""
    from ..datasets.errors import DataError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files and columns may not fit the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            code = _run(argv)
            sys.stdout.flush()
            return code
        except (CommandError, DataError) as error:
            return _complain(str(error), BAD_INPUT)
        except KeyboardInterrupt:
            return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:  # `fastdl ... | head`: nobody reads on; Python must not fail again when it flushes
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _run(argv: Sequence[str] | None) -> int:
    from .parser import parse

    options = parse(sys.argv[1:] if argv is None else argv)
    if options is None:
        return 0
    command = importlib.import_module(f"{__name__}.{options.command}")
    code: int = command.run(options)
    return code


def _complain(message: str, code: int) -> int:
    print("fastdl: " + " ".join(message.split()), file=sys.stderr)
    return code
