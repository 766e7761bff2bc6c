"""`fastdl summary`: what is in a model file."""

from __future__ import annotations

import argparse
from typing import Any

from ..datasets.errors import counted, listed, path_name
from . import modelfile, report
from .preparation import PARTS, Preparation, described


def run(options: argparse.Namespace) -> int:
    """Show the model; returns the exit code."""
    model = modelfile.load(options.model)
    preparation = None
    if isinstance(model.extra, dict) and modelfile.KEY in model.extra:
        preparation = modelfile.load_prepared(options.model)[1]
    print(model.summary())
    if preparation is None:
        print(f"\n{path_name(options.model)} holds no preprocessing: it was not written by `fastdl train`")
        return 0
    print("\n" + _preparation(preparation))
    scores = _scores(preparation.notes.get("scores"))
    if scores:
        print("\n" + scores)
    return 0


def _preparation(preparation: Preparation) -> str:
    kind = "regression" if preparation.outputs is not None else f"classes {listed(preparation.classes, 10)}"
    lines = [
        ["target", f"{preparation.target}: {kind}"],
        ["inputs", f"{described(preparation.shape)}, standardised with the training part"],
    ]
    if preparation.encoder is not None:
        lines.append(["columns", listed(preparation.encoder.kinds, 5)])
    lines.append(["split", f"seed {preparation.seed}"])
    settings, history = preparation.notes.get("settings"), preparation.notes.get("history")
    if isinstance(settings, dict):
        lines.append(["settings", ", ".join(f"{k} {v}" for k, v in settings.items() if v is not None and v != [])])
    if isinstance(history, dict) and isinstance(history.get("epochs"), dict):
        losses = history["epochs"].get("loss")
        epochs = len(losses) if isinstance(losses, list) else 0
        lines.append(["training", f"{counted(epochs, 'epoch')}, ended by {history.get('stopped')}"])
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in lines)


def _scores(notes: Any) -> str:
    """The table that `fastdl train` printed; the notes come from the file and may be anything."""
    if not isinstance(notes, dict) or set(notes) != set(PARTS) or not all(isinstance(v, dict) for v in notes.values()):
        return ""
    names = list(notes["test"])
    if any(list(numbers) != names for numbers in notes.values()):
        return ""
    rows = [["part", *map(str, names)]]
    for part in PARTS:
        rows.append([part, *(f"{v:.4f}" if isinstance(v, float) else str(v) for v in notes[part].values())])
    return report.columns(rows)
