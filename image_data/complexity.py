"""How complex an image is: the length of its code as a file, lossless or as JPEG."""

from io import BytesIO
from math import log

import numpy as np
from PIL import Image

START_OF_SCAN = b"\xff\xda"


def code_length(image):
    """The length of a lossless code of an image, in nats: the shorter of PNG and lossless WebP.

    It is an upper bound of the Kolmogorov complexity. Images of 0 and 255 alone are coded with one bit a pixel.

    Args:
        image: uint8 [H, W, C], C = 1 or 3.
    """
    codes = [png(image)]
    if not _is_binary(image):  # WebP has no images of one bit
        codes.append(webp(image))
    return 8 * log(2.0) * min(map(len, codes))


def code_lengths(images):
    """The lengths of the codes of images [N, H, W, C]: nats [N]."""
    return np.array([code_length(image) for image in images])


def png(image):
    """An image, uint8 [H, W, C], as a PNG file: bytes. Images of 0 and 255 alone are coded with one bit a pixel."""
    pixels = _pixels(image)
    return _saved(pixels.convert("1") if _is_binary(image) else pixels, format="PNG", optimize=True)


def webp(image):
    """An image, uint8 [H, W, C], as a lossless WebP file: bytes."""
    return _saved(_pixels(image), format="WEBP", lossless=True)


def jpeg(image, quality):
    """An image, uint8 [H, W, C], as a JPEG file of a quality from 1 to 95: bytes."""
    return _saved(_pixels(image), format="JPEG", quality=quality, optimize=True)


def scan_length(file):
    """The number of bytes of a JPEG file from its scan on: what codes the image, without the tables before it."""
    return len(file) - file.rindex(START_OF_SCAN)


def decoded(file):
    """The image that a file's bytes hold: uint8 [H, W, C]."""
    image = np.asarray(Image.open(BytesIO(file)))
    return image if image.ndim == 3 else image[..., np.newaxis]


def _pixels(image):
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def _is_binary(image):
    return image.shape[-1] == 1 and not ((image > 0) & (image < 255)).any()


def _saved(pixels, **options):
    """The bytes of an image's file."""
    file = BytesIO()
    pixels.save(file, **options)
    return file.getvalue()
