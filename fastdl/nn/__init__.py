"""Layers and models: small classes over ``fastdl.functional``.

``module.py`` has the base class, ``_attributes.py`` how it keeps parameters and parts, ``_frame.py`` what is in force
while a model runs, ``_named.py`` parameters by name, ``_learning.py`` fit and predict; the other files are layers.
Parameters are named, shaped and initialised as PyTorch's.
"""

from ._activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from ._adaptive import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    GlobalAvgPool1d,
    GlobalAvgPool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
)
from ._attributes import Buffer, Parameter
from ._containers import ModuleList, Sequential
from ._conv import Conv2d
from ._dense import Dense, Linear
from ._dropout import Dropout
from ._frame import is_training, random_key
from ._pad import CircularPad2d, ReflectionPad2d, ReplicationPad2d, ZeroPad2d
from ._pool import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from ._shape import Flatten, Identity, Rescale
from .module import Module

LAYERS: dict[str, type[Module]] = {
    layer.__name__: layer
    for layer in (
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveMaxPool1d,
        AdaptiveMaxPool2d,
        AvgPool1d,
        AvgPool2d,
        CircularPad2d,
        Conv2d,
        Dense,
        Dropout,
        Flatten,
        GlobalAvgPool1d,
        GlobalAvgPool2d,
        GlobalMaxPool1d,
        GlobalMaxPool2d,
        Identity,
        LogSoftmax,
        MaxPool1d,
        MaxPool2d,
        ModuleList,
        ReLU,
        ReflectionPad2d,
        ReplicationPad2d,
        Rescale,
        Sequential,
        Sigmoid,
        Softmax,
        Tanh,
        ZeroPad2d,
    )
}
"""The classes that a model file may name."""

__all__ = [
    "LAYERS",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "Buffer",
    "CircularPad2d",
    "Conv2d",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "Identity",
    "Linear",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "ReflectionPad2d",
    "ReplicationPad2d",
    "Rescale",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "ZeroPad2d",
    "is_training",
    "random_key",
]
