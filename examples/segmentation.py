"""Which tissue is at each pixel of a slice through the head? A small U-Net, trained on 16 slices, judged on 8 others.

    python examples/segmentation.py --picture brain.png --out brain.safetensors

The data: ``datasets.brain_slices``, one slice every 6 mm through one head, an average of many without skull and almost
without noise. Neighbours look alike, so the slices that are held out are two blocks of four neighbours, never single
ones. On these clean slices no network is needed: the grey level alone tells the tissue (``--noise 0``). So noise is
added, as in a quick scan; then only the surroundings of a pixel tell. A good result says that the network learned what
tissues look like in this head; it says nothing about other heads or scanners.

Letters: N slices, H x W pixels.
"""

import argparse
import sys
import time

import numpy as np

import fastdl as fd
from fastdl import datasets, nn, optim

TISSUES = ("background or fluid", "grey matter", "white matter")


def twice(inputs, outputs):
    """Two convolutions, which see 5 x 5 pixels together; the biases are those of the normalisation."""
    layers = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Down to a quarter of the size and up again. On the way up each level also sees what it looked like on the way
    down, so that the coarse view says what is where, and the fine one where exactly it ends.

    Source: Ronneberger, Fischer and Brox, U-Net (2015), with two levels instead of four and padded convolutions.
    """

    def __init__(self, width):
        self.down = nn.ModuleList([twice(1, width), twice(width, 2 * width)])
        self.bottom = twice(2 * width, 4 * width)
        self.wider = nn.ModuleList([nn.ConvTranspose2d(k * width, k * width // 2, 2, stride=2) for k in (2, 4)])
        self.up = nn.ModuleList([twice(2 * width, width), twice(4 * width, 2 * width)])
        self.pool = nn.MaxPool2d(2)
        self.scores = nn.Conv2d(width, len(TISSUES), 1)

    def __call__(self, x):  # (N, 1, H, W), H and W multiples of 4 -> scores (N, 3, H, W)
        fine = self.down[0](x)
        middle = self.down[1](self.pool(fine))
        y = self.bottom(self.pool(middle))
        y = self.up[1](np.concatenate([self.wider[1](y), middle], axis=1))
        y = self.up[0](np.concatenate([self.wider[0](y), fine], axis=1))
        return self.scores(y)


def slices(seed):
    """Slices and tissues for training and for the test, and the numbers of the test's slices."""
    X, y = datasets.brain_slices()
    X, y = X[:, :, :232, :196], y[:, :232, :196]  # multiples of 4; what is cut off is background
    blocks = np.arange(len(X)).reshape(6, 4)
    held_out = np.zeros(len(X), bool)
    held_out[blocks[np.random.default_rng(seed).choice(6, 2, replace=False)]] = True
    return X[~held_out], y[~held_out], X[held_out], y[held_out], np.flatnonzero(held_out)


def mirrored(images):
    """The images and their mirror images: the left half of a head looks like the right."""
    return np.concatenate([images, images[..., ::-1]])


def by_grey_level(X, y, X_test):
    """What to beat: for each of 64 grey levels the tissue that most training pixels of that level have."""
    levels, levels_test = (np.clip(images[:, 0] * 64, 0, 63).astype(int) for images in (X, X_test))
    counts = [np.bincount(levels[y == tissue], minlength=64) for tissue in range(len(TISSUES))]
    return np.argmax(counts, axis=0)[levels_test]


def dice(truth, found, tissue):
    """2 |A and B| / (|A| + |B|): 1 if the regions of the tissue are the same, 0 if they do not meet."""
    a, b = truth == tissue, found == tissue
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def save_picture(path, X, truth, found, numbers):
    """Slice, truth and prediction of the first, a middle and the last held-out slice."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 8), layout="constrained")
    FigureCanvasAgg(figure)
    for row, i in enumerate((0, len(X) // 2, len(X) - 1)):
        for column, (name, image) in enumerate((("slice", X[i, 0]), ("truth", truth[i]), ("found", found[i]))):
            axes = figure.add_subplot(3, 3, 3 * row + column + 1)
            axes.imshow(image, cmap="gray" if column == 0 else "viridis", vmax=None if column == 0 else 2)
            axes.set_title(f"{name} {numbers[i]}" if column == 0 else name)
            axes.set_axis_off()
    figure.savefig(path, dpi=120)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Find grey and white matter in slices through a head.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--width", type=int, default=8, help="channels at full size; 2 and 4 times as many below")
    parser.add_argument("--noise", type=float, default=0.15, help="its standard deviation; white is 1")
    parser.add_argument("--seed", type=int, default=0, help="chooses held-out slices, noise, initial weights and order")
    parser.add_argument("--picture", metavar="FILE", help="save slice, truth and prediction (needs matplotlib)")
    parser.add_argument("--out", metavar="FILE", help="save the model")
    options = parser.parse_args(arguments)

    X, y, X_test, y_test, numbers = slices(options.seed)
    X, y = mirrored(X), mirrored(y)
    noise = np.random.default_rng(options.seed)
    X, X_test = (images + noise.normal(0, options.noise, images.shape).astype(np.float32) for images in (X, X_test))
    fd.seed(options.seed)
    model = UNet(options.width)
    print(f"{model.num_parameters:,} parameters, {len(X)} training slices (half of them mirrored)")

    batch = 4
    rate = optim.one_cycle(0.01, options.epochs * -(-len(X) // batch))
    start = time.perf_counter()
    history = model.fit(X, y, epochs=options.epochs, batch_size=batch, optimizer=optim.Adam(rate), seed=options.seed)
    seconds, compiling = time.perf_counter() - start, history.seconds["compile"]
    print(f"{options.epochs} epochs in {seconds:.1f} s" + f", {compiling:.1f} of them compiling" * (compiling > 0.1))

    found = model.predict(X_test, batch_size=batch)  # (N, H, W): the tissue at each pixel
    print(f"Dice on the held-out slices {', '.join(map(str, numbers))}:")
    for title, tissues in (("by grey level", by_grey_level(X, y, X_test)), ("by the network", found)):
        scores = [dice(y_test, tissues, tissue) for tissue in range(len(TISSUES))]
        each = ", ".join(f"{name} {score:.3f}" for name, score in zip(TISSUES, scores, strict=True))
        print(f"  {title}: mean {np.mean(scores):.3f} ({each})")

    if options.out:
        fd.save(model, options.out)  # read it back with fd.load(FILE, UNet(width))
    if options.picture:
        try:
            save_picture(options.picture, X_test, y_test, found, numbers)
        except ImportError:
            print("the picture needs matplotlib: pip install matplotlib", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
