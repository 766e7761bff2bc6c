"""1. An artificial neuron: a weighted sum of a patient's numbers, squeezed into a probability.

    z = b + w1 x1 + ... + wp xp,    probability = sigma(z) = 1 / (1 + e^-z)

Each weight says how much one measurement counts, the bias b where the balance lies; sigma turns any z into a number
between 0 and 1: z = 0 is "as likely as not". The slide prints 0.71 for patient 1 and a minus sign in sigma's
denominator: both are slips, 1 / (1 + e^-1.9) is 0.870.
"""

import numpy as np

from fastdl import datasets
from fastdl import functional as F


def numbers():
    """z and probability of the lecture's two patients."""
    X, weight, bias = datasets.stroke_patients()
    z = F.dense(X, weight[None], np.array([bias]))  # (2, 1): two patients, one neuron
    return {"X": X, "z": z[:, 0], "probability": F.sigmoid(z)[:, 0]}


def tell(found):
    for i, (x, z, p) in enumerate(zip(found["X"], found["z"], found["probability"], strict=True), 1):
        print(f"patient {i}: x = {x.tolist()}, z = {z:.2f}, probability of a stroke {p:.3f}")
    print("(the slide's 0.71 for patient 1 is a slip)")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    z = np.linspace(-6, 6, 200)
    axes.plot(z, F.sigmoid(z))
    for i, (x, y) in enumerate(zip(found["z"], found["probability"], strict=True), 1):
        axes.plot(x, y, "o", label=f"patient {i}: {y:.3f}")
    axes.set(xlabel="z = b + w'x", ylabel="probability", title="sigma(z) = 1 / (1 + exp(-z))")
    axes.legend()
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
