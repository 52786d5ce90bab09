"""One image file -> uint8 [H, W, C]: right, or refused with the reason."""

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
# No camera makes more, and a small file that claims more is a decompression bomb.
MAX_PIXELS = 100_000_000
# Errors of a file, not of the moment; Pillow's own have no number.
LASTING = {None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP}
REDUCING_GAP = 2.0  # large images are halved by plain means until this far above the target, then resampled
MAX_BYTES = 1_000_000_000  # of a file
BACKGROUND = "white"  # what shows through transparent pixels

# Of a file with damaged metadata Pillow warns, of a bomb too: here a file is either right or refused, with a reason.
warnings.filterwarnings("ignore", module=r"PIL\.")


class UnreadableImage(ValueError):
    """A file that is no image, or not a whole one. Its text is the reason."""


class ImageForm(NamedTuple):
    """What every image of a data set is brought to."""

    size: int | tuple[int, int]  # height and width: one number for a square
    channels: int  # 1 for grey, 3 for colour
    crop: str  # "center" cuts the largest central part of this shape, "none" squeezes the whole image into it

    @property
    def height(self):
        return self.size if isinstance(self.size, int) else self.size[0]

    @property
    def width(self):
        return self.size if isinstance(self.size, int) else self.size[1]

    @property
    def shape(self):
        """(H, W, C)."""
        return self.height, self.width, self.channels


def decode(path, form):
    """Read an image file and bring it to an ImageForm: uint8 [H, W, C].

    Of several frames or pages the first is taken; EXIF rotation is applied, alpha composited on white, 16-bit grey
    scaled to 8 bits. JPEGs far larger than the target are decoded at a fraction of their size, in steps of two.

    Raises: UnreadableImage with the reason, for whatever Pillow cannot read to its end; OSError where a disk failed.
    """
    try:
        content = _read(path)
        with Image.open(content, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableImage(f"{image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
            if image.format == "PNG":
                _check_sums(content)
            larger_side = max(form.height, form.width)  # EXIF may turn the image afterwards
            image.draft(None, (larger_side, larger_side))
            image.load()
            _refuse_unknown_whites(image)
            return _bring_to(form, _to_8_bits(ImageOps.exif_transpose(image)))
    except (UnreadableImage, MemoryError):
        raise
    except OSError as error:
        if error.errno not in LASTING:  # another time the file may be read
            raise
        raise UnreadableImage(_reason(error)) from error
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        raise UnreadableImage(_reason(error)) from error


def _read(path):
    """The whole file at once: read piece by piece, it would keep the threads waiting for each other."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise UnreadableImage("not a regular file")
    if status.st_size == 0:
        raise UnreadableImage("empty file")
    if status.st_size > MAX_BYTES:
        raise UnreadableImage(f"{status.st_size:,} bytes, more than {MAX_BYTES:,}")
    return BytesIO(Path(path).read_bytes())


def _check_sums(content):
    """Pillow looks at the check sums of a PNG only when it is asked to, and then cannot decode it any more."""
    with Image.open(BytesIO(content.getbuffer()), formats=("PNG",)) as image:
        image.verify()


def _refuse_unknown_whites(image):
    """Pillow hands on grey of more than 8 bits as it is stored, whatever its black, white, depth and transparency."""
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
    """Any mode -> L or RGB."""
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
        left = max(0.0, (width - height * form.width / form.height) / 2)
        top = max(0.0, (height - width * form.height / form.width) / 2)
    box = (left, top, width - left, height - top)
    image = image.resize((form.width, form.height), Image.Resampling.BICUBIC, box, reducing_gap=REDUCING_GAP)
    return np.asarray(image).reshape(form.shape)


def _reason(error):
    if isinstance(error, UnidentifiedImageError):
        return f"not one of {', '.join(FORMATS)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
