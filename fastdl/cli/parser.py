"""The options of the command. Imports neither NumPy's neighbours nor the rest of the package: ``--help`` is quick."""

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .._version import __version__
from .errors import CommandError

MODELS = ("logistic", "mlp", "cnn")
ACTIVATIONS = ("relu", "tanh", "sigmoid")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad")
TYPES = ("bool", "float", "int", "str", "tuple")
# As other commands call them.
_ELSEWHERE = {
    "--batch": "--batch-size",
    "--hidden": "--layers",
    "--hidden-layers": "--layers",
    "--label": "--target",
    "--learning-rate": "--lr",
    "--network": "--model",
    "--output": "--out",
    "--overwrite": "--force",
    "--random-state": "--seed",
}
DEFAULT_FILE = "fastdl-model.safetensors"

_DATA = "a bundled data set (mnist5k, digits, breast_cancer), a .csv file or an .npz file"
_PARTS = (
    "80 % of the rows are trained on. 10 % validate: on tables they decide when training ends. 10 % test: nothing "
    "depends on them. Inputs are standardised with the training rows."
)
_BENCH = (
    "Every library runs in a process of its own with the same number of threads, turn about, in several rounds. "
    "Exit code 1 if a result of fastdl is wrong."
)
_VERIFY = (
    "Without --function: fastdl's own ops on this machine, all or those named; forward and backward against naive "
    "references, gradients against finite differences, one thread against two. Errors are printed as shares of what is "
    "allowed. Exit code 1 if something is wrong, with the failing case as code to paste."
)
_EXAMPLES = """\
examples:
  fastdl train mnist5k
  fastdl train patients.csv --target diagnosis --out patients.safetensors
  fastdl evaluate patients.safetensors new-patients.csv
  fastdl predict patients.safetensors unknown.csv --out predictions.csv
  fastdl bench quick
  fastdl verify conv2d --function my_kernels.py:conv2d
"""


class _Parser(argparse.ArgumentParser):
    """argparse, but a wrong option is one line, with what was meant, and not the whole usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = super().parse_known_args(args, namespace)
        for text in unknown:
            if text.startswith("--"):
                from ..naming import did_you_mean  # only errors need it

                name, known = text.partition("=")[0], list(self._option_string_actions)
                others = {other: ours for other, ours in _ELSEWHERE.items() if ours in known}
                self.error(f"there is no option {name}{did_you_mean(name, known, others)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message}; see {self.prog} --help")


def parse(arguments: Sequence[str]) -> argparse.Namespace | None:
    """The options, or None after ``--help`` or ``--version`` has printed what was asked for."""
    try:
        return _parser().parse_args(arguments)
    except SystemExit:
        return None


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fastdl",
        description="Train, evaluate and use networks on tables and images, on the CPU.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fastdl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=f"{text} {more}".strip(), allow_abbrev=False)

    _train(command("train", "Train a network; write it with its preprocessing and history into one file.", _PARTS))
    _evaluate(command("evaluate", "Judge a trained network on data with known targets."))
    _predict(command("predict", "Predict with a trained network; write the predictions as CSV."))
    summary = command("summary", "Show the layers of a model file, and how it was trained.")
    summary.add_argument("model", metavar="MODEL", help="a file written by fastdl train or fd.save")
    _bench(command("bench", "Time fastdl beside other libraries on this machine; results are verified first.", _BENCH))
    _verify(command("verify", "Verify kernels, fastdl's or your own, against naive references.", _VERIFY))
    warmup = command("warmup", "Compile all kernels for this machine now, so that nothing waits for them later.")
    warmup.add_argument("--jobs", type=_count, metavar="N", help="processes that compile; default: one for each core")
    warmup.add_argument("--part", type=_part, help=argparse.SUPPRESS)  # what one of these processes is called with
    command("doctor", "Check the installation; for each fault say the remedy. Exit code 1 if there is a fault.")
    return parser


def _train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("data", metavar="DATA", help=_DATA)
    _keys(parser)
    add("--positive", metavar="CLASS", help="of two classes the one that is looked for; default: the last in order")
    add("--model", choices=MODELS, help="the network; default: cnn for images, mlp for tables")
    add("--layers", type=_layers, metavar="N,N", help="sizes of the hidden layers of an mlp; default: 64,32")
    add("--activation", choices=ACTIVATIONS, help="the nonlinearity between layers; default: relu")
    add("--epochs", type=_count, metavar="N", help="passes over the training part, at most; default depends on DATA")
    add("--batch-size", type=_count, metavar="N", help="rows for each step; default: 64 for images, 32 for tables")
    add("--lr", type=_positive, metavar="RATE", help="learning rate; default depends on the optimizer and the model")
    add("--optimizer", choices=OPTIMIZERS, help="default: adam")
    add("--augment", action="store_true", help="of images: shift and turn them a little, anew in each epoch")
    add("--seed", type=_seed, default=0, metavar="N", help="of split, initial weights, shuffling, dropout; default: 0")
    add("--threads", type=_count, metavar="N", help="default: all cores; the result is the same for any number")
    add("--out", default=DEFAULT_FILE, metavar="FILE", help=f"where the model goes; default: {DEFAULT_FILE}")
    add("--force", action="store_true", help="replace the file if it exists")
    add("--json", action="store_true", help="print the scores as a JSON object on the last line")


def _bench(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("rows", nargs="*", metavar="ROWS", help="quick, all (the default), a kind such as conv2d, or a name with *")
    add("--rows", nargs="+", dest="more", metavar="ROWS", help="the same, as an option")
    add("--list", action="store_true", help="print the names of the rows and measure nothing")
    add("--peers", nargs="*", metavar="LIBRARY", help="default: all installed of numpy torch jax sklearn opencv scipy")
    add("--threads", type=_count, metavar="N", help="for every library; default: all cores")
    add("--rounds", type=_count, default=5, metavar="N", help="the median of so many is shown; default: 5")
    add("--seconds", type=_positive, default=0.1, metavar="S", help="length of a library's turn; default: 0.1")
    add("--bars", action="store_true", help="needed, measured, pass or miss; exit code 1 unless all pass")
    add("--json", metavar="FILE", help="write all that was measured")
    add("--compare", metavar="FILE", help="an earlier --json: how much faster fastdl is now")
    add("--picture", metavar="FILE", help="draw the ratios (.png, .svg, .pdf); needs matplotlib")
    add("--curves", metavar="FILE", help="draw the losses of the rows of training, all libraries on one picture")


def _verify(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("ops", nargs="*", metavar="OP", help="conv2d, softmax, ...; default: all; conv2d_backward with --function")
    add("--function", metavar="WHERE:NAME", help="your own kernel for OP: my_module:my_conv or path/to/file.py:my_conv")
    add("--only", type=_only, metavar="A,B", help="the options of OP that it takes: stride,padding or stride:int or ''")
    add("--cases", type=_count, metavar="N", help="for each dtype; default: 50 of each op, 200 of a function")
    add("--seed", type=_seed, default=0, metavar="N", help="other cases; default: 0")
    add("--dtype", choices=("float32", "float64"), help="default: both")


def _only(text: str) -> dict[str, str]:
    """`stride:int,bias` as {"stride": "int", "bias": ""}."""
    parts = [part.strip().partition(":") for part in text.split(",") if part.strip()]
    for _, _, kind in parts:
        if kind not in ("", *TYPES):
            raise argparse.ArgumentTypeError(f"got the type {kind!r}, expected {', '.join(TYPES)} or none")
    return {name: kind for name, _, kind in parts}


def _evaluate(parser: argparse.ArgumentParser) -> None:
    _model_and_data(parser)
    _keys(parser)
    _threshold(parser)


def _predict(parser: argparse.ArgumentParser) -> None:
    _model_and_data(parser)
    parser.add_argument("--x", metavar="KEY", help="array of the inputs in an .npz file; default: X or images")
    _threshold(parser)
    parser.add_argument("--out", metavar="FILE.csv", help="default: standard output")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")


def _model_and_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a file written by fastdl train")
    parser.add_argument("data", metavar="DATA", help=_DATA)


def _keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", metavar="COLUMN", help="the column of a .csv file to predict")
    parser.add_argument("--x", metavar="KEY", help="array of the inputs in an .npz file; default: X or images")
    parser.add_argument("--y", metavar="KEY", help="array of the targets in an .npz file; default: y or labels")


def _threshold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold",
        type=_probability,
        metavar="T",
        help="two classes: the second class is predicted if its probability is greater than T; default: 0.5",
    )


def _number(convert: Callable[[str], Any], good: Callable[[Any], bool], expected: str) -> Callable[[str], Any]:
    """A type for argparse: the text as a number, or an error that says what was expected."""

    def read(text: str) -> Any:
        try:
            value = convert(text)
        except ValueError:
            value = None
        if value is None or not good(value):
            raise argparse.ArgumentTypeError(f"got {text!r}, expected {expected}")
        return value

    return read


_count = _number(int, lambda n: 1 <= n < 2**31, "a whole number of at least 1")
_seed = _number(int, lambda n: 0 <= n < 2**62, "a whole number of at least 0")
_positive = _number(float, lambda x: 0 < x < math.inf, "a number greater than 0")
_part = _number(
    lambda text: tuple(int(number) for number in text.split("/")),
    lambda part: len(part) == 2 and 0 <= part[0] < part[1],
    "I/N",
)
_probability = _number(float, lambda x: 0 <= x <= 1, "a number from 0 to 1")
_layers = _number(
    lambda text: tuple(int(part) for part in text.split(",")),
    lambda sizes: all(1 <= n <= 2**20 for n in sizes),
    "sizes of at least 1 separated by commas, for example 64,32",
)
