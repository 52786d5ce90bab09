"""Images whose turning, mirroring and exchanged channels can be seen, and EXIF that says how they lie."""

import struct

import numpy as np
from PIL import Image

from image_data.decoding import ImageForm

SIZE = 32
COLOUR, GREY = ImageForm(SIZE, 3, "center"), ImageForm(SIZE, 1, "center")
RED, BLUE = (220, 30, 30), (20, 40, 200)


def quarters(width=64, height=64):
    """Red above left, blue elsewhere: shows turning, mirroring and exchanged channels."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = BLUE
    pixels[: height // 2, : width // 2] = RED
    return Image.fromarray(pixels)


def save(path, image, **options):
    image.save(path, **options)
    return path


def assert_is_quarters(image, tolerance=6):
    assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8
    corners = image[[3, 3, -4, -4], [3, -4, 3, -4]].astype(int)
    np.testing.assert_allclose(corners, [RED, BLUE, BLUE, BLUE], atol=tolerance)


def exif(*tags):
    """EXIF of some tags (number, type, count, four bytes) in a TIFF header."""
    entries = b"".join(struct.pack(">HHL4s", *tag) for tag in tags)
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", len(tags)) + entries + bytes(4)


ON_ITS_SIDE = (0x0112, 3, 1, b"\0\x06\0\0")  # to be turned by 90 degrees clockwise
NO_RESOLUTION = (0x011A, 5, 1, struct.pack(">L", 4))  # a fraction whose denominator is 0
SIDEWAYS = np.asarray(quarters(SIZE, SIZE).rotate(90))
