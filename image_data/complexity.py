"""How complex an image is: the length of its lossless code."""

from io import BytesIO
from math import log

import numpy as np
from PIL import Image


def code_length(image):
    """The length of a lossless code of an image, in nats: the shorter of PNG and lossless WebP.

    It is an upper bound of the Kolmogorov complexity. Images of 0 and 255 alone are coded with one bit a pixel.

    Args:
        image: uint8 [H, W, C], C = 1 or 3.
    """
    pixels = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    if image.shape[-1] == 1 and not ((image > 0) & (image < 255)).any():
        pixels = pixels.convert("1")
    codes = [_saved(pixels, format="PNG", optimize=True)]
    if pixels.mode != "1":  # WebP has no images of one bit
        codes.append(_saved(pixels, format="WEBP", lossless=True))
    return 8 * log(2.0) * min(codes)


def code_lengths(images):
    """The lengths of the codes of images [N, H, W, C]: nats [N]."""
    return np.array([code_length(image) for image in images])


def _saved(pixels, **options):
    """The number of bytes that an image takes as a file."""
    file = BytesIO()
    pixels.save(file, **options)
    return file.tell()
