"""Qualities of reconstructions against their definitions."""

import numpy as np
import pytest
import tensorflow as tf

from experiment.evaluation.photographs import reconstruction
from experiment.evaluation.photographs.reconstruction import reconstruction_errors, structural_similarity
from image_data.splits import Split
from models.likelihoods import Gaussian

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), dtype=np.uint8)


class Offset:
    """Reconstructs every image a tenth brighter."""

    def encode(self, batch):
        return (batch.images,)

    def decode(self, codes, labels):
        return Gaussian(codes[0] + 0.1, tf.zeros(()))


@pytest.mark.parametrize("at_once", [100, 3])
def test_means_over_images_whatever_the_batches(monkeypatch, at_once):
    monkeypatch.setattr(reconstruction, "IMAGES_AT_ONCE", at_once)
    errors = reconstruction_errors(Offset(), Split(IMAGES))
    assert errors.reconstruction_mse == pytest.approx(0.01, rel=1e-4)
    assert errors.reconstruction_psnr == pytest.approx(20.0, abs=1e-3)
    x = tf.constant(IMAGES / np.float32(255))
    similarity = structural_similarity(Offset(), Split(IMAGES))
    assert similarity == pytest.approx(np.mean(tf.image.ssim(x, x + 0.1, 1.0)), abs=1e-5)
    assert 0.5 < similarity < 1.0
