"""15. Image filters: windows that people designed, on a real image, a slice through a head.

    y_ij = sum over u, v of w_uv x_(i+u-1, j+v-1)       rows and columns counted from 0; the border is mirrored

Weights with the sum 1 keep the brightness (identity, blur, sharpen); weights with the sum 0 give 0 wherever the image
is even and answer to its edges (outline, Sobel). The blur divides nine ones by 9: "averaged equally".
"""

import numpy as np

from fastdl import datasets
from fastdl import functional as F


def numbers():
    """Slice 12 through all six filters."""
    image = datasets.brain_slices()[0][12, 0]
    return {name: F.filter2d(image, w.astype(np.float32)) for name, w in datasets.image_filters().items()}


def tell(found):
    image = found["identity"]
    for name, weight in datasets.image_filters().items():
        y = found[name]
        window = float(np.sum(weight * image[99:102, 99:102]))  # the nine pixels around (100, 100)
        print(f"{name:17} sum of weights {weight.sum():3.0f}; mean {y.mean():7.4f}", end="; ")
        print(f"at pixel (100, 100) {y[100, 100]:7.4f}, by hand {window:7.4f}")


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    for axes, (name, y) in zip(figure.subplots(2, 3).flat, found.items(), strict=True):
        edges = name.startswith(("outline", "sobel"))
        axes.imshow(y, cmap="gray", vmin=-1 if edges else 0, vmax=1)
        axes.set_title(name)
        axes.axis("off")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
