"""Lossless codes of images."""

import numpy as np

from image_data.complexity import code_length, code_lengths


def test_what_is_simple_has_a_short_code_and_noise_needs_its_bits():
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    entropy = noise.size * np.log(256)
    assert entropy < code_length(noise) < 1.05 * entropy
    flat = np.full((32, 32, 3), 7, np.uint8)
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None, None], (32, 32, 3))
    assert code_length(flat) < code_length(ramp.copy()) < 0.1 * entropy
    np.testing.assert_array_equal(code_lengths(np.stack([noise, flat])), [code_length(noise), code_length(flat)])


def test_binary_images_are_coded_with_one_bit_a_pixel():
    binary = np.random.default_rng(0).integers(0, 2, (64, 64, 1), dtype=np.uint8) * 255
    assert binary.size * np.log(2) < code_length(binary) < 1.4 * binary.size * np.log(2)
