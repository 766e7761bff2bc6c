"""Names that callers write and nobody has: errors that say which one was meant.

Constructors get it from the base class :class:`Named`, functions from the decorator :func:`named`. Neither looks at
anything but the names of the keywords, and only where there are some.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# What other libraries call it, and what it may be here; the first that the function has is meant.
_ELSEWHERE = {
    "activation": ("nonlinearity",),
    "alpha": ("negative_slope",),
    "beta_1": ("beta1",),
    "beta_2": ("beta2",),
    "channels": ("num_features", "num_channels", "in_channels"),
    "clipnorm": ("clip_norm",),
    "clipvalue": ("clip_value",),
    "criterion": ("loss",),
    "decay_rate": ("factor",),
    "decay_steps": ("steps", "every"),
    "dilation_rate": ("dilation",),
    "dim": ("axis", "embedding_dim", "normalized_shape", "in_features"),
    "div_factor": ("start",),
    "drop_rate": ("p", "dropout"),
    "embed_dim": ("embedding_dim",),
    "epsilon": ("eps",),
    "eta_min": ("final",),
    "filters": ("out_channels",),
    "final_div_factor": ("end",),
    "gamma": ("factor",),
    "generator": ("seed",),
    "global_clipnorm": ("clip_norm",),
    "gradient_accumulation_steps": ("accumulate",),
    "hidden_units": ("hidden_size",),
    "initial_learning_rate": ("lr",),
    "input_dim": ("in_features", "num_embeddings", "input_size"),
    "keepdim": ("keepdims",),
    "learning_rate": ("lr",),
    "loss_fn": ("loss",),
    "max_grad_norm": ("clip_norm",),
    "max_iter": ("epochs", "max_steps"),
    "max_lr": ("peak",),
    "milestones": ("rates",),
    "n_epochs": ("epochs",),
    "nb_epoch": ("epochs",),
    "num_epochs": ("epochs",),
    "num_warmup_steps": ("steps",),
    "opt": ("optimizer",),
    "output_dim": ("out_features", "embedding_dim"),
    "pct_start": ("rise",),
    "pool_size": ("kernel_size",),
    "random_state": ("seed",),
    "rate": ("p",),
    "rho": ("alpha",),
    "solver": ("optimizer",),
    "step_size": ("every",),
    "strides": ("stride",),
    "T_max": ("steps",),
    "total_steps": ("steps",),
    "units": ("out_features", "hidden_size"),
    "use_bias": ("bias",),
    "val_data": ("validation_data",),
    "verbose": ("progress",),
    "vocab_size": ("num_embeddings",),
    "weights": ("sample_weight", "weight"),
}
_OF_OPTIMISERS = "it belongs to the optimiser: optimizer=optim.SGD({}=...), or another one of fastdl.optim"
_OF_EARLY_STOPPING = "give callbacks=[fastdl.training.EarlyStopping(patience=...)]"
# Where another way leads there: of anything, and of what trains with an optimiser.
_REMEDIES = {
    "activation": "put the activation behind the layer: nn.Sequential(nn.Dense(2, 8), nn.ReLU(), ...)",
    "betas": "give beta1 and beta2",
    "device": "arrays stay where NumPy has them, on the CPU; leave it out",
    "inplace": "layers never change what they are given; leave it out",
}
_REMEDIES_OF_TRAINING = {
    "early_stopping": _OF_EARLY_STOPPING,
    "learning_rate": _OF_OPTIMISERS.format("lr"),
    "lr": _OF_OPTIMISERS.format("lr"),
    "momentum": _OF_OPTIMISERS.format("momentum"),
    "patience": _OF_EARLY_STOPPING,
    "scheduler": "give the optimiser a schedule for its rate: optim.Adam(optim.cosine_decay(1e-3, steps))",
    "validation_split": "give validation_data=(X, y); datasets.train_test_split divides",
    "weight_decay": _OF_OPTIMISERS.format("weight_decay"),
}


def did_you_mean(name: Any, known: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> str:
    """`` (did you mean 'adam'?)`` for a value that is nearly one of the known ones, else nothing. ``elsewhere``: from
    names that other libraries have to ours."""
    others = elsewhere or {}
    found = _nearest(name, [*known, *others])
    return "" if found is None else f" (did you mean {others.get(found, found)!r}?)"


def _nearest(name: Any, known: list[str]) -> str | None:
    if not isinstance(name, str):
        return None
    import difflib  # only errors need it

    plain = {word.lower().replace("_", ""): word for word in reversed(known)}
    near = difflib.get_close_matches(name.lower().replace("_", ""), plain, 1, 0.7)
    return plain[near[0]] if near else None


def check(caller: str, given: Iterable[str], function: Callable[..., Any]) -> None:
    """Refuse keywords that a function does not have; of one that takes any, or is not plain Python, none."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARKEYWORDS or hasattr(function, "__wrapped__"):
        return
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for name in given:
        if name not in known:
            raise unknown(caller, name, [word for word in known if word != "self"])


def unknown(caller: str, name: str, known: list[str]) -> TypeError:
    """The error for a keyword that is none of the known ones."""
    return TypeError(f"{caller}: there is no argument {name}; {_remedy(name, known) or _all_of(known)}")


def _all_of(known: list[str]) -> str:
    return f"expected {', '.join(known)}" if known else "it takes no keywords"


def hint(name: str, known: list[str]) -> str:
    """``; `` and what was meant by a keyword that is none of the known ones, if that can be told, else nothing."""
    found = _remedy(name, known)
    return f"; {found}" if found else ""


def _remedy(name: str, known: list[str]) -> str | None:
    meant = next((word for word in _ELSEWHERE.get(name, ()) if word in known), None)
    remedies = _REMEDIES | (_REMEDIES_OF_TRAINING if "optimizer" in known else {})
    if meant is None and name not in remedies:
        meant = _nearest(name, known)
    return remedies.get(name) if meant is None else f"did you mean {meant}?"


def named(function: Callable[P, R]) -> Callable[P, R]:
    """A function that says what was meant where a keyword is none of its own."""

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        check(function.__name__, options, function)
        return function(*arguments, **options)

    return call


class _OfInit:
    """What ``help`` shows of a class: the arguments of its __init__, not the (*_, **__) of __new__."""

    def __get__(self, instance: Any, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")  # an object itself is called with what its __call__ takes
        signature = inspect.signature(owner.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class Named:
    """Base of classes whose constructors say what was meant."""

    __signature__ = _OfInit()

    def __init__(self) -> None:
        """Nothing to do; without it, ``object`` would take any arguments of classes with a __new__ and no __init__."""

    def __new__(cls, *_: Any, **options: Any) -> Self:
        if options:
            check(cls.__name__, options, cls.__init__)
        return super().__new__(cls)
