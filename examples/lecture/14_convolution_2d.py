"""14. Convolution in two dimensions, worked by hand.

    z_ij = sum over m, l = 1..3 of w_ml x_(i+m-1, j+l-1)      counting from 1
    z_ij = sum over m, l = 0..2 of w_ml x_(i+m, j+l)          counting from 0

The slide's index x_(i+m-1) mixes the two, a slip. The window here is -1, 0, 1 in each row, the right side less the
left: z is far from 0 where bright meets dark along a vertical edge.
"""

import numpy as np

from fastdl import datasets
from fastdl import functional as F

EXPECTED = [[-11, -4, 9, 12], [-7, -6, 5, 11], [-9, -8, 6, 7], [-7, -4, 8, 7]]


def numbers():
    x, w = datasets.small_image()
    z = F.conv2d(x[None, None], w[None, None])[0, 0]
    by_hand = [[np.sum(w * x[i : i + 3, j : j + 3]) for j in range(4)] for i in range(4)]
    return {"x": x, "z": z, "by hand": np.array(by_hand)}


def tell(found):
    print(f"z =\n{found['z'].astype(int)}")
    print("as in the lecture:", found["z"].tolist() == EXPECTED, " by hand:", (found["z"] == found["by hand"]).all())


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    for axes, (name, values) in zip(figure.subplots(1, 2), {"x": found["x"], "z": found["z"]}.items(), strict=True):
        axes.imshow(values, cmap="gray")
        axes.set_title(f"{name} {values.shape}")
        for (i, j), value in np.ndenumerate(values):
            axes.text(j, i, f"{value:.0f}", color="C1", ha="center", va="center")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
