"""What the codecs of files need for the same images: the scale on which bits of a model can be read."""

from math import log
from typing import NamedTuple

import numpy as np

from image_data.complexity import decoded, jpeg, png, scan_length, webp

QUALITIES = range(1, 96)  # of JPEG; libjpeg advises against more


class LosslessBits(NamedTuple):
    """Bits per dimension of images as files, means over images; the headers of the files count."""

    png_bits_per_dim: float
    webp_bits_per_dim: float


def lossless_bits(images):
    """The bits per dimension of images, uint8 [N, H, W, C], as PNG and as lossless WebP files."""
    num_dims = images[0].size
    return LosslessBits(
        *(8 * float(np.mean([len(code(image)) for image in images])) / num_dims for code in (png, webp))
    )


class JpegAtRate(NamedTuple):
    """JPEG at the quality whose code is about as long as that of a model. The tables of its files do not count."""

    jpeg_psnr: float  # dB, a mean over images
    jpeg_quality: int
    jpeg_bits: float  # an image, a mean
    rate_bits: float  # of the model, an image, a mean


def jpeg_at_rate(images, rate):
    """The PSNR of JPEG at the highest quality that needs no more bits than a model; at the lowest where none does.

    A code of z with KL(q(z|x)||p(z)) nats can be sent with about so many nats (bits-back coding, Hinton & van Camp
    1993), and gives the reconstruction. JPEG's own code of an image is its scan; the tables, the same for all images of
    a quality but for their Huffman codes, are left out, which favours JPEG.

    Args:
        images: uint8 [N, H, W, C].
        rate: of the model, a mean over images: nats.
    """
    wanted = rate / log(2.0)

    def bits_at(quality):
        return 8 * float(np.mean([scan_length(jpeg(image, quality)) for image in images]))

    low, high = QUALITIES[0], QUALITIES[-1]
    while low < high:  # the length grows with the quality
        middle = (low + high + 1) // 2
        low, high = (middle, high) if bits_at(middle) <= wanted else (low, middle - 1)
    errors = [np.mean(np.square(decoded(jpeg(image, low)) - image.astype(np.float64))) for image in images]
    psnr = float(np.mean(10 * np.log10(255.0**2 / np.maximum(errors, np.finfo(float).tiny))))
    return JpegAtRate(psnr, low, bits_at(low), wanted)
