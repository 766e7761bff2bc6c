"""Pictures of a run: how many times faster fastdl is, and the loss curves that show that all did the same work."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .measure import Result
from .report import peers_of


def kinds() -> list[str]:
    """The ends of names of pictures that can be drawn, without the dot."""
    from matplotlib.backend_bases import FigureCanvasBase

    return list(FigureCanvasBase.get_supported_filetypes())


def ratios(results: Sequence[Result], facts: dict[str, Any], path: Path) -> None:
    """A bar for each row and peer: how many times faster fastdl is, on a logarithmic axis."""
    from matplotlib.figure import Figure

    peers = peers_of(results)
    figure = Figure(figsize=(9, 1.5 + 0.22 * len(results) * max(1, len(peers))), layout="constrained")
    axes = figure.add_subplot()
    height = 0.8 / max(1, len(peers))
    for k, peer in enumerate(peers):
        ratios = [r.ratio(peer) if peer in r.libraries else None for r in results]
        places = [i + (k + 0.5) * height - 0.4 for i, ratio in enumerate(ratios) if ratio is not None]
        lengths = [ratio for ratio in ratios if ratio is not None]
        axes.barh(places, [length - 1 for length in lengths], height, left=1, label=peer)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(results)), [r.row.name for r in results])
    axes.invert_yaxis()
    axes.set_xlabel("time of the peer / time of fastdl")
    axes.set_title(f"{facts['cpu']}, {facts['threads']} threads", fontsize="medium")
    if peers:
        axes.legend()
    figure.savefig(path)


def curves(results: Sequence[Result], facts: dict[str, Any], path: Path) -> None:
    """The loss of each epoch of a short training, a panel for each row of training and a line for each library.

    Lines lie on each other where libraries learn the same, so each is thinner than the one below it.
    """
    from matplotlib.figure import Figure

    rows = [r for r in results if any(m.curve for m in r.libraries.values())]
    across = min(3, max(1, len(rows)))
    down = -(-len(rows) // across)
    figure = Figure(figsize=(4.2 * across, 0.6 + 2.9 * max(1, down)), layout="constrained")
    for place, result in enumerate(rows):
        axes = figure.add_subplot(down, across, place + 1)
        lines = [(name, m.curve) for name, m in result.libraries.items() if m.curve]
        for i, (name, curve) in enumerate(lines):
            width = 2.0 * (len(lines) - i)
            axes.plot(range(1, len(curve) + 1), curve, linewidth=width, marker="o", markersize=width + 1, label=name)
        axes.set_title(result.row.name.removeprefix("train "), fontsize="medium")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend(fontsize="small")
    figure.suptitle(f"The same initial parameters, the same batches\n{_versions(facts)}", fontsize="medium")
    figure.savefig(path)


def _versions(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
