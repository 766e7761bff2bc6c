"""Layers and models: small classes over ``fastdl.functional``.

``module.py`` has the base class, ``_attributes.py`` how it keeps parameters and parts, ``_frame.py`` what is in force
while a model runs, ``_named.py`` parameters by name, ``_learning.py`` fit and predict; the other files are layers.
Parameters are named, shaped and initialised as PyTorch's.
"""

from ._activation import (
    CELU,
    ELU,
    GELU,
    SELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
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
from ._attention import (
    MultiheadAttention,
)
from ._attributes import (
    Buffer,
    Parameter,
)
from ._batch_norm import (
    BatchNorm1d,
    BatchNorm2d,
)
from ._containers import (
    ModuleList,
    Residual,
    Sequential,
)
from ._conv import (
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
)
from ._dense import (
    Dense,
    Linear,
)
from ._dropout import (
    Dropout,
)
from ._embedding import (
    Embedding,
)
from ._ensemble import (
    Ensemble,
)
from ._frame import (
    is_training,
    random_key,
)
from ._normalization import (
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    RMSNorm,
)
from ._pad import (
    CircularPad2d,
    ReflectionPad2d,
    ReplicationPad2d,
    ZeroPad2d,
)
from ._pool import (
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from ._recurrent import (
    GRU,
    LSTM,
    RNN,
)
from ._recurrent_cells import (
    GRUCell,
    LSTMCell,
    RNNCell,
)
from ._shape import (
    Flatten,
    Identity,
    Rescale,
    Unflatten,
)
from ._transformer import (
    TransformerDecoder,
    TransformerEncoder,
)
from ._transformer_layers import (
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from .module import (
    Module,
)

LAYERS: dict[str, type[Module]] = {
    layer.__name__: layer
    for layer in (
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveMaxPool1d,
        AdaptiveMaxPool2d,
        AvgPool1d,
        AvgPool2d,
        BatchNorm1d,
        BatchNorm2d,
        CELU,
        CircularPad2d,
        Conv1d,
        Conv2d,
        ConvTranspose1d,
        ConvTranspose2d,
        Dense,
        Dropout,
        ELU,
        Embedding,
        Ensemble,
        Flatten,
        GELU,
        GRU,
        GRUCell,
        GlobalAvgPool1d,
        GlobalAvgPool2d,
        GlobalMaxPool1d,
        GlobalMaxPool2d,
        GroupNorm,
        Hardsigmoid,
        Hardswish,
        Identity,
        InstanceNorm1d,
        InstanceNorm2d,
        LSTM,
        LSTMCell,
        LayerNorm,
        LeakyReLU,
        LogSoftmax,
        MaxPool1d,
        MaxPool2d,
        Mish,
        ModuleList,
        MultiheadAttention,
        PReLU,
        RMSNorm,
        RNN,
        RNNCell,
        ReLU,
        ReflectionPad2d,
        ReplicationPad2d,
        Rescale,
        Residual,
        SELU,
        Sequential,
        SiLU,
        Sigmoid,
        Softmax,
        Softplus,
        Softsign,
        Tanh,
        TransformerDecoder,
        TransformerDecoderLayer,
        TransformerEncoder,
        TransformerEncoderLayer,
        Unflatten,
        ZeroPad2d,
    )
}
"""The classes that a model file may name."""

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GRU",
    "LAYERS",
    "LSTM",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "CircularPad2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Dense",
    "Dropout",
    "Embedding",
    "Ensemble",
    "Flatten",
    "GRUCell",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "Module",
    "ModuleList",
    "MultiheadAttention",
    "PReLU",
    "Parameter",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "ReflectionPad2d",
    "ReplicationPad2d",
    "Rescale",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unflatten",
    "ZeroPad2d",
    "is_training",
    "random_key",
]
