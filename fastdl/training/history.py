"""What training leaves behind: numbers per epoch, and seconds."""

from collections.abc import Iterator, Mapping
from typing import Any

from .statistics import Statistics


class History(Mapping[str, list[float]]):
    """Numbers of each epoch by name: ``history["loss"]``, ``history["val_accuracy"]``.

    ``seconds`` has the time spent in ``compile`` (kernels, only ever once a machine), ``plan`` and ``train``;
    ``stopped`` says why training ended: ``"epochs"``, ``"callback"``, ``"interrupted"`` or ``"not finite"``.
    ``statistics`` has a ``Statistics`` of each epoch for which ``fit(statistics=...)`` took them.
    """

    def __init__(self, columns: Mapping[str, list[float]] | None = None) -> None:
        self._columns: dict[str, list[float]] = dict(columns or {})
        self.seconds: dict[str, float] = {"compile": 0.0, "plan": 0.0, "train": 0.0}
        self.stopped = "epochs"
        self.statistics: list[Statistics] = []

    def append(self, numbers: Mapping[str, float]) -> None:
        """Add one epoch."""
        for name, value in numbers.items():
            self._columns.setdefault(name, []).append(value)

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over the epochs of what ``to_dict`` returned."""
        self._columns = {name: list(column) for name, column in saved["epochs"].items()}
        self.statistics = [Statistics(**taken) for taken in saved["statistics"]]

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self._columns.get("loss", ()))

    @property
    def last(self) -> dict[str, float]:
        """The numbers of the last epoch."""
        return {name: column[-1] for name, column in self._columns.items()}

    def __getitem__(self, name: str) -> list[float]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in self.last.items()) if self._columns else "empty"
        return f"<History of {self.epochs} epochs: {numbers}>"

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        return {
            "epochs": dict(self._columns),
            "seconds": dict(self.seconds),
            "stopped": self.stopped,
            "statistics": [taken.to_dict() for taken in self.statistics],
        }
