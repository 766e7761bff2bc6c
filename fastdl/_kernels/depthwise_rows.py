"""Depthwise convolution with 3 x 3 taps and no stride, one result a channel, reading the images in place.

What ``depthwise.py`` does for all depthwise convolutions, without its planes. The gradient with respect to the images
is the same correlation, with the taps in reversed order.
"""

from .block import integer, integers, number, pointer, shift, stack
from .micro import vectors_of_tile
from .sweep import sweep
from .vectors import width


def correlate(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = s(bias + sum over taps of weight * x). A cell is a strip of rows of one channel of one image.

    Slots: y, x, weight, bias, whether there is one, sizes, worker scratch, its stride, s is relu, whether the taps
    count from the last one.
    sizes: 0 channels, 1 rows and 2 columns of x, 3 of y, 5 rows and 6 columns of zeros before x, 7 rows and 8 columns
    from tap to tap, 9 strips, 10 rows of a strip.
    """
    y, x, weight, bias, sizes = (
        pointer(args, 0),
        pointer(args, 1),
        pointer(args, 2),
        pointer(args, 3),
        integers(args, 5),
    )
    zeros, kernel = shift(pointer(args, 6), worker * integer(args, 7)), stack(args, 9)
    channels, height, across, rows_y, row_y = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    step, apart, strips, strip = sizes[7], sizes[8], sizes[9], sizes[10]
    lanes = width(y)
    vectors = -(-row_y // lanes)
    stripes = -(-vectors // vectors_of_tile(y))
    for j in range(across):
        zeros[j] = number(args, 0)
    for cell in range(lo, hi):
        image, first = cell // strips, cell % strips * strip
        channel, rows = image % channels, min(strip, rows_y - first)
        for k in range(9):
            kernel[k] = weight[channel * 9 + (8 - k if integer(args, 9) else k)]
        start = bias[channel] if integer(args, 4) else number(args, 0)
        source, target = shift(x, image * height * across), shift(y, (image * rows_y + first) * row_y)
        for stripe in range(stripes):
            j, end = vectors * stripe // stripes, vectors * (stripe + 1) // stripes
            column = j * lanes
            edge = 1 if stripe == 0 or stripe == stripes - 1 else 0
            last = max(0, min(end * lanes, row_y) - lanes - column)
            for r in range(min(step, rows)):
                sweep(
                    *(end - j, edge, shift(target, r * row_y + column), source, zeros, kernel),
                    *(shift(source, height * across + column), start, integer(args, 8), step * row_y),
                    *((rows - r - 1) // step + 1, across, height, first + r - sizes[5], step),
                    *(column - sizes[6], apart, last, min(lanes, row_y)),
                )
