"""9. The slope by rise over run, and what it tends to.

    (C(t + d) - C(t)) / d  ->  C'(t)  as d -> 0

The run is (t + d) - t = d; the slide's denominator (t + d) - d would be t, a slip. On a computer d must not be too
small: C(t + d) and C(t) then agree in nearly all their digits, and the difference has only what rounding left. The
best d for this formula is about 1e-8; fastdl differentiates the formula itself and has no d.
"""

import numpy as np

import fastdl as fd
from fastdl import datasets

T = 0.65


def cost(w):
    x, y = datasets.five_points()
    return np.sum((y - w * x) ** 2)


def numbers():
    x, y = datasets.five_points()
    slope = float(fd.grad(cost)(np.float64(T)))
    runs = [10.0**-k for k in range(1, 16)]
    rows = [(d, float((cost(T + d) - cost(T)) / d)) for d in runs]
    return {"slope": slope, "formula": float(-2 * x @ (y - T * x)), "rows": [(d, q, abs(q - slope)) for d, q in rows]}


def tell(found):
    print(f"C'({T}) = {found['slope']:.6f} (by hand: {found['formula']:.6f})")
    for d, quotient, error in found["rows"]:
        print(f"d = {d:.0e}: rise over run {quotient:12.6f}, error {error:.1e}")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.loglog([d for d, _, _ in found["rows"]], [e for _, _, e in found["rows"]], "o-")
    axes.set(xlabel="d", ylabel="error", title="rise over run: smaller d helps until rounding takes over")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
