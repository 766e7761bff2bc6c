"""6. Expressivity: which shapes of region the networks of row 4 can cut out of the plane of two features.

    class 1 where f(x1, x2) > 0

A single neuron cuts with a straight line. Each hidden neuron adds a line, and the output combines them: XOR and rings
need some, a spiral needs many. Shown: the share of the training points on the right side, the best of three starts.
"""

import numpy as np

import fastdl as fd
from fastdl import datasets, nn, optim

NETWORKS = ((2, 1), (2, 4, 1), (2, 10, 1), (2, 4, 2, 1))
DATA = ("linear", "xor", "circles", "moons", "spiral")


def trained(sizes, X, y):
    """(accuracy, model), the best of three."""
    tries = []
    for seed in range(3):
        fd.seed(seed)
        parts = [part for p, m in zip(sizes, sizes[1:], strict=False) for part in (nn.Dense(p, m), nn.Tanh())]
        model = nn.Sequential(*parts[:-1])
        options = dict(epochs=300, batch_size=20, loss="bce_with_logits", seed=seed, progress=False)
        model.fit(X, y, optimizer=optim.Adam(0.03), **options)
        tries.append((model.evaluate(X, y)["accuracy"], model))
    return max(tries, key=lambda pair: pair[0])


def numbers():
    found = {}
    for name in DATA:
        X, y = getattr(datasets, name)(200)
        found[name] = {"-".join(map(str, sizes)): trained(sizes, X, y) for sizes in NETWORKS}
    return found


def tell(found):
    for name, row in found.items():
        print(f"{name:8}", *(f"{network}: {accuracy:.3f}" for network, (accuracy, _) in row.items()), sep="   ")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 12), layout="constrained")
    for axes, (name, row) in zip(figure.subplots(len(DATA), len(NETWORKS)), found.items(), strict=True):
        X, y = getattr(datasets, name)(200)
        low, high = X.min(0) - 0.2, X.max(0) + 0.2
        grid = np.meshgrid(np.linspace(low[0], high[0], 80), np.linspace(low[1], high[1], 80))
        points = np.stack(grid, -1).astype(np.float32).reshape(-1, 2)
        for ax, (network, (accuracy, model)) in zip(axes, row.items(), strict=True):
            ax.contourf(*grid, model(points).reshape(80, 80), levels=[-1e9, 0, 1e9], colors=["#cfe0f5", "#f8d5c5"])
            ax.scatter(*X.T, c=y, s=6, cmap="coolwarm")
            ax.set_title(f"{name}, {network}: {accuracy:.2f}", fontsize=9)
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
