"""16. Why convolution: few weights, used everywhere.

    parameters of a convolution: O (C U V + 1), whatever the size of the image; of a dense layer: outputs (inputs + 1)

The same weights at every place make the layer *equivariant*: a shifted image gives shifted answers. The slide says
invariant, a slip: that a shift changes nothing needs pooling over all places, too. One output sees a small window,
its receptive field, which grows with every layer: 3 x 3 windows see 3, 5, 7 pixels, and with a pooling by 2 between
them more.
"""

import numpy as np

import fastdl as fd
from fastdl import datasets, nn, optim
from fastdl import functional as F


def receptive_field(layers, size=31):
    """Width of the part of the image that one output depends on: where its gradient is not 0."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            layer.weight = np.ones(layer.weight.shape)
    model = nn.Sequential(*layers)

    def middle(x):
        y = model(x)
        return y[0, 0, y.shape[2] // 2, y.shape[3] // 2]

    slope = fd.grad(middle)(np.ones((1, 1, size, size), np.float32))
    return int(np.count_nonzero(slope[0, 0].any(axis=0)))


def numbers():
    found = {"conv": nn.Conv2d(1, 8, 3).num_parameters, "dense": nn.Dense(28 * 28, 8 * 26 * 26).num_parameters}
    X, y = datasets.mnist5k()
    image = np.pad(X[:1], ((0, 0), (0, 0), (6, 6), (6, 6)))
    moved = np.roll(image, (2, 3), axis=(2, 3))
    fd.seed(0)
    conv = nn.Conv2d(1, 8, 3, padding=1)
    a, b = conv(image), conv(moved)
    found["equivariant"] = float(np.abs(np.roll(a, (2, 3), axis=(2, 3)) - b)[..., 4:-4, 4:-4].max())
    found["changed"] = float(np.abs(a - b).max())
    found["invariant"] = float(np.abs(F.global_max_pool2d(a) - F.global_max_pool2d(b)).max())
    plain = [receptive_field([nn.Conv2d(1, 1, 3) for _ in range(n)]) for n in (1, 2, 3)]
    pooled = receptive_field([nn.Conv2d(1, 1, 3), nn.AvgPool2d(2), nn.Conv2d(1, 1, 3)])
    found |= {"fields": plain, "with pooling": pooled}
    model = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Dense(8 * 36, 10))
    model.fit(X[:2000], y[:2000], optimizer=optim.Adam(5e-3), epochs=3, seed=0, progress=False)
    return found | {"kernels": model[0].weight[:, 0].copy(), "accuracy": model.evaluate(X[4000:], y[4000:])["accuracy"]}


def tell(found):
    print(f"28 x 28 pixels to 8 maps of 26 x 26: convolution {found['conv']} parameters, dense {found['dense']:,}")
    print(f"image moved: the convolution's answers move along; largest difference {found['equivariant']:.1e}")
    print(f"they do change (by up to {found['changed']:.3f}); their largest values change by {found['invariant']:.1e}")
    print(f"receptive field of 1, 2, 3 layers: {found['fields']}; with pooling between two: {found['with pooling']}")
    print(f"8 learned kernels of 5 x 5, accuracy on new digits {found['accuracy']:.3f}: see the picture")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2), layout="constrained")
    for axes, kernel in zip(figure.subplots(1, 8), found["kernels"], strict=True):
        axes.imshow(kernel, cmap="coolwarm", vmin=-0.6, vmax=0.6)
        axes.axis("off")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
