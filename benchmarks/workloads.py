"""What `benchmarks.compare` trains: six networks, their images and their batches, the same for every contestant."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from experiment.settings.combine import resolve

MLP = {"network": "mlp", "hidden_sizes": (200, 200), "latent_size": (50,)}
PLAIN = {"likelihood": "bernoulli", "free_nats": 0.0, "clip_norm": 0.0, "ema": 0.0, "learning_rate": 0.001}


class Workload(NamedTuple):
    """A network, the shape of its images, and how many images an epoch has."""

    words: str
    settings: dict
    image_shape: tuple[int, int, int]
    num_images: int

    @property
    def config(self):
        return replace(resolve(self.settings), image_shape=self.image_shape)

    @property
    def images(self):
        """Random images, uint8 [N, H, W, C]."""
        return np.random.default_rng(0).integers(0, 256, (self.num_images, *self.image_shape), dtype=np.uint8)


WORKLOADS = {
    "mlp": Workload("MLP 784-200-200-50, batch 100", {**MLP, "batch_size": 100}, (28, 28, 1), 20_000),
    "iwae": Workload(
        "the same, IWAE, K = 50, batch 20",
        {**MLP, "batch_size": 20, "objective": "iwae", "num_importance_samples": 50},
        (28, 28, 1),
        2_000,
    ),
    "conv": Workload("conv 32-64 on MNIST, batch 128", {"network": "conv"}, (28, 28, 1), 5_120),
    "celeba": Workload("celeba preset, 64x64x3, batch 64", {"dataset": "celeba"}, (64, 64, 3), 1_280),
    "maps": Workload(
        "levels 8x8x4 and 64, 64x64x3, batch 32",
        {"dataset": "ucmerced", "hierarchical": True, "network": "conv", "latent_size": ("8x8x4", 64), **PLAIN},
        (64, 64, 3),
        640,
    ),
    "landscape": Workload("landscape preset, 256x256x3, batch 16", {"dataset": "landscape"}, (256, 256, 3), 160),
}
