"""Layers and models: small classes over ``fastdl.functional``.

``module.py`` has the base class, ``_attributes.py`` how it keeps parameters and parts, ``_frame.py`` what is in force
while a model runs, ``_named.py`` parameters by name, ``_learning.py`` fit and predict; the other files are layers.
Parameters are named, shaped and initialised as PyTorch's.
"""

from ._activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from ._attributes import Buffer, Parameter
from ._containers import ModuleList, Sequential
from ._conv import Conv2d
from ._dense import Dense, Linear
from ._dropout import Dropout
from ._frame import is_training, random_key
from ._pool import AvgPool2d, MaxPool2d
from ._recurrent import GRU, LSTM, RNN
from ._recurrent_cells import GRUCell, LSTMCell, RNNCell
from ._shape import Flatten, Identity, Rescale
from .module import Module

LAYERS: dict[str, type[Module]] = {
    layer.__name__: layer
    for layer in (
        AvgPool2d,
        Conv2d,
        Dense,
        Dropout,
        Flatten,
        GRU,
        GRUCell,
        Identity,
        LSTM,
        LSTMCell,
        LogSoftmax,
        MaxPool2d,
        ModuleList,
        RNN,
        RNNCell,
        ReLU,
        Rescale,
        Sequential,
        Sigmoid,
        Softmax,
        Tanh,
    )
}
"""The classes that a model file may name."""

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "RNN",
    "AvgPool2d",
    "Buffer",
    "Conv2d",
    "Dense",
    "Dropout",
    "Flatten",
    "GRUCell",
    "Identity",
    "LSTMCell",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Parameter",
    "RNNCell",
    "ReLU",
    "Rescale",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "is_training",
    "random_key",
]
