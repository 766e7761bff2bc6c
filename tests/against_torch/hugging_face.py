"""BERT and GPT-2 in the names and by the formulas of Hugging Face's models, written out on dictionaries of tensors.

Each function returns the dictionary, of random numbers, and the network as a function of tokens (N, T) up to 10 long.
"""

import numpy as np

from .twins import T, torch

NORM, LAYERS = 1e-12, 2


def linear(shapes, name, out, features, transposed=False):
    shapes[f"{name}.weight"] = (features, out) if transposed else (out, features)
    shapes[f"{name}.bias"] = (out,)


def random_state(shapes):
    rng = np.random.default_rng(3)
    return {name: torch.tensor(0.5 * rng.standard_normal(shape).astype(np.float32)) for name, shape in shapes.items()}


def heads(x):
    return x.reshape(*x.shape[:2], 2, 4).transpose(1, 2)


def attend(q, k, v, seen):
    scores = heads(q) @ heads(k).transpose(2, 3) / 2
    p = torch.softmax(scores.masked_fill(~seen, -torch.inf), -1)
    return (p @ heads(v)).transpose(1, 2).reshape(q.shape)


def norm(state, name, x, eps):
    return T.layer_norm(x, (8,), state[f"{name}.weight"], state[f"{name}.bias"], eps)


def bert_of_hugging_face():
    shapes, e = {}, "bert.embeddings"
    for name, rows in (("word", 20), ("position", 10), ("token_type", 2)):
        shapes[f"{e}.{name}_embeddings.weight"] = (rows, 8)
    norms = [f"{e}.LayerNorm"]
    for i in range(LAYERS):
        layer = f"bert.encoder.layer.{i}"
        for part in ("query", "key", "value"):
            linear(shapes, f"{layer}.attention.self.{part}", 8, 8)
        linear(shapes, f"{layer}.attention.output.dense", 8, 8)
        linear(shapes, f"{layer}.intermediate.dense", 16, 8)
        linear(shapes, f"{layer}.output.dense", 8, 16)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for name in norms:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (8,)
    linear(shapes, "bert.pooler.dense", 8, 8)
    linear(shapes, "cls.predictions.transform.dense", 8, 8)
    state = random_state(shapes)

    def dense(name, x):
        return T.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def forward(tokens):
        x = state[f"{e}.word_embeddings.weight"][tokens] + state[f"{e}.position_embeddings.weight"][: tokens.shape[1]]
        x = norm(state, f"{e}.LayerNorm", x + state[f"{e}.token_type_embeddings.weight"][0], NORM)
        for i in range(LAYERS):
            layer = f"bert.encoder.layer.{i}"
            qkv = (dense(f"{layer}.attention.self.{part}", x) for part in ("query", "key", "value"))
            h = dense(f"{layer}.attention.output.dense", attend(*qkv, torch.tensor(True)))
            x = norm(state, f"{layer}.attention.output.LayerNorm", x + h, NORM)
            h = dense(f"{layer}.output.dense", T.gelu(dense(f"{layer}.intermediate.dense", x)))
            x = norm(state, f"{layer}.output.LayerNorm", x + h, NORM)
        return torch.tanh(dense("bert.pooler.dense", x[:, 0]))

    return state, forward


def gpt2_of_hugging_face():
    shapes = {"transformer.wte.weight": (20, 8), "transformer.wpe.weight": (10, 8)}
    for i in range(LAYERS):
        layer = f"transformer.h.{i}"
        linear(shapes, f"{layer}.attn.c_attn", 24, 8, True)
        linear(shapes, f"{layer}.attn.c_proj", 8, 8, True)
        linear(shapes, f"{layer}.mlp.c_fc", 32, 8, True)
        linear(shapes, f"{layer}.mlp.c_proj", 8, 32, True)
        for name in ("ln_1", "ln_2"):
            shapes[f"{layer}.{name}.weight"] = shapes[f"{layer}.{name}.bias"] = (8,)
        shapes[f"{layer}.attn.bias"] = (1, 1, 10, 10)  # their mask
    shapes["transformer.ln_f.weight"] = shapes["transformer.ln_f.bias"] = (8,)
    state = random_state(shapes)

    def conv1d(name, x):
        return x @ state[f"{name}.weight"] + state[f"{name}.bias"]

    def forward(tokens):
        length = tokens.shape[1]
        x = state["transformer.wte.weight"][tokens] + state["transformer.wpe.weight"][:length]
        for i in range(LAYERS):
            layer = f"transformer.h.{i}"
            qkv = conv1d(f"{layer}.attn.c_attn", norm(state, f"{layer}.ln_1", x, 1e-5)).split(8, 2)
            seen = torch.ones(length, length, dtype=torch.bool).tril()
            x = x + conv1d(f"{layer}.attn.c_proj", attend(*qkv, seen))
            h = conv1d(f"{layer}.mlp.c_fc", norm(state, f"{layer}.ln_2", x, 1e-5))
            x = x + conv1d(f"{layer}.mlp.c_proj", T.gelu(h, approximate="tanh"))
        return norm(state, "transformer.ln_f", x, 1e-5) @ state["transformer.wte.weight"].T

    return state, forward
