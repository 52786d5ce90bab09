"""Decode one image file to uint8 [H, W, C], or refuse it with the reason."""

import errno
import os
import stat
import warnings
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
# More than any camera makes. A small file that claims more is a decompression bomb.
MAX_PIXELS = 100_000_000
# Errors that stay with a file, unlike those that may pass. Pillow's own errors have no number.
LASTING = {None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP}
REDUCING_GAP = 2.0  # large images are averaged down to this factor above the target, then resampled
MAX_BYTES = 1_000_000_000  # size of a file
BACKGROUND = "white"  # colour behind transparent pixels

# Pillow warns of damaged metadata and of decompression bombs. Here a file is either accepted or refused with a reason.
warnings.filterwarnings("ignore", module=r"PIL\.")


class UnreadableImage(ValueError):
    """A file that is no image, or only a part of one. Its text is the reason."""


class ImageForm(NamedTuple):
    """The size, channels and crop of all images of a data set."""

    size: int  # height and width
    channels: int  # 1 for grey, 3 for colour
    crop: str  # "center" cuts out the largest central square, "none" squeezes the whole image into a square


def decode(path, form):
    """Read an image file and bring it to an ImageForm.

    A file of several frames or pages gives its first. EXIF rotation is applied, alpha is composited on white, and
    16-bit grey is scaled to 8 bits. JPEGs far larger than the target are decoded at a reduced size, in steps of two.

    Args:
        path: of the file.
        form: an ImageForm.

    Returns:
        uint8 [size, size, channels].

    Raises:
        UnreadableImage: Pillow cannot read the whole file. The message is the reason.
        OSError: the disk failed.
    """
    try:
        content = _read(path)
        with Image.open(content, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableImage(f"{image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
            if image.format == "PNG":
                _check_sums(content)
            image.draft(None, (form.size, form.size))
            image.load()
            _refuse_unknown_whites(image)
            return _bring_to(form, _to_8_bits(ImageOps.exif_transpose(image)))
    except (UnreadableImage, MemoryError):
        raise
    except OSError as error:
        if error.errno not in LASTING:  # the error may pass
            raise
        raise UnreadableImage(_reason(error)) from error
    except Exception as error:  # Pillow's parsers raise many types of errors
        raise UnreadableImage(_reason(error)) from error


def _read(path):
    """The whole file. Reading it piece by piece would make the threads wait for each other."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
        raise UnreadableImage("not a regular file")
    if status.st_size == 0:
        raise UnreadableImage("empty file")
    if status.st_size > MAX_BYTES:
        raise UnreadableImage(f"{status.st_size:,} bytes, more than {MAX_BYTES:,}")
    return BytesIO(Path(path).read_bytes())


def _check_sums(content):
    """Verify the check sums of a PNG. Pillow does so only on request, and cannot decode the same object afterwards."""
    with Image.open(BytesIO(content.getbuffer()), formats=("PNG",)) as image:
        image.verify()


def _refuse_unknown_whites(image):
    """Refuse grey of more than 8 bits if its black or white is unknown: Pillow returns the stored values unchanged."""
    if image.mode == "I":
        raise UnreadableImage("grey of 32 bits, whose white is not known; expected 8 or 16 bits")
    if not image.mode.startswith(("I;16", "F")):
        return
    if image.format == "TIFF" and (image.tag_v2.get(262) == 0 or image.tag_v2.get(258, (1,))[0] not in (16, 32)):
        raise UnreadableImage(
            "grey of an odd depth, or whose 0 is white; expected 8 or 16 bits, or floats, whose 0 is black"
        )
    if "transparency" in image.info:
        raise UnreadableImage("16-bit grey with a transparent value; expected no transparency, or 8 bits")


def _to_8_bits(image):
    """Convert an image of any mode to L or RGB."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if image.mode == "F":
        values = np.asarray(image)
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 255:
            raise UnreadableImage(f"float pixels from {values.min()} to {values.max()}, expected 0 to 1 or 0 to 255")
        return Image.fromarray((values * (255 if values.max() <= 1 else 1)).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image).convert("RGB")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _bring_to(form, image):
    mode = "L" if form.channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    width, height = image.size
    left, top = 0.0, 0.0
    if form.crop == "center":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, width - left, height - top)
    image = image.resize((form.size, form.size), Image.Resampling.BICUBIC, box, reducing_gap=REDUCING_GAP)
    return np.asarray(image).reshape(form.size, form.size, form.channels)


def _reason(error):
    if isinstance(error, UnidentifiedImageError):
        return f"not one of {', '.join(FORMATS)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
