"""20. The lecture's questions 2 to 7, each answered by a run. (1, 8 and 9 are polls of the audience.)

2 thresholds    3 interactions    4 trainability    5 local minima    6 shared filters    7 attention weights
"""

import numpy as np

import fastdl as fd
from fastdl import datasets, nn, optim
from fastdl import functional as F


def thresholds():
    """2: the same two patients, three thresholds."""
    X, weight, bias = datasets.stroke_patients()
    p = F.sigmoid(F.dense(X, weight[None], np.array([bias])))[:, 0]
    return {tau: (p > tau).astype(int).tolist() for tau in (0.01, 0.5, 0.9)}


def xor_loss(hidden, rate, seed, epochs=200):
    """(loss, accuracy) of a network on XOR, where what one feature means depends on the other."""
    X, y = datasets.xor(200)
    fd.seed(seed)
    model = nn.Sequential(nn.Dense(2, hidden), nn.Tanh(), nn.Dense(hidden, 1)) if hidden else nn.Dense(2, 1)
    options = dict(epochs=epochs, batch_size=20, loss="bce_with_logits", seed=0, progress=False)
    model.fit(X, y, optimizer=optim.SGD(rate, momentum=0.9), **options)
    scores = model.evaluate(X, y)
    return round(scores["loss"], 3), scores["accuracy"]


def crosses(rng, n, columns):
    """Images of 12 x 12 pixels with a + (class 0) or an x (class 1) somewhere in these columns."""
    shapes = np.float32([[[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[1, 0, 1], [0, 1, 0], [1, 0, 1]]])
    X, y = np.zeros((n, 1, 12, 12), np.float32), rng.integers(0, 2, n)
    for image, label in zip(X, y, strict=True):
        i, j = rng.integers(0, 10), rng.integers(*columns)
        image[0, i : i + 3, j : j + 3] = shapes[label]
    return X, y


def shared_filters():
    """6: trained with shapes in the left half only, judged on the right half."""
    rng = np.random.default_rng(0)
    X, y = crosses(rng, 400, (0, 4))
    X_right, y_right = crosses(rng, 400, (6, 10))
    fd.seed(0)
    models = {
        "convolution": [nn.Conv2d(1, 8, 3), nn.ReLU(), nn.GlobalMaxPool2d(), nn.Flatten(), nn.Dense(8, 2)],
        "dense": [nn.Flatten(), nn.Dense(144, 8), nn.ReLU(), nn.Dense(8, 2)],
    }
    found = {}
    for name, parts in models.items():
        model = nn.Sequential(*parts)
        model.fit(X, y, optimizer=optim.Adam(0.02), epochs=30, seed=0, progress=False)
        found[name] = (model.evaluate(X, y)["accuracy"], model.evaluate(X_right, y_right)["accuracy"])
    return found


def attention_weights():
    """7: the word that gets the most weight, for two queries."""
    found = {}
    for query in ("symptom", "medicine"):
        note = datasets.clinical_note(query)
        _, weights = F.attention(note.query, note.keys, note.values, scale=1, return_weights=True)
        largest, total = round(float(weights.max()), 2), round(float(weights.sum()), 2)
        found[query] = (note.words[int(weights.argmax())], largest, total)
    return found


def numbers():
    accuracy = {f"{hidden} hidden": max(xor_loss(hidden, 0.1, seed)[1] for seed in range(3)) for hidden in (0, 4)}
    return {
        "2 thresholds: classes of two patients": thresholds(),
        "3 interactions: accuracy on XOR": accuracy,
        "4 trainability: loss by learning rate": {rate: xor_loss(4, rate, 0)[0] for rate in (1e-4, 0.1, 30.0)},
        "5 local minima: losses from 10 starts": sorted(xor_loss(2, 0.1, s)[0] for s in range(10)),
        "6 shared filters: left (seen), right (new)": shared_filters(),
        "7 attention: word, weight, sum": attention_weights(),
    }


def tell(found):
    for question, answer in found.items():
        print(f"{question}: {answer}")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(found["5 local minima: losses from 10 starts"], "o")
    axes.set(xlabel="start, sorted", ylabel="loss", title="question 5: the same network, ten starts")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
