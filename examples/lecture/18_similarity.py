"""18. Attention, first half: the dot product says how alike two vectors are.

    q . k = q1 k1 + ... + qd kd = |q| |k| cos(angle)

Same direction (0 degrees): as large as it can be; at right angles (90): 0, nothing in common; opposite (180): as
negative as it can be. A query asks, a key answers "this is what I am about", and their dot product is the score.
"""

import numpy as np

from fastdl import functional as F

ANGLES = (0, 45, 90, 135, 180)
Q = np.array([[2.0, 0.0]])  # |q| = 2


def keys(angles):
    """Vectors of length 3 at these angles to q."""
    radians = np.deg2rad(angles)
    return 3 * np.stack([np.cos(radians), np.sin(radians)], 1)


def numbers():
    scores = F.matmul(Q, keys(ANGLES).T)[0]
    return {"scores": scores, "formula": 2 * 3 * np.cos(np.deg2rad(ANGLES))}


def tell(found):
    for angle, score, formula in zip(ANGLES, found["scores"], found["formula"], strict=True):
        print(f"angle {angle:3}: q . k = {score:6.3f}, |q| |k| cos(angle) = {formula:6.3f}")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, Q[0, 0]], [0, Q[0, 1]], "C1", linewidth=4, label="q")
    axes.legend()
    for angle, k, score in zip(ANGLES, keys(ANGLES), found["scores"], strict=True):
        axes.annotate(f"{angle}: {score:.1f}", (0, 0), k, arrowprops={"arrowstyle": "<-"})
    axes.set(xlim=(-4, 4), ylim=(-0.5, 4), aspect="equal", title="q . k for keys at five angles")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
