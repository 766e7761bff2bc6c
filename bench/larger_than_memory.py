"""Train on a .npy file that is larger than the memory it may take: ``python bench/larger_than_memory.py``.

Makes a file of random 28 x 28 images (bytes, or ``--dtype float32``) in a temporary folder, trains a small network on
it, and prints megabytes a second and the most memory that the process ever had.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import fastdl as fd
from fastdl import nn


def write(folder: Path, gigabytes: float, dtype: str, seed: int = 0) -> tuple[Path, Path, int]:
    """Images and labels, a piece at a time; the mean brightness of an image's upper half tells its class."""
    rng = np.random.default_rng(seed)
    count = max(64, int(gigabytes * 1e9 / (784 * np.dtype(dtype).itemsize)))
    x_path, y_path = folder / "images.npy", folder / "labels.npy"
    labels = rng.integers(0, 10, count).astype(np.uint8)
    np.save(y_path, labels)
    noise = rng.integers(0, 128, (4096, 1, 28, 28), dtype=np.uint8)
    with open(x_path, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, {**header, "shape": (count, 1, 28, 28)})
        for start in range(0, count, len(noise)):
            images = np.roll(noise, start % 28, axis=3)[: count - start].copy()
            images[:, :, :14] += (labels[start : start + len(images), None, None, None] * 12).astype(np.uint8)
            images.astype(dtype).tofile(file)
    return x_path, y_path, count


def megabytes() -> float:
    """The most memory this process ever had."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would say what the process that started this one had, if that was more
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(found.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def train(x_path: Path, y_path: Path, epochs: int, batch_size: int, chunk_bytes: int | None) -> dict[str, float]:
    """What training on the files took."""
    fd.seed(0)
    model = nn.Sequential(nn.Rescale(1 / 255), nn.Flatten(), nn.Dense(784, 32), nn.ReLU(), nn.Dense(32, 10))
    before, start = megabytes(), time.perf_counter()
    history = model.fit(
        x_path, y_path, epochs=epochs, batch_size=batch_size, chunk_bytes=chunk_bytes, seed=0, metrics=("accuracy",)
    )
    return {
        "seconds": time.perf_counter() - start,
        "megabytes a second": epochs * x_path.stat().st_size / 1e6 / history.seconds["train"],
        "peak megabytes": megabytes(),
        "peak megabytes before": before,
        "loss": history["loss"][-1],
        "accuracy": history["accuracy"][-1],
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=6.0, help="size of the file (default 6)")
    parser.add_argument("--dtype", choices=("uint8", "float32"), default="uint8", help="of the images (default uint8)")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--chunk-megabytes", type=float, help="of one of the two buffers (default 64)")
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument(
        "--limit", type=float, default=1500.0, help="megabytes that must not be exceeded (default 1500)"
    )
    options = parser.parse_args(arguments)
    chunk_bytes = None if options.chunk_megabytes is None else int(options.chunk_megabytes * 1e6)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        x_path, y_path, count = write(Path(folder), options.gigabytes, options.dtype)
        print(f"{count:,} images, {x_path.stat().st_size / 1e9:.2f} GB", file=sys.stderr)
        result = train(x_path, y_path, options.epochs, options.batch_size, chunk_bytes)
    print(json.dumps({name: round(value, 4) for name, value in result.items()}))
    return int(result["peak megabytes"] >= options.limit)


if __name__ == "__main__":
    sys.exit(main())
