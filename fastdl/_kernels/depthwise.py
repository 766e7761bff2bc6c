"""Depthwise convolution, in which every channel of the images has kernels of its own, and its gradients.

Letters: C channels and H x W pixels of an image, M results of a channel, U x V taps, P x Q pixels of a result. A
channel (or, if it is large, a strip of its rows) is copied into a *plane*, padded with zeros: that brings it into the
first cache, and then there are no edges. A stride across takes the columns of a plane apart into its phases; then the
pixels below one tap follow each other, at an offset that a table holds, and the convolution is a correlation with a
small window. With a dilation down that is so for every ``dense``-th row of the result at a time; with a stride down the
window has one row of all taps, which shares no rows with those of the next result. The gradient with respect to the
images is the same correlation, of the gradient, once for each phase of the stride, whose pixels lie a step apart.

sizes: 0 groups, 1 channels of x and 2 of y in a group, 3 taps, 4 strips, 5 rows of a strip, 6 H, 7 W, 8 rows and 9
columns of y, 10 step of a phase's rows and 11 columns in y, 12 stride down, 13 rows above the image, 14 stride across,
15 columns before, 16 elements of a row of a plane, 17 of a plane, 18 zeros at its start, 19 ``dense``, 20 rows below
that of a result, 21 most rows of a phase, 22 taps that are used, 23 phases of y, 24 of its columns, 25 of x's columns,
26 these.

passes: for each phase of y its first row and column, rows and columns, then for each channel of x its place in the
planes, rows and columns of the window, places of its taps in ``order`` (where in the weight of a channel each of them
is) and of the columns of the window in ``offsets``.
"""

from .block import address, call, integer, integers, number, pointer, shift, stack_integers
from .compiler import merge
from .prefetch import prefetch
from .strided import every_second, put_pairs
from .vectors import first, load, spread, store, total, width
from .window_sums import one_across, three_across

_BAND = 8  # rows


@merge
def _plane(args, plane, x, sizes, top, rows):  # type: ignore[no-untyped-def]
    """Fill the planes of one channel: ``rows`` rows from row ``top`` of the padded image on."""
    lane, zero = width(x), number(args, 0)
    zeros = spread(zero)
    columns, row_plane, stride = sizes[7], sizes[16], sizes[14]
    if stride == 1:
        # The zeros behind a row are also those before the next one.
        whole = columns // lane * lane
        for j in range(0, sizes[18], lane):
            store(shift(plane, j), zeros)
        for t in range(rows):
            i, target = top + t - sizes[13], shift(plane, sizes[18] + t * row_plane)
            j = 0
            if i >= 0 and i < sizes[6]:
                source = shift(x, i * columns)
                for j in range(0, whole, lane):
                    store(shift(target, j), load(shift(source, j)))
                j = whole
                if columns > whole:
                    store(shift(target, j), first(shift(source, j), columns - whole))
                    j += lane
            for k in range(j, row_plane, lane):
                store(shift(target, k), zeros)
        return
    for b in range(sizes[25]):
        before = sizes[26 + b] - sizes[15]
        # Columns of the plane that lie in the image: 0 <= w * stride + before < columns.
        start = min(row_plane, max(0, -(before // stride)))
        stop = max(start, min(row_plane, (columns - 1 - before) // stride + 1))
        for t in range(rows):
            i, target = top + t - sizes[13], shift(plane, b * sizes[17] + t * row_plane)
            inside = i >= 0 and i < sizes[6]
            source = shift(x, i * columns + before)
            for w in range(start if inside else row_plane):
                target[w] = zero
            if inside:
                w = start
                if stride == 2:
                    while w + lane <= stop:
                        store(shift(target, w), every_second(shift(source, 2 * w)))
                        w += lane
                for k in range(w, stop):
                    target[k] = source[k * stride]
                for w in range(stop, row_plane):
                    target[w] = zero


@merge
def _interleave(y, pixels, stride, step, columns):  # type: ignore[no-untyped-def]
    """y[j] = the next pixel of phase j % step; the phases lie ``stride`` apart."""
    start = 0
    if step == 2:
        lane, odd = width(y), shift(pixels, stride)
        start = columns // (2 * lane) * 2 * lane
        for j in range(0, start // 2, lane):
            put_pairs(shift(y, 2 * j), load(shift(pixels, j)), load(shift(odd, j)))
    for b in range(min(step, columns)):
        phase = shift(pixels, b * stride)
        for j in range((start - 1 - b) // step + 1, (columns - 1 - b) // step + 1):
            y[j * step + b] = phase[j]


def correlate(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """y = s(bias + sum over taps of weight * x). A cell is a strip of all channels of one group of one image.

    Slots: y, x, weight, bias, whether there is one, sizes, passes, order, offsets, worker scratch, its stride, places
    in it of the taps and of a phase's pixels, the kernel ``stencil.correlate``, s is relu.
    """
    y, x, weight, bias = pointer(args, 0), pointer(args, 1), pointer(args, 2), pointer(args, 3)
    sizes, passes, order, offsets = integers(args, 5), integers(args, 6), integers(args, 7), integers(args, 8)
    planes = shift(pointer(args, 9), worker * integer(args, 10))
    taps, pixels = shift(planes, integer(args, 11)), shift(planes, integer(args, 12))
    groups, sources, results, strips, strip = sizes[0], sizes[1], sizes[2], sizes[4], sizes[5]
    area_x, row_y, down, dense, step = sizes[6] * sizes[7], sizes[9], sizes[12], sizes[19], sizes[11]
    row_pixels, beside, area = sizes[16], sizes[24], strip * sizes[16]
    block = stack_integers(args, 15)
    block[5], block[13] = dense * down * row_pixels, sizes[7]
    for cell in range(lo, hi):
        image, top = cell // strips, cell % strips * strip
        group = image % groups
        rows = (min(strip, sizes[21] - top) - 1) * down + sizes[20] + 1
        for c in range(sources):
            source = shift(x, (image * sources + c) * area_x)
            _plane(args, shift(planes, c * sizes[25] * sizes[17]), source, sizes, top * down, rows)
        # What is read next follows, unless padding moved it a little.
        block[12] = address(shift(x, image * sources * area_x + min(sources * area_x, (top + strip) * down * sizes[7])))
        for m in range(results):
            kernel = shift(weight, (group * results + m) * sources * sizes[3])
            for k in range(sizes[22]):
                taps[k] = kernel[order[k]]
            image_y = shift(y, (image * results + m) * sizes[8] * row_y)
            block[10] = address(shift(bias, group * results + m))
            at = 0
            for phase in range(sizes[23]):
                first_row, height = passes[at], min(strip, passes[at + 2] - top)
                target = shift(image_y, (first_row + top * sizes[10]) * row_y + passes[at + 1])
                stride_y = sizes[10] * row_y
                if step > 1:
                    target, stride_y = shift(pixels, phase % beside * area), row_pixels
                block[1], block[3] = dense * stride_y, passes[at + 3]
                at += 4
                for c in range(sources):
                    block[6], block[7] = passes[at + 1], passes[at + 2]
                    block[8], block[9] = address(shift(offsets, passes[at + 4])), address(shift(taps, passes[at + 3]))
                    block[11] = 2 if c else integer(args, 4)
                    block[14] = 2 if integer(args, 14) and c == sources - 1 else 0
                    for r in range(min(dense, height)):
                        block[0], block[2] = address(shift(target, r * stride_y)), (height - r - 1) // dense + 1
                        block[4] = address(shift(planes, passes[at] + r * down * row_pixels))
                        call(integer(args, 13), address(block), 0, 1, worker)
                    at += 5
                if step > 1 and phase % beside == beside - 1:
                    place = shift(image_y, (first_row + top * sizes[10]) * row_y)
                    for r in range(height):
                        _interleave(
                            shift(place, r * sizes[10] * row_y), shift(pixels, r * row_pixels), area, step, row_y
                        )


def weight_grad(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Sums of the products of g with the pixels of x below each tap. A cell is a chunk of the strips of all images, for
    the channels of one group; its sums stand in vectors until the end.

    Slots: partial sums (chunks, weight), g, x, sizes (of the forward pass), passes, order, offsets, strips of a chunk,
    strips in all, worker scratch, its stride, place of the sums in it.
    """
    sums, g, x = pointer(args, 0), pointer(args, 1), pointer(args, 2)
    sizes, passes, order, offsets = integers(args, 3), integers(args, 4), integers(args, 5), integers(args, 6)
    chunk, pieces = integer(args, 7), integer(args, 8)
    planes = shift(pointer(args, 9), worker * integer(args, 10))
    own = shift(planes, integer(args, 11))
    groups, results, taps, strips, strip = sizes[0], sizes[2], sizes[3], sizes[4], sizes[5]
    area_x, row_g, down, dense = sizes[6] * sizes[7], sizes[9], sizes[12], sizes[19]
    lane, zeros = width(x), spread(number(args, 0))
    row_x, tap_rows, across = dense * down * sizes[16], passes[5], passes[6]
    for cell in range(lo, hi):
        group = cell % groups
        for k in range(results * taps):
            store(shift(own, k * lane), zeros)
        for piece in range(cell // groups * chunk, min(pieces, (cell // groups + 1) * chunk)):
            image, top = piece // strips * groups + group, piece % strips * strip
            height = min(strip, sizes[8] - top)
            _plane(args, planes, shift(x, image * area_x), sizes, top * down, (height - 1) * down + sizes[20] + 1)
            for part in range(results * min(dense, height)):
                m, r = part % results, part // results
                above = shift(g, ((image * results + m) * sizes[8] + top + r) * row_g)
                place, count = shift(planes, passes[4] + r * down * sizes[16]), (height - r - 1) // dense + 1
                next_x, next_g = shift(x, (image + groups) * area_x), shift(above, groups * results * sizes[8] * row_g)
                for band in range(0, count, _BAND):
                    # The same rows of the next image come while these are multiplied: 1.1 ms instead of 2.0 in all.
                    rows = min(_BAND, count - band)
                    prefetch(shift(next_x, (top + r + band) * down * sizes[7]), rows * dense * down * sizes[7])
                    prefetch(shift(next_g, band * dense * row_g), rows * dense * row_g)
                    for u in range(0, tap_rows, 3):
                        some, below = min(3, tap_rows - u), shift(place, (band + u) * row_x)
                        grads, v = shift(above, band * dense * row_g), 0
                        while v < across:
                            to, right = shift(own, (m * taps + u * across + v) * lane), shift(offsets, v)
                            if across - v >= 3:
                                three_across(
                                    to, across * lane, some, below, row_x, right, grads, dense * row_g, rows, row_g
                                )
                                v += 3
                            else:
                                one_across(
                                    to, across * lane, some, below, row_x, right, grads, dense * row_g, rows, row_g
                                )
                                v += 1
        result = shift(sums, (cell // groups * groups + group) * results * taps)
        for m in range(results):
            for k in range(taps):
                result[m * taps + order[k]] = total(load(shift(own, (m * taps + k) * lane)))
