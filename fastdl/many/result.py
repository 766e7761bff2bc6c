"""What ``fit_many`` returns: the models, and which of them did best."""

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, overload

from ..nn import Ensemble, Module
from .settings import Network, named


class FitInterrupted(KeyboardInterrupt):  # noqa: N818 - as KeyboardInterrupt itself
    """Ctrl-C during ``fit_many``. ``result``: all networks; those whose ``history.stopped`` is "epochs" are finished,
    the others have what they had learned."""

    def __init__(self, message: str, result: "Networks") -> None:
        super().__init__(f"{message}; they are in the attribute result of this exception")
        self.result = result


class FitWarning(UserWarning):
    """Some networks of ``fit_many`` failed; the others are well."""


def warn_of(errors: dict[int, Exception], networks: list[Network]) -> None:
    """Warn of networks that failed; if all of them did, raise the first error."""
    if not errors:
        return
    lines = [f"{networks[i].name}: {error}" for i, error in sorted(errors.items())]
    if len(errors) == len(networks):
        error = errors[min(errors)]
        raise type(error)(f"fit_many: {lines[0]} (and so did all other networks)" if len(lines) > 1 else lines[0])
    more = f" and {len(lines) - 3} others" if len(lines) > 3 else ""
    warnings.warn(
        f"fit_many: {len(errors)} of {len(networks)} networks failed: {'; '.join(lines[:3])}{more}",
        FitWarning,
        stacklevel=4,
    )


class Networks(Sequence[Any]):
    """Models in the order of their settings: ``len``, indexing, slices and loops as of a list.

    ``settings``: what each was made with, its seed included; ``errors``: exceptions of those that failed, by number;
    ``seconds``: time spent in ``compile``, ``plan`` and ``train``, for all together. Each model has its ``history``.
    """

    def __init__(
        self,
        models: Sequence[Module],
        settings: Sequence[dict[str, Any]],
        errors: dict[int, Exception],
        seconds: dict[str, float],
    ) -> None:
        self.models, self.settings = list(models), list(settings)
        self.errors, self.seconds = errors, seconds

    def __len__(self) -> int:
        return len(self.models)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.models[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.models)

    @property
    def histories(self) -> list[Any]:
        """The numbers of each network's epochs."""
        return [model.history for model in self.models]

    def table(self) -> list[dict[str, Any]]:
        """A dict for each network: its setting, the numbers of its last epoch, how many epochs, and why it stopped."""
        return [
            {**setting, **history.last, "epochs": history.epochs, "stopped": history.stopped}
            for setting, history in zip(self.settings, self.histories, strict=True)
        ]

    def ranking(self, monitor: str | None = None) -> list[int]:
        """Numbers of the networks, the best first, by the last epoch's ``monitor``; failed and NaN ones are left out.

        None: "val_loss" if there is one, else "loss". Larger is better for names that end in accuracy, dice or r2.
        """
        last = {i: h.last for i, h in enumerate(self.histories) if i not in self.errors and h.epochs}
        names = list(dict.fromkeys(name for numbers in last.values() for name in numbers))
        if monitor is None:
            monitor = "val_loss" if "val_loss" in names else "loss"
        elif monitor not in names:
            raise ValueError(f"ranking: monitor is {monitor!r}; the networks have {', '.join(names)}")
        sign = -1.0 if monitor.endswith(("accuracy", "dice", "r2")) else 1.0
        values = {i: sign * numbers.get(monitor, math.nan) for i, numbers in last.items()}
        return sorted((i for i, value in values.items() if not math.isnan(value)), key=values.__getitem__)

    def best(self, monitor: str | None = None) -> Any:
        """The model that is first in :meth:`ranking`."""
        order = self.ranking(monitor)
        if not order:
            raise ValueError("best: no network has a number to compare; look at table() and errors")
        return self.models[order[0]]

    def ensemble(self, count: int | None = None, monitor: str | None = None) -> Ensemble:
        """The mean of the ``count`` best networks, None: of all that did not fail. See ``nn.Ensemble``."""
        order = self.ranking(monitor)
        if count is not None and not 1 <= count <= len(order):
            raise ValueError(f"ensemble: count is {count}; expected 1 to {len(order)}, the networks that can be ranked")
        return Ensemble([self.models[i] for i in sorted(order[:count])])

    def __repr__(self) -> str:
        failed = f", {len(self.errors)} failed" if self.errors else ""
        order = self.ranking()
        best = f": best {named(order[0], self.settings[order[0]])}" if order else ""
        return f"<{len(self)} networks{failed}{best}>"
