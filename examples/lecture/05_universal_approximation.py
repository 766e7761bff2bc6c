"""5. Universal approximation: one hidden layer, wide enough, comes as close as you like to a wavy curve.

    f(x) = c + v1 tanh(w1 x + b1) + ... + vm tanh(wm x + bm)

Each hidden neuron adds one soft step of its own place, height and steepness. The theorem says that enough of them
will do; it does not say that training finds them, so each width is tried from three starts and the best is kept.
"""

import numpy as np

import fastdl as fd
from fastdl import datasets, nn, optim

WIDTHS = (1, 2, 4, 8, 16, 32, 64)


def fitted(m, X, y, epochs=5000):
    """The best of three networks with m hidden neurons, and its worst error."""
    tries = []
    for seed in range(3):
        fd.seed(seed)
        model = nn.Sequential(nn.Dense(1, m), nn.Tanh(), nn.Dense(m, 1))
        model[0].weight *= 12  # steep steps, spread over the interval: the curve is wavier than an ordinary start
        model[0].bias *= 12
        optimizer = optim.Adam(optim.cosine_decay(0.02, epochs))
        model.fit(X, y, optimizer=optimizer, epochs=epochs, batch_size=None, seed=seed, progress=False)
        tries.append((float(np.abs(model(X) - y).max()), seed, model))
    return min(tries)


def numbers():
    X, y = datasets.waves(200)
    best = {m: fitted(m, X, y) for m in WIDTHS}
    return {"worst": {m: error for m, (error, _, _) in best.items()}, "models": {m: b[2] for m, b in best.items()}}


def tell(found):
    for m, error in found["worst"].items():
        print(f"{m:2} hidden neurons: worst error on the interval {error:.3f}")


def picture(found):
    from matplotlib.figure import Figure

    X, y = datasets.waves(200)
    figure = Figure(figsize=(12, 5), layout="constrained")
    for axes, m in zip(figure.subplots(2, 4).flat, WIDTHS, strict=False):
        axes.plot(X, y, color="0.6")
        axes.plot(X, found["models"][m](X))
        axes.set_title(f"{m}: {found['worst'][m]:.3f}")
    figure.axes[-1].loglog(list(found["worst"]), list(found["worst"].values()), "o-")
    figure.axes[-1].set_title("worst error against neurons")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
