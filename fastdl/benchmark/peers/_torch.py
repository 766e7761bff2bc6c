"""PyTorch, eagerly; tensors are made beforehand, images in the better of its two memory layouts."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as T

from ..rows import Row
from . import Task, _torch_training, repeated


def version() -> str:
    return str(torch.__version__)


def setup(threads: int) -> None:
    torch.set_num_threads(threads)


def build(row: Row, arrays: dict[str, Any]) -> Task | None:
    if row.kind == "train":
        return _torch_training.task(row, arrays)
    make = _FUNCTIONS.get(row.kind.removesuffix(" grad"))
    if make is None:
        return None
    layouts = [("", torch.contiguous_format)]
    if arrays.get("x") is not None and arrays["x"].ndim == 4:
        layouts = [("channels first", torch.contiguous_format), ("channels last", torch.channels_last)]
    tasks = [_task(row, make, arrays, *layout) for layout in layouts]
    return min(tasks, key=_seconds) if len(tasks) > 1 else tasks[0]


def _task(row: Row, make: Callable[..., Any], arrays: dict[str, Any], note: str, layout: Any) -> Task:
    tensors = {}
    for name, array in arrays.items():
        tensor = torch.from_numpy(array)
        tensors[name] = tensor.contiguous(memory_format=layout) if tensor.ndim == 4 else tensor
    grad = tensors.pop("grad", None)
    function, wanted = make(row.spec, tensors)
    if not row.kind.endswith(" grad"):
        kept = {"out": torch.empty_like(tensors["x"])} if row.spec.get("op") in _WITH_OUT else {}

        def forward() -> Any:
            with torch.inference_mode():
                return function(**kept)

        return repeated(forward, lambda y: [y.contiguous().numpy()], note)
    leaves = [tensors[name].requires_grad_() for name in wanted]

    def both() -> Any:
        y = function()
        return y.detach(), *torch.autograd.grad(y, leaves, grad)

    return repeated(both, lambda ys: [y.contiguous().numpy() for y in ys], note)


def _seconds(task: Task) -> float:
    """The best of a few calls: enough to choose a layout by."""
    found = []
    for _ in range(5):
        start = time.perf_counter()
        task.run(1)
        found.append(time.perf_counter() - start)
    return min(found)


def _dense(spec: Any, a: Any) -> Any:
    return lambda: T.linear(a["x"], a["weight"], a["bias"]), ("x", "weight", "bias")


def _conv2d(spec: Any, a: Any) -> Any:
    options = [spec["stride"], spec["padding"], 1, spec["groups"]]
    return lambda: T.conv2d(a["x"], a["weight"], a["bias"], *options), ("x", "weight", "bias")


def _attention(spec: Any, a: Any) -> Any:
    def attention() -> Any:
        return T.scaled_dot_product_attention(a["query"], a["key"], a["value"], is_causal=spec["causal"])

    return attention, ("query", "key", "value")


def _filter2d(spec: Any, a: Any) -> Any:
    image, kernel, edge = a["image"][None, None], a["kernel"][None, None], spec["taps"] // 2
    return lambda: T.conv2d(T.pad(image, (edge,) * 4, "reflect"), kernel)[0, 0], ()


def _map(spec: Any, a: Any) -> Any:
    x, name = a["x"], spec["op"]
    if name == "layer_norm":
        return lambda: T.layer_norm(x, x.shape[1:], a["weight"], a["bias"]), ("x", "weight", "bias")
    if name == "batch_norm":
        mean, var = a["mean"].clone(), a["var"].clone()
        return lambda: T.batch_norm(x, mean, var, a["weight"], a["bias"], training=True), ("x", "weight", "bias")
    if name == "max_pool2d":
        return lambda: T.max_pool2d(x, 2), ("x",)
    if name in ("softmax", "log_softmax"):
        return lambda **out: getattr(torch, name)(x, -1, **out), ("x",)
    if name == "relu":  # its name in the module takes no out=
        return lambda **out: torch.ops.aten.relu.out(x, **out) if out else torch.relu(x), ("x",)
    return lambda **out: getattr(torch._C._nn if name == "gelu" else torch, name)(x, **out), ("x",)


_WITH_OUT = ("relu", "sigmoid", "tanh", "gelu", "softmax", "log_softmax")  # maps into an array that is given


_FUNCTIONS = {"dense": _dense, "conv2d": _conv2d, "attention": _attention, "filter2d": _filter2d, "map": _map}
