"""12. Why stochastic gradient descent: a step that looks at a few patients is nearly as good, and far cheaper.

    C(t) = (1/n) sum of C_i(t);    t <- t - a grad (mean of C_i over a batch)

A full-batch step reads all n samples before it moves once. A batch of 32 gives a noisier slope for a small part of
the work, so that one pass over the data makes many steps; a single sample makes n, but each step then costs more than
its share. The loss is shown against passes over the data and against seconds.
"""

import fastdl as fd
from fastdl import datasets, nn, optim

PASSES = 10
BATCHES = {"full batch": (None, 0.5), "mini batch of 32": (32, 0.1), "single sample": (1, 0.01)}


def numbers():
    """Loss after each pass, and seconds, of a network for 1,797 digits; learning rates chosen for each batch size."""
    X, y = datasets.digits()
    found = {}
    for name, (batch, rate) in BATCHES.items():
        fd.seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Dense(64, 32), nn.ReLU(), nn.Dense(32, 10))
        options = dict(optimizer=optim.SGD(rate), batch_size=batch, seed=0, progress=False)
        with fd.threads(1):  # so that the seconds compare work
            history = model.fit(X, y, epochs=PASSES, **options)
        steps = PASSES * -(-len(X) // (batch or len(X)))
        seconds = history.seconds["train"]
        found[name] = {"loss": history["loss"], "steps": steps, "seconds": seconds, "per step": seconds / steps}
    return found


def tell(found):
    print(f"{PASSES} passes over 1,797 digits")
    for name, row in found.items():
        print(
            f"{name:16} {row['steps']:6} steps, {1e6 * row['per step']:7.1f} us each, {row['seconds']:.4f} s", end="; "
        )
        print(f"loss {row['loss'][0]:.2f} -> {row['loss'][-1]:.3f}")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, row in found.items():
        passes = range(1, PASSES + 1)
        left.semilogy(passes, row["loss"], ".-", label=name)
        right.loglog([row["seconds"] * p / PASSES for p in passes], row["loss"], ".-", label=name)
    left.set(xlabel="passes over the data", ylabel="loss")
    right.set(xlabel="seconds")
    left.legend()
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
