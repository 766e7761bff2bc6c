"""BERT: an encoder that reads a whole text at once, built from the layers of ``fastdl.nn``.

Source: Devlin et al., "BERT: pre-training of deep bidirectional transformers for language understanding" (2018). Each
token's vector is the sum of three learned ones (which word, where, in which of two texts), normalised; layers of
self-attention and dense layers follow; the first token's last vector, through one more dense layer, stands for the
whole. With published weights in the names of Hugging Face's ``BertModel``, from a safetensors file::

    model = Bert(30522)
    model.load_state_dict(from_hugging_face(fd.load_state_dict("model.safetensors")))
    vectors, pooled = model(tokens, key_padding_mask=tokens != 0)
"""

import numpy as np

from fastdl import init, nn


class Bert(nn.Module):
    """tokens (N, T) -> vectors (N, T, features) and pooled (N, features). The defaults are the size "base"."""

    def __init__(
        self, vocabulary, features=768, heads=12, layers=12, hidden=3072, positions=512, segments=2, dropout=0.1
    ):
        self.words = nn.Embedding(vocabulary, features, padding_idx=0)
        self.positions = nn.Embedding(positions, features)
        self.segments = nn.Embedding(segments, features)
        self.norm = nn.LayerNorm(features, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(features, heads, hidden, dropout, "gelu", 1e-12)
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.pooler = nn.Dense(features, features)
        start(self)

    def __call__(self, tokens, segments=None, *, key_padding_mask=None):
        """``segments`` (N, T): 0 for the first text, 1 for the second; None: all 0. ``key_padding_mask`` (N, T): True
        for the tokens that count."""
        length, longest = tokens.shape[1], self.positions.num_embeddings
        if length > longest:
            raise ValueError(f"Bert: tokens {tuple(tokens.shape)}; expected at most {longest} in a row")
        x = self.words(tokens) + self.positions(np.arange(length))
        x = x + self.segments(np.zeros(length, np.int64) if segments is None else segments)
        x = self.encoder(self.dropout(self.norm(x)), key_padding_mask=key_padding_mask)
        return x, np.tanh(self.pooler(x[:, 0]))


def start(model):
    """Initial values of BERT: weights from N(0, 0.02**2), biases 0."""
    for _, module in model.named_modules():
        if isinstance(module, (nn.Dense, nn.Embedding, nn.MultiheadAttention)):
            for array in module.parameters().values():
                if isinstance(array, np.ndarray):  # not those of a part, which has its own turn
                    array[...] = init.normal(array.shape, std=0.02) if array.ndim > 1 else 0
    model.words.weight[0] = 0  # the padding


def from_hugging_face(state):
    """The arrays of a ``BertModel`` under the names of :class:`Bert`; what stands on top of it is left out."""
    state = {name.removeprefix("bert."): array for name, array in state.items()}
    found = {}
    outer = {
        "embeddings.word_embeddings": "words",
        "embeddings.position_embeddings": "positions",
        "embeddings.token_type_embeddings": "segments",
        "embeddings.LayerNorm": "norm",
        "pooler.dense": "pooler",
    }
    inner = {
        "attention.output.dense": "self_attn.out_proj",
        "attention.output.LayerNorm": "norm1",
        "intermediate.dense": "linear1",
        "output.dense": "linear2",
        "output.LayerNorm": "norm2",
    }
    for name, array in state.items():
        place, _, kind = name.rpartition(".")
        # Files of the first years call the two parts of a normalisation gamma and beta.
        kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)
        if place in outer and kind in ("weight", "bias"):
            found[f"{outer[place]}.{kind}"] = array
        elif place.startswith("encoder.layer."):
            _, _, number, part = place.split(".", 3)
            into = f"encoder.layers.{number}"
            if part in inner:
                found[f"{into}.{inner[part]}.{kind}"] = array
            elif part == "attention.self.query":
                parts = [state[name.replace("query", which)] for which in ("query", "key", "value")]
                found[f"{into}.self_attn.in_proj_{kind}"] = np.concatenate(parts)
    return found
