"""10. Gradient descent: walk downhill in steps that are proportional to the slope.

    t <- t - a C'(t)

a is the learning rate. Near the bottom the slope, and with it the steps, become small; the walk ends where the slope
is about 0. That is the bottom of the valley in which it started, which need not be the deepest one.
"""

import numpy as np

import fastdl as fd
from fastdl import datasets, optim


def cost(w):
    """Row 8's parabola."""
    x, y = datasets.five_points()
    return np.sum((y - w * x) ** 2)


def two_valleys(t):
    return (t**2 - 1) ** 2 + 0.3 * t


def numbers():
    five = fd.minimize(cost, 0.65, optim.SGD(0.002), max_steps=5)
    whole = fd.minimize(cost, 0.65, optim.SGD(0.002), tol=1e-6)
    starts = [fd.minimize(two_valleys, start, optim.SGD(0.05), tol=1e-6) for start in (-0.2, 0.3)]
    return {"five": five, "whole": whole, "starts": starts}


def tell(found):
    for step, (t, c) in enumerate(zip(found["five"].path, found["five"].losses, strict=True)):
        print(f"step {step}: t = {t:.4f}, C(t) = {c:.3f}")
    whole = found["whole"]
    print(f"left to itself it stops after {whole.nit} steps at {whole.x:.4f}: {whole.message}")
    for walk in found["starts"]:
        print(f"(t^2 - 1)^2 + 0.3 t from {walk.path[0]:.1f}: the minimum at t = {walk.x:.3f}, C = {walk.fun:.3f}")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    t = np.linspace(0.6, 1.2, 100)
    left.plot(t, [cost(v) for v in t], color="0.5")
    left.plot(found["five"].path, found["five"].losses, "o-")
    left.set(xlabel="t", title="five steps")
    t = np.linspace(-1.5, 1.5, 200)
    right.plot(t, two_valleys(t), color="0.5")
    for walk in found["starts"]:
        right.plot(walk.path, walk.losses, "o-", label=f"from {walk.path[0]:.1f}")
    right.set(xlabel="t", title="which minimum depends on the start")
    right.legend()
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
