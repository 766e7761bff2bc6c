"""7. Why deep: folding. Each layer folds the line once more, so bends double with depth; width only adds them.

    tent(x) = 2 relu(x) - 4 relu(x - 1/2) folds [0, 1] in the middle; composed k times it has 2^k straight pieces

That is exactly a ReLU network with k hidden layers of width 2, while one hidden layer, which gets one bend from each
neuron, needs about 2^k neurons (Telgarsky 2016). Second: functions of the distance from a point, which two hidden
layers learn and one of the same size does not (Eldan and Shamir 2016, here by training, in four dimensions).
"""

import numpy as np

import fastdl as fd
from fastdl import nn, optim


def sawtooth(k):
    """k hidden layers of width 2."""
    model = nn.Sequential(nn.Dense(1, 2), nn.ReLU(), *[p for _ in range(k - 1) for p in (nn.Dense(2, 2), nn.ReLU())])
    model = nn.Sequential(*model, nn.Dense(2, 1)).astype(np.float64)
    for layer in model:
        if isinstance(layer, nn.Dense):
            layer.weight = np.broadcast_to([1.0] if layer is model[0] else [2.0, -4.0], layer.weight.shape)
            layer.bias = np.array([0.0, -0.5])[: len(layer.bias)]
    return model


def one_layer(k):
    """The same function with one hidden layer of 2^k neurons: relu(x), and one for each bend."""
    n = 2**k
    model = nn.Sequential(nn.Dense(1, n), nn.ReLU(), nn.Dense(n, 1)).astype(np.float64)
    model[0].weight, model[0].bias, model[2].bias = np.ones((n, 1)), -np.arange(n) / n, np.zeros(1)
    model[2].weight = np.array([[n, *(2 * n * (-1.0) ** np.arange(1, n))]])
    return model


def pieces(model, k):
    """Straight pieces on [0, 1]. All numbers are multiples of 2^-(k+2), so float64 makes no rounding errors at all."""
    y = model(np.arange(2 ** (k + 2) + 1)[:, None] / 2 ** (k + 2))[:, 0]
    return 1 + int(np.count_nonzero(np.diff(y, 2)))


def radial(sizes):
    """Mean squared error on new points of a network trained on cos(2 pi |x|), |x| < 2, in four dimensions."""
    rng, data = np.random.default_rng(0), []
    for n in (3000, 2000):
        u, r = rng.standard_normal((n, 4)), rng.uniform(0, 2, (n, 1))
        X = u / np.linalg.norm(u, axis=1, keepdims=True) * r
        data += [X.astype(np.float32), np.cos(2 * np.pi * r).astype(np.float32)]
    fd.seed(0)
    parts = [part for p, m in zip(sizes, sizes[1:], strict=False) for part in (nn.Dense(p, m), nn.ReLU())]
    model = nn.Sequential(*parts[:-1])
    model.fit(*data[:2], optimizer=optim.Adam(5e-3), epochs=60, batch_size=50, seed=0, progress=False)
    return {"parameters": model.num_parameters, "error": model.evaluate(*data[2:])["loss"]}


def numbers():
    rows = [(k, pieces(sawtooth(k), k), sawtooth(k).num_parameters, one_layer(k).num_parameters) for k in range(1, 11)]
    x = np.arange(1025)[:, None] / 1024
    same = all((sawtooth(k)(x) == one_layer(k)(x)).all() for k in (1, 4, 8))
    return {"sawtooth": rows, "same": same, "one": radial((4, 90, 1)), "two": radial((4, 20, 20, 1))}


def tell(found):
    for k, count, deep, wide in found["sawtooth"]:
        print(f"{k:2} hidden layers of width 2: {count:4} pieces with {deep:2} parameters; one hidden layer: {wide}")
    print("the same function to the last bit:", found["same"])
    print("radial function:", *(f"{n} hidden layer(s): {found[n]}" for n in ("one", "two")), sep="\n  ")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 2.5), layout="constrained")
    for axes, k in zip(figure.subplots(1, 4), (1, 2, 3, 6), strict=True):
        x = np.arange(1025)[:, None] / 1024
        axes.plot(x, sawtooth(k)(x))
        axes.set_title(f"{k} layers of width 2: {2**k} pieces")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
