"""4. Counting parameters: what training has to find.

    a dense layer from p numbers to m has m p weights and m biases: m (p + 1)

2-1: 3.  2-4-1: 4 * 3 + 1 * 5 = 17.  2-10-1: 30 + 11 = 41.  2-4-2-1: 12 + 10 + 3 = 25: deeper is not always larger.
"""

from fastdl import nn

NETWORKS = {"2-1": 3, "2-4-1": 17, "2-10-1": 41, "2-4-2-1": 25}


def network(name):
    """A network such as "2-4-1", with tanh between its layers."""
    sizes = [int(n) for n in name.split("-")]
    parts = [part for p, m in zip(sizes, sizes[1:], strict=False) for part in (nn.Dense(p, m), nn.Tanh())]
    return nn.Sequential(*parts[:-1])


def numbers():
    return {name: network(name).num_parameters for name in NETWORKS}


def tell(found):
    for name, count in found.items():
        print(f"{name}: {count} parameters (the lecture: {NETWORKS[name]})")
    print(network("2-4-2-1").summary((2,)))


def picture(found):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, (name, count) in zip(figure.subplots(1, 4), found.items(), strict=True):
        columns = [[(i, k - (int(n) - 1) / 2) for k in range(int(n))] for i, n in enumerate(name.split("-"))]
        for left, right in zip(columns, columns[1:], strict=False):
            for a in left:
                for b in right:
                    axes.plot(*zip(a, b, strict=True), color="0.7", linewidth=0.7)
        for x, y in sum(columns, []):
            axes.plot(x, y, "o", color="C0")
        axes.set_title(f"{name}: {count}")
        axes.axis("off")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
