"""The API pages: directives that write reStructuredText from the registry, the public names and the command's parser.

``catalogue``: the table of all ops. ``family MODULES``: the functions of some files of ``fastdl.functional``, a table
first, each backward under its forward. ``names MODULE [NAMES]``: public functions, classes and values of a module.
``command-help``: what ``fastdl COMMAND --help`` prints. When all pages are read, a public name without a place among
them is a warning.
"""

import contextlib
import importlib
import inspect
import io
import os
import re
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import fastdl
from fastdl import functional
from fastdl.cli.parser import parse
from fastdl.ops import OPS

PUBLIC = (
    "fastdl",
    "fastdl.functional",
    "fastdl.nn",
    "fastdl.optim",
    "fastdl.init",
    "fastdl.training",
    "fastdl.augment",
    "fastdl.datasets",
    "fastdl.testing",
    "fastdl.reference",
    "fastdl.benchmark",
)
_COMMAND = re.compile(r"^    ([a-z]+) ", re.MULTILINE)  # in the list that ``fastdl --help`` prints
CONTEXT = ".. currentmodule:: fastdl.functional\n\n"
HEADS, WIDTHS = ("function", "what it is", "gradient", "naive twin"), "22 54 12 12"
_ENTRIES = re.compile(r"(Parameters|Attributes|Returns|Raises):\n")
_LITERAL = re.compile(r"(``.*?``)", re.DOTALL)


def escaped(text: str) -> str:
    """Prose of a docstring in which ``|x|`` and ``*rest`` are what they look like, not markup."""
    parts = _LITERAL.split(text)
    parts[::2] = [re.sub(r"(?<!\w)[*](?=[\w(])|[|]", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def marked_up(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A docstring, which is written to be read as it stands, as reStructuredText; ``lines`` is changed in place.

    An indented block is code, as are examples. Below "Parameters:" and its like each entry becomes an item.
    """
    made: list[str] = []
    for block in "\n".join(lines).split("\n\n"):
        if block.startswith("    "):
            if not (made and (made[-1].startswith("    ") or made[-1].endswith("::"))):
                made.append("::")
            made.append(block)
        elif _ENTRIES.match(block):
            items = re.sub(r"^ {8}", " " * 6, block, flags=re.MULTILINE)
            made.append(escaped(re.sub(r"^ {4}(?=\w+: )", "    - ", items, flags=re.MULTILINE)))
        else:
            made.append(block if block.startswith(">>>") else escaped(block))
    lines[:] = "\n\n".join(made).split("\n")


def first_line(function: Any) -> str:
    """What a function is, for a table."""
    return escaped((inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " "))


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], widths: str) -> str:
    """A list-table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in (heads, *rows):
        for i, cell in enumerate(row):
            lines.append(f"   {'* -' if i == 0 else '  -'} {cell}")
    return "\n".join([*lines, "", ""])


def room(function: Any) -> str:
    """The file of a function of ``fastdl.functional``."""
    return str(function.__module__).rsplit(".", 1)[1]


def reference_to(name: str, text: str = "") -> str:
    """A link to a function, if there is such a function."""
    module, _, attribute = name.rpartition(".")
    there = attribute in getattr(importlib.import_module(module), "__all__", ())
    return f":func:`{text or attribute} <{name}>`" if there else ""


def op_row(name: str) -> tuple[str, ...]:
    """Name, what it is, its backward, its naive twin."""
    here, twin = "fastdl.functional", "fastdl.reference"
    return (
        reference_to(f"{here}.{name}"),
        first_line(getattr(functional, name)),
        reference_to(f"{here}.{name}_backward", "backward"),
        reference_to(f"{twin}.{name}", "reference"),
    )


class Catalogue(SphinxDirective):
    """All ops of the registry, in alphabetical order."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(CONTEXT + table(HEADS, map(op_row, sorted(OPS)), WIDTHS))


class Family(SphinxDirective):
    """The functions of some files of ``fastdl.functional``."""

    required_arguments, optional_arguments, final_argument_whitespace = 1, 0, True

    def run(self) -> list[nodes.Node]:
        files = self.arguments[0].split()
        chosen: list[str] = []
        for file in files:
            inside = [name for name in functional.__all__ if room(getattr(functional, name)) == file]
            if not inside:
                raise self.error(f"no public function of fastdl.functional is in {file}.py")
            chosen += inside
        forwards = [name for name in chosen if not name.endswith("_backward")]
        text = CONTEXT + table(HEADS, map(op_row, forwards), WIDTHS)
        for name in forwards:
            text += f".. autofunction:: {name}\n"
            if f"{name}_backward" in chosen:
                text += f".. autofunction:: {name}_backward\n"
        return self.parse_text_to_nodes(text)


class Names(SphinxDirective):
    """Public names of a module: those that are given, or all that it has."""

    required_arguments, optional_arguments, final_argument_whitespace = 1, 1, True

    def run(self) -> list[nodes.Node]:
        module, *given = " ".join(self.arguments).split()
        loaded = importlib.import_module(module)
        text = f".. currentmodule:: {module}\n\n"
        for name in given or loaded.__all__:
            value = getattr(loaded, name)
            if inspect.isclass(value) and value.__name__ != name:
                text += f".. py:class:: {name}\n\n   Another name of :class:`{value.__name__}`.\n\n"
            elif inspect.isclass(value):
                text += f".. autoclass:: {name}\n{members(value, loaded)}\n"
            elif callable(value):
                text += f".. autofunction:: {name}\n\n"
            else:
                text += f".. autodata:: {name}\n   :no-value:\n\n"
        return self.parse_text_to_nodes(text)


def members(kind: type, module: Any) -> str:
    """Options of autoclass: methods, unless they are said where a public base class of the same module stands."""
    bases = kind.__mro__[1:]
    if any(base in map(vars(module).get, module.__all__) for base in bases):
        return ""
    ours = any(base.__module__.startswith("fastdl.") for base in bases)
    return "   :members:\n" + ("   :inherited-members:\n" if ours else "")


class CommandHelp(SphinxDirective):
    """The help of the command and of everything it can do."""

    def run(self) -> list[nodes.Node]:
        everything = help_of()
        commands = _COMMAND.findall(everything)
        if not commands:
            raise self.error("no command was found in what `fastdl --help` prints")
        texts = {"fastdl": everything} | {f"fastdl {name}": help_of(name) for name in commands}
        made: list[nodes.Node] = []
        for title, text in texts.items():
            section = nodes.section("", nodes.title(title, title), ids=[nodes.make_id(title)])
            section += nodes.literal_block(text, text, language="text")
            made.append(section)
        return made


def help_of(*command: str) -> str:
    """What ``fastdl COMMAND --help`` prints on a terminal of 100 columns."""
    out, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with contextlib.redirect_stdout(out):
            parse([*command, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return out.getvalue()


def complain_about_missing_names(app: Sphinx, env: BuildEnvironment) -> None:
    """A public name that stands on no page."""
    known = set(env.domains["py"].objects)  # type: ignore[attr-defined]
    for module in PUBLIC:
        loaded = importlib.import_module(module)
        names = [name for name in loaded.__all__ if not inspect.ismodule(getattr(loaded, name)) and name[0] != "_"]
        for name in names:
            if f"{module}.{name}" not in known:
                logging.getLogger(__name__).warning("%s.%s stands on no page of docs/api", module, name)


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_directive("catalogue", Catalogue)
    app.add_directive("family", Family)
    app.add_directive("names", Names)
    app.add_directive("command-help", CommandHelp)
    app.connect("autodoc-process-docstring", marked_up)
    app.connect("env-check-consistency", complain_about_missing_names)
    return {"version": fastdl.__version__, "parallel_read_safe": True, "parallel_write_safe": True}
