"""3. A layer: several neurons look at the same patient; a deep network hands their answers on.

    a = s(W x + b),   W (m, p): one row of weights for each of m neurons;   f(x) = f[L](... f[2](f[1](x)))

The rows of X are patients, so a whole batch goes through at once and gives what one after another would give. Each
layer may have an activation s of its own.
"""

import numpy as np

import fastdl as fd
from fastdl import functional as F
from fastdl import nn


def numbers():
    """A batch against one by one, functions inside functions against a model."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5, 4))  # 5 patients, p = 4
    W, b = rng.standard_normal((3, 4)), rng.standard_normal(3)  # m = 3 neurons
    batch = F.dense(X, W, b, activation="tanh")
    alone = np.stack([F.tanh(F.dense(x, W, b)) for x in X])
    fd.seed(0)
    layers = [nn.Dense(4, 3), nn.ReLU(), nn.Dense(3, 3), nn.Tanh(), nn.Dense(3, 1), nn.Sigmoid()]
    model = nn.Sequential(*layers).astype(np.float64)
    a = X
    for layer in layers:
        a = layer(a)
    return {
        "shape": batch.shape,
        "formula": float(np.abs(batch - np.tanh(X @ W.T + b)).max()),
        "one by one": float(np.abs(batch - alone).max()),
        "composition": float(np.abs(model(X) - a).max()),
        "activations": ["relu", "tanh", "sigmoid"],
        "batch": batch,
    }


def tell(found):
    print(f"5 patients of 4 numbers through 3 neurons: {found['shape']}")
    print(f"largest difference from s(Wx + b): {found['formula']:.1e}; from one by one: {found['one by one']:.1e}")
    print(f"f[3](f[2](f[1](x))) with {', '.join(found['activations'])} against the model: {found['composition']:.1e}")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    figure.colorbar(axes.imshow(found["batch"], cmap="coolwarm", vmin=-1, vmax=1), label="tanh(Wx + b)")
    axes.set(xlabel="neuron", ylabel="patient", xticks=range(3), yticks=range(5))
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
