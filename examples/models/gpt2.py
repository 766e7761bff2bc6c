"""GPT-2: a decoder that guesses the next token from those before it, built from the layers of ``fastdl.nn``.

Source: Radford et al., "Language models are unsupervised multitask learners" (2019). A decoder without a memory is an
encoder whose attention looks back only (``causal``). With published weights in the names of Hugging Face's
``GPT2LMHeadModel``, from a safetensors file::

    model = GPT2(50257)
    model.load_state_dict(from_hugging_face(fd.load_state_dict("model.safetensors")))
    tokens = model.generate(tokens, 20)
"""

import numpy as np

from fastdl import functional as F
from fastdl import init, nn


class GPT2(nn.Module):
    """tokens (N, T) -> logits (N, T, vocabulary) of each next token. The defaults are the size "small".

    ``tied``: the logits are products with the words' own vectors, so the largest matrix is learned once.
    """

    def __init__(self, vocabulary, features=768, heads=12, layers=12, positions=1024, dropout=0.1, tied=True):
        self.wte = nn.Embedding(vocabulary, features)
        self.wpe = nn.Embedding(positions, features)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(features, heads, 4 * features, dropout, "gelu_tanh", norm_first=True)
        self.decoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(features))
        self.lm_head = None if tied else nn.Dense(features, vocabulary, bias=False)
        self._start(layers)

    def _start(self, layers):
        """Weights from N(0, 0.02**2), smaller where a layer adds to the way past it; biases 0."""
        for path, module in self.named_modules():
            if isinstance(module, (nn.Dense, nn.Embedding, nn.MultiheadAttention)):
                deviation = 0.02 / np.sqrt(2 * layers) if path.endswith(("out_proj", "linear2")) else 0.02
                for array in module.parameters().values():
                    if isinstance(array, np.ndarray):  # not those of a part, which has its own turn
                        array[...] = init.normal(array.shape, std=deviation) if array.ndim > 1 else 0

    def __call__(self, tokens):
        length, longest = tokens.shape[1], self.wpe.num_embeddings
        if length > longest:
            raise ValueError(f"GPT2: tokens {tuple(tokens.shape)}; expected at most {longest} in a row")
        x = self.wte(tokens) + self.wpe(np.arange(length))
        x = self.decoder(self.dropout(x), causal=True)
        return F.dense(x, self.wte.weight) if self.lm_head is None else self.lm_head(x)

    def generate(self, tokens, count, *, temperature=0.0, seed=None):
        """``tokens`` (N, T) and ``count`` more: at temperature 0 the likeliest, otherwise drawn by softmax(logits / t).

        All positions are computed again for each new token.
        """
        rng = np.random.default_rng(seed)
        for _ in range(count):
            logits = self(tokens[:, -self.wpe.num_embeddings :])[:, -1]
            if temperature > 0:
                logits = logits / temperature + rng.gumbel(size=logits.shape)  # whose largest is such a draw
            tokens = np.concatenate([tokens, logits.argmax(1)[:, None]], axis=1)
        return tokens


def from_hugging_face(state):
    """The arrays of a ``GPT2LMHeadModel`` under the names of a tied :class:`GPT2`; its matrices are transposed."""
    parts = {
        "ln_1": "norm1",
        "attn.c_attn": "self_attn.in_proj",
        "attn.c_proj": "self_attn.out_proj",
        "ln_2": "norm2",
        "mlp.c_fc": "linear1",
        "mlp.c_proj": "linear2",
    }
    found = {}
    for name, array in state.items():
        name = name.removeprefix("transformer.")
        place, _, kind = name.rpartition(".")
        if place in ("wte", "wpe"):
            found[name] = array
        elif place == "ln_f":
            found[f"decoder.norm.{kind}"] = array
        elif name.startswith("h.") and (part := place.split(".", 2)[2:]) and part[0] in parts:
            into = parts[part[0]]
            joint = "_" if into.endswith("in_proj") else "."
            array = array.T if array.ndim == 2 else array
            found[f"decoder.layers.{place.split('.')[1]}.{into}{joint}{kind}"] = array
    return found
