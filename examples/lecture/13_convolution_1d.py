"""13. Convolution in one dimension: the same few weights slide along a signal.

    z_i = w1 x_i + w2 x_(i+1) + w3 x_(i+2)

Each result is the dot product of the weights with the part of the signal below them, so it is large where the signal
looks like the weights. (Mathematicians turn the weights round first and call this a cross-correlation.) Ten numbers
and three weights give 10 - 3 + 1 = 8 results.
"""

import numpy as np

from fastdl import functional as F

SIGNAL = np.array([0.0, 0, 1, 3, 4, 4, 3, 1, 0, 0])
WEIGHTS = np.array([-1.0, 0, 1])  # the slope: what comes less what was


def numbers():
    z = F.conv1d(SIGNAL[None, None], WEIGHTS[None, None])[0, 0]  # (samples, channels, length)
    sliding = [WEIGHTS @ SIGNAL[i : i + 3] for i in range(8)]
    return {"z": z, "sliding": np.array(sliding)}


def tell(found):
    print(f"x (10): {SIGNAL.tolist()}\nw (3):  {WEIGHTS.tolist()}")
    print(f"z ({len(found['z'])}):  {found['z'].tolist()}\nby sliding: {found['sliding'].tolist()}")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, 11), SIGNAL, "o-", label="x")
    axes.plot(range(2, 10), found["z"], "s-", label="z, drawn at the middle of its window")
    axes.legend()
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
