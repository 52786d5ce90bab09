"""Codecs of files, on images whose codes are known."""

import numpy as np
import pytest

from experiment.evaluation.photographs.codecs import jpeg_at_rate, lossless_bits
from image_data.complexity import decoded, jpeg, png, scan_length, webp

NOISE = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
RAMPS = np.broadcast_to(np.arange(0, 256, 8, dtype=np.uint8)[None, :, None, None], (3, 32, 32, 3)).copy()


def test_noise_needs_its_eight_bits_and_a_ramp_few():
    assert all(8 < bits < 8.5 for bits in lossless_bits(NOISE))
    assert all(bits < 0.6 for bits in lossless_bits(RAMPS))
    expected = 8 * np.mean([len(png(image)) for image in NOISE]) / NOISE[0].size
    assert lossless_bits(NOISE).png_bits_per_dim == pytest.approx(expected)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_lossless_files_hold_the_image(num_channels):
    image = NOISE[0, ..., :num_channels]
    np.testing.assert_array_equal(decoded(png(image)), image)
    np.testing.assert_array_equal(decoded(webp(image))[..., :num_channels], image)


def test_jpeg_takes_the_best_quality_that_the_rate_allows():
    def psnr_and_bits(quality):
        files = [jpeg(image, quality) for image in NOISE]
        errors = [np.mean((decoded(file) - image.astype(float)) ** 2) for file, image in zip(files, NOISE, strict=True)]
        return np.mean(10 * np.log10(255**2 / np.array(errors))), np.mean([8 * scan_length(file) for file in files])

    psnr, bits = psnr_and_bits(40)
    found = jpeg_at_rate(NOISE, rate=(bits + 1) * np.log(2))
    assert (found.jpeg_quality, found.jpeg_bits) == (40, bits)
    assert found.jpeg_psnr == pytest.approx(psnr) and found.rate_bits == pytest.approx(bits + 1)
    assert jpeg_at_rate(NOISE, rate=0.0).jpeg_quality == 1
    assert jpeg_at_rate(NOISE, rate=1e6).jpeg_quality == 95


def test_the_tables_of_a_jpeg_file_do_not_count():
    file = jpeg(RAMPS[0], 50)
    assert 10 < scan_length(file) < len(file) - 200
