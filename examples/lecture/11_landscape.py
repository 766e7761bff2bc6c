"""11. The loss landscape: the loss as a height over the parameters, and descent as a walk through it.

    height(a, b) = C(t + a d1 + b d2)      a plane through the parameters t, along two directions d1 and d2

With two parameters this is the whole landscape. A network has more, so one looks along chosen directions: random ones
scaled like the network's own neurons (Li et al. 2018), those in which the walk went (its principal components), and
those in which the ground curves most (the Hessian's first eigenvectors; their eigenvalues measure how sharp the
minimum is).
"""

import numpy as np

import fastdl as fd
from fastdl import datasets, nn, optim
from fastdl import functional as F

X, Y = (a.astype(np.float64) for a in datasets.moons(100, noise=0.3))
SHAPES = [("0", "weight", (8, 2)), ("0", "bias", (8,)), ("2", "weight", (1, 8)), ("2", "bias", (1,))]
MODEL = nn.Sequential(nn.Dense(2, 8), nn.Tanh(), nn.Dense(8, 1)).astype(np.float64)


def parts(t):
    """The 33 parameters as the network has them."""
    ends = np.cumsum([np.prod(shape) for _, _, shape in SHAPES])
    return [t[end - np.prod(s) : end].reshape(s) for end, (_, _, s) in zip(ends.tolist(), SHAPES, strict=True)]


def cost(t):
    first, bias, second, last = parts(t)
    z = MODEL.apply({"0": {"weight": first, "bias": bias}, "2": {"weight": second, "bias": last}}, X)
    return F.binary_cross_entropy_with_logits(z, Y[:, None]) + 0.001 * np.sum(t * t)


def line(p):
    """Two parameters: y = p0 + p1 x through the five points."""
    x, y = datasets.five_points()
    return np.mean((y - p[0] - p[1] * x) ** 2)


def random_direction(t, rng):
    """Each neuron's weights as long as the network's own, biases 0."""
    found = [rng.standard_normal(p.shape) * (p.ndim > 1) for p in parts(t)]
    for d, p in zip(found, parts(t), strict=True):
        d *= np.linalg.norm(p, axis=-1, keepdims=True) / np.maximum(np.linalg.norm(d, axis=-1, keepdims=True), 1e-12)
    return np.concatenate([d.ravel() for d in found])


def eigenvectors(t, count, rounds=300):
    """The Hessian's first eigenvalues and eigenvectors by power iteration; the Hessian itself is never formed."""
    times, rng, values, vectors = fd.compile(lambda t, v: fd.hvp(cost, t, v)), np.random.default_rng(0), [], []
    for _ in range(count):
        v = rng.standard_normal(len(t))
        for _ in range(rounds):
            v = times(t, v / np.linalg.norm(v))
            v -= sum((v @ u) * u for u in vectors)
        vectors.append(v / np.linalg.norm(v))
        values.append(float(vectors[-1] @ times(t, vectors[-1])))
    return values, vectors


def numbers():
    rng = np.random.default_rng(0)
    flat = fd.minimize(line, [3.0, -1.0], optim.SGD(0.03, momentum=0.8), tol=1e-6)
    walk = fd.minimize(cost, rng.standard_normal(33), optim.Adam(0.03), max_steps=1500, tol=1e-5)
    _, spread, along = np.linalg.svd(walk.path - walk.x, full_matrices=False)
    values, vectors = eigenvectors(walk.x, 2)
    planes = {
        "random": [random_direction(walk.x, rng) for _ in range(2)],
        "path": list(along[:2]),
        "Hessian": vectors,
    }
    height = fd.compile(cost)
    rise = {name: float(height(walk.x + 0.5 * d) - walk.fun) for name, (d, _) in planes.items()}
    share = float(np.sum(spread[:2] ** 2) / np.sum(spread**2))
    return {"line": flat, "walk": walk, "planes": planes, "sharpness": values, "share": share, "rise": rise}


def tell(found):
    print(f"two parameters: from {found['line'].path[0]} to {found['line'].x.round(3)} in {found['line'].nit} steps")
    print(f"33 parameters: cost {found['walk'].losses[0]:.3f} -> {found['walk'].fun:.4f} in {found['walk'].nit} steps")
    print(f"the Hessian's first eigenvalues (sharpness): {found['sharpness'][0]:.4f}, {found['sharpness'][1]:.4f}")
    print(f"the path's first two principal components hold {found['share']:.1%} of it")
    for name, rise in found["rise"].items():
        print(f"half a step along the first direction of the plane '{name}' raises the cost by {rise:.4f}")


def picture(found):
    from matplotlib.figure import Figure

    figure, grid = Figure(figsize=(20, 4), layout="constrained"), np.linspace(-1, 1, 41)
    axes = [figure.add_subplot(1, 5, i, projection="3d" if i == 1 else None) for i in range(1, 6)]
    height = fd.compile(cost)
    a, b = np.meshgrid(np.linspace(-4, 4, 60), np.linspace(-1.5, 2.5, 60))
    z = np.log10([line(p) for p in zip(a.ravel(), b.ravel(), strict=True)]).reshape(a.shape)
    axes[0].plot_surface(a, b, z, cmap="viridis")
    axes[1].contourf(a, b, z, 30)
    axes[1].plot(*found["line"].path.T, "w.-")
    axes[0].set_title("two parameters: the logarithm of the loss")
    axes[1].set_title("its map, and the path")
    for ax, (name, (d1, d2)) in zip(axes[2:], found["planes"].items(), strict=True):
        steps = (found["walk"].path - found["walk"].x) @ np.linalg.pinv(np.stack([d1, d2]))
        scale = max(1.0, 1.1 * np.abs(steps).max()) if name == "path" else 1.0
        z = [[height(found["walk"].x + scale * (i * d1 + j * d2)) for i in grid] for j in grid]
        ax.contourf(scale * grid, scale * grid, z, 30)
        if name == "path":
            ax.plot(*steps.T, "w.-")
        ax.set_title(f"33 parameters, plane: {name}")
    return figure


if __name__ == "__main__":
    from lesson import run

    run(__doc__, numbers, tell, picture)
