"""Training on more images than memory should hold: its peak of memory, and the share of the time that reading takes.

    python -m benchmarks.many_images                            # 2.5 GB of a temporary folder, about three minutes

Random images of 64x64x3 are written into a cache like that of a folder of photographs. Then networks train on its first
20,000 images and on all 200,000, each for some seconds in a process of its own. Reading is the taking of a call's
images out of the memory-mapped file (which the system's cache holds, where memory is left for it), and the drawing of
the order of batches. Memory is anonymous memory, as in benchmarks.image_loading.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np

from benchmarks.image_loading import anonymous_megabytes
from image_data.cache import cached_array
from image_data.splits import Split

SHAPE = (64, 64, 3)
AT_ONCE = 1_000  # images that are drawn together
NETWORKS = {
    "celeba preset": {"dataset": "celeba"},
    "mlp 200-200": {"network": "mlp", "hidden_sizes": (200, 200), "latent_size": (50,), "batch_size": 100},
}


def draw_images(num_images, path):
    """Write random images, uint8 [N, 64, 64, 3]. Returns an empty record."""
    images, generator = np.lib.format.open_memmap(path, "w+", np.uint8, (num_images, *SHAPE)), np.random.default_rng(0)
    for start in range(0, num_images, AT_ONCE):
        some = images[start : start + AT_ONCE]
        some[:] = generator.integers(0, 256, some.shape, dtype=np.uint8)
    images.flush()
    return {}


def open_images(num_images, cache):
    """The images of the cache, which is made where it is not there."""
    num_bytes = num_images * int(np.prod(SHAPE))
    return cached_array("random", str(num_images), num_bytes, partial(draw_images, num_images), cache)[0]


class Clock:
    """The time that is spent in what it wraps."""

    def __init__(self):
        self.seconds = 0.0

    def around(self, function):
        """A function that does the same, and whose time is added up."""

        def timed(*args):
            began = time.perf_counter()
            try:
                return function(*args)
            finally:
                self.seconds += time.perf_counter() - began

        return timed


class TimedImages:
    """Images whose taking out is timed."""

    def __init__(self, images, clock):
        self.images, self.take = images, clock.around(images.__getitem__)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.take(index)


def measure(name, num_images, num_used, cache, seconds, results):
    """Train a network on the first images of the cache, and put what was measured into the queue."""
    from experiment.settings.combine import resolve
    from experiment.training import loop
    from experiment.training.state import TrainingState
    from models.build import build_model

    config = replace(resolve(NETWORKS[name]), image_shape=SHAPE, num_epochs=100_000)
    taking, ordering = Clock(), Clock()
    loop.batch_order = ordering.around(loop.batch_order)
    images = TimedImages(open_images(num_images, cache)[:num_used], taking)
    training = loop.fit(TrainingState(build_model(config), config, num_steps=1), Split(images), config)
    for _ in range(3):
        next(training)  # compiles, and touches memory for the first time
    began, num_trained, peak, taking.seconds, ordering.seconds = time.perf_counter(), 0, 0.0, 0.0, 0.0
    while time.perf_counter() - began < seconds:
        num_trained += next(training).num_images
        peak = max(peak, anonymous_megabytes())
    elapsed = time.perf_counter() - began
    results.put((num_trained / elapsed, taking.seconds / elapsed, ordering.seconds / elapsed, peak))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=15.0)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(temporary)
        open_images(arguments.images, cache)
        for name in NETWORKS:
            for num_used in (arguments.images // 10, arguments.images):
                given = (name, arguments.images, num_used, cache, arguments.seconds, results)
                process = context.Process(target=measure, args=given)
                process.start()
                speed, taking, ordering, peak = results.get()
                process.join()
                print(
                    f"{name:<14}{num_used:>8,} images: {speed:>7,.0f} images/s, taking them {taking:.1%}, their order "
                    f"{ordering:.1%}, peak {peak:,.0f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
