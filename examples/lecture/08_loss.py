"""8. The loss: how badly a model with one parameter fits five points.

    model y = w x;   C(w) = sum of (y_i - w x_i)^2

The slides give C(0.85) = 5.4, C(0.65) = 12.3, C(0.95) = 4.9 and no points; these five give all three. As a function
of w the loss is a parabola. The sum here and the mean (1/n) of row 12 have their minimum at the same place: dividing
by the number of points changes the height and the steps, not the answer.
"""

import numpy as np

from fastdl import datasets
from fastdl import functional as F

PLACES = {0.85: 5.4, 0.65: 12.3, 0.95: 4.9}


def cost(w, reduction="sum"):
    x, y = datasets.five_points()
    return F.mse_loss(w * x, y, reduction=reduction)


def numbers():
    x, y = datasets.five_points()
    best = float(x @ y / (x @ x))
    return {
        "sum": {w: float(cost(w)) for w in PLACES},
        "mean": {w: float(cost(w, "mean")) for w in PLACES},
        "best": (best, float(cost(best))),
    }


def tell(found):
    for w, said in PLACES.items():
        print(f"C({w}) = {found['sum'][w]:.1f} (the lecture: {said}); as a mean {found['mean'][w]:.2f}")
    print("the lowest point: w = {:.3f}, C = {:.2f}".format(*found["best"]))


def picture(found):
    from matplotlib.figure import Figure

    x, y = datasets.five_points()
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(x, y, "ko")
    w = np.linspace(0.55, 1.3, 100)
    right.plot(w, [cost(v) for v in w], color="0.5")
    for v, c in found["sum"].items():
        left.plot([0, 7], [0, 7 * v], label=f"w = {v}")
        right.plot(v, c, "o", label=f"C({v}) = {c:.1f}")
    left.set(xlabel="x", ylabel="y", title="y = w x")
    right.set(xlabel="w", title="C(w), the sum of squares")
    left.legend()
    right.legend()
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
