"""The progress bar."""

import sys
from contextlib import AbstractContextManager
from typing import Any


class Bar(AbstractContextManager["Bar"]):
    """A progress bar on standard error: on a terminal if ``progress`` is None, always or never if it is a bool."""

    def __init__(self, batches: int | None, progress: bool | None) -> None:
        self._bar: Any = None
        if progress or (progress is None and sys.stderr is not None and sys.stderr.isatty()):
            from tqdm import tqdm

            self._bar = tqdm(total=batches, unit="batch", desc="training", dynamic_ncols=True)

    def advance(self, steps: int) -> None:
        if self._bar is not None:
            self._bar.update(steps)

    def show(self, epoch: int, epochs: int, numbers: dict[str, float]) -> None:
        if self._bar is not None:
            self._bar.set_description(f"epoch {epoch + 1}/{epochs}", refresh=False)
            self._bar.set_postfix({k: f"{v:.4f}" for k, v in numbers.items()})

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
