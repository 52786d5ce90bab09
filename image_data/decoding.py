"""Decode one image file to uint8 [H, W, C], or refuse it with the reason."""

import errno
import os
import stat
import warnings
from io import BytesIO, FileIO
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from image_data import jpeg, png, tiff
from image_data.formats import UnreadableImage, recognise

# Errors of a file, not of the moment; Pillow's own have no number.
LASTING = {None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP}
REDUCING_GAP = 2.0  # large images are halved by plain means until this far above the target, then resampled
MAX_BYTES = 1_000_000_000  # of a file
BYTES_PER_PIXEL = 4  # of colours in memory, by which bands of other sizes are measured
WHITE_OF_12_BITS = 4_095
JPEG_MODES = {
    1: ("L", "L"),
    3: ("RGB", "RGBX"),
    4: ("CMYK", "CMYK;I"),
}  # bands -> Pillow's mode, and its source
JPEG_DIVISORS = (8, 4, 2, 1)  # parts of its width and height at which a JPEG can be decoded
TURNS = {  # EXIF orientation -> how to put an image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

DAMAGED = "that is cut off or damaged, or of a kind that Pillow does not read"
# What a user should know of files that are read.
UNKNOWN_ORIENTATION = "its EXIF is damaged; if it says that the image lies on its side, that is not known"
LAST_BAND_IS_ALPHA = (
    "the last band is taken for transparency, on {background}; if it is near-infrared, read the colours alone with "
    "--bands 1 2 3"
)
FURTHER_BANDS = "the bands behind the colours are left out; --bands picks others"
DARK = (
    "16 bits of which no pixel uses the highest four, so that it is dark; if its white is 4095, say --white_level 4095"
)
BRIGHT = "more than half of its values lie above --white_level {white:g}, and become white"
FLOATS = "floats, of which {white} is taken for white; if it is another, say --white_level"
BLANK = "drawn in {background} on a transparent ground, which is made {background}: nothing is to be seen"

# Of a file with damaged metadata Pillow warns, of a bomb too: here a file is either right or refused, with a reason,
# and how large it may be is asked for.
warnings.filterwarnings("ignore", module=r"PIL\.")
Image.MAX_IMAGE_PIXELS = None


class ImageForm(NamedTuple):
    """What every image of a data set is brought to, and what is known of its files."""

    size: int | tuple[int, int]  # height and width: one number for a square
    channels: int  # 1 for grey, 3 for colour
    crop: str  # "center" cuts the largest central part of this shape, "none" squeezes the whole image into it
    bands: tuple[int, ...] = ()  # of a TIFF, counted from 1: one that becomes grey, or three that become colours
    white_level: float | None = None  # what is white among values of more than 8 bits
    max_megapixels: float = 100.0  # no camera makes more, and a small file that claims more is a decompression bomb
    background: str = "white"  # what shows through transparent pixels
    is_exact: bool = False  # whether an image of another size is refused

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


class Decoded(NamedTuple):
    """An image, and what is worth knowing of its file."""

    pixels: np.ndarray  # uint8 [H, W, channels]
    remarks: tuple[str, ...]


def decode(path, form):
    """The pixels of an image file, as `read_image` reads them."""
    return read_image(path, form).pixels


def read_image(path, form):
    """Read an image file and bring it to an ImageForm.

    Of several frames or pages the first is taken; EXIF rotation is applied, alpha composited on the background, 16-bit
    grey scaled to 8 bits. JPEGs far larger than the target are decoded at a fraction of their size, in steps of two.

    Args: path; form, an ImageForm.
    Returns: a Decoded.
    Raises: UnreadableImage with the reason, for whatever cannot be read to its end; OSError where a disk failed.
    """
    try:
        image, remarks = _open(_read(path), form)
        if form.is_exact and image.size != (form.width, form.height):
            raise UnreadableImage(f"{image.width}x{image.height} pixels; expected {form.width}x{form.height}")
        image = _composite(image, form.background, remarks)
        return Decoded(_bring_to(form, image), tuple(dict.fromkeys(remarks)))
    except (UnreadableImage, MemoryError):
        raise
    except OSError as error:
        if error.errno not in LASTING:  # the error may pass
            raise
        raise UnreadableImage(_reason(error)) from error
    except Exception as error:  # Pillow's parsers raise many types of errors
        raise UnreadableImage(_reason(error)) from error


def _read(path):
    """The whole file at once, with few calls: reading it piece by piece would make the threads wait for each other."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
        raise UnreadableImage("not a regular file")
    if status.st_size == 0:
        raise UnreadableImage("empty file")
    if status.st_size > MAX_BYTES:
        raise UnreadableImage(f"{status.st_size:,} bytes, more than {MAX_BYTES:,}")
    with FileIO(path) as file:
        return file.readall()


# --- Formats ----------------------------------------------------------------------------------------------------------


def _open(content, form):
    """The first image of a file, upright, with 8 bits a sample, and a list of remarks."""
    format = recognise(content)
    if format == "TIFF":
        return _open_tiff(content, form)
    if form.bands:
        raise UnreadableImage(f"{format}; --bands {_typed(form.bands)} expects TIFF")
    if format == "PNG":
        return _open_png(content, form)
    source, remarks = _load_jpeg(content, form) if format == "JPEG" else _load(content, format, form, format), []
    image = source
    if source.mode == "I;16":  # JPEG 2000, which Pillow scales to 16 bits from however many
        if form.white_level:
            raise UnreadableImage(f"{format} of more than 8 bits; --white_level expects TIFF, or grey PNG")
        image = Image.fromarray(_to_8_bits(np.asarray(source), 16, None, [], is_grey=True))
    return _upright(image, source.getexif, remarks), remarks


def _load(content, format, form, what):
    """The image as Pillow reads it."""
    try:
        with Image.open(BytesIO(content), formats=(format,)) as image:
            _refuse_large(image.width, image.height, 0, "", form)
            image.load()
            return image
    except OSError as error:  # of bytes in memory: no disk has failed
        raise UnreadableImage(f"{what} {DAMAGED}") from error


def _load_jpeg(content, form):
    """The image of a JPEG; of one that is far larger than the target, a smaller one."""
    stored = jpeg.parse(content)
    _refuse_large(stored.width, stored.height, 0, "", form)
    if stored.bits != 8 or stored.num_bands not in JPEG_MODES or not stored.width * stored.height:
        raise UnreadableImage(f"JPEG {DAMAGED}")
    mode, as_stored = JPEG_MODES[stored.num_bands]
    larger_side = max(form.height, form.width)  # EXIF may turn the image afterwards
    times = 1 if form.is_exact else min(stored.width, stored.height) // larger_side
    divisor = next(each for each in JPEG_DIVISORS if each <= max(1, times))
    size = -(-stored.width // divisor), -(-stored.height // divisor)
    try:
        image = Image.frombytes(mode, size, content, "jpeg", (as_stored, "", divisor, 0))
    except (OSError, ValueError) as error:
        raise UnreadableImage(f"JPEG {DAMAGED}") from error
    image.info |= stored.notes
    return image


def _refuse_large(width, height, num_bytes, what, form):
    if max(width * height, num_bytes / BYTES_PER_PIXEL) > form.max_megapixels * 1e6:
        raise UnreadableImage(f"{width}x{height} pixels{what}, more than --max_megapixels {form.max_megapixels:g}")


def _upright(image, get_exif, remarks):
    """The image turned as its EXIF says; `get_exif` is called for it, and may raise whatever Pillow stumbles over."""
    try:
        orientation = get_exif().get(ExifTags.Base.Orientation)
    except Exception:  # the pixels are sound all the same
        remarks.append(UNKNOWN_ORIENTATION)
        return image
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _open_png(content, form):
    parts = png.take_apart(content)
    image, remarks = _load(parts.pixels, "PNG", form, "PNG"), []
    if parts.bits == 16:
        image = _from_16_bits(image, form, remarks)
    elif parts.bits < 8 and image.mode == "L" and "transparency" in image.info:
        image.info["transparency"] *= 255 // (2**parts.bits - 1)  # Pillow scales the pixels, but not this
    if not parts.is_metadata_sound:
        remarks.append(UNKNOWN_ORIENTATION)
    if parts.metadata is None:
        return image, remarks
    return _upright(image, lambda: Image.open(BytesIO(parts.metadata), formats=("PNG",)).getexif(), remarks), remarks


def _from_16_bits(image, form, remarks):
    """A PNG of 16 bits in 8. Pillow hands on its grey as it is stored, and only the high bytes of all else."""
    transparent = image.info.get("transparency")
    if image.mode == "I;16":
        values = np.asarray(image)
        grey = _to_8_bits(values, 16, form.white_level, remarks, is_grey=True)
        if transparent is None:
            return Image.fromarray(grey)
        return Image.fromarray(np.stack([grey, np.where(values == transparent, 0, 255).astype(np.uint8)], axis=-1))
    if form.white_level or transparent is not None:
        given = "a transparent value" if transparent is not None else "--white_level"
        raise UnreadableImage(f"PNG of 16 bits with colours or alpha; {given} expects 8 bits, or grey of 16")
    if 0 < max(high for _, high in image.getextrema()[:3]) <= WHITE_OF_12_BITS >> 8:
        remarks.append(DARK)
    return image


def _open_tiff(content, form):
    stored, remarks = tiff.parse(content), []
    what = f" of {stored.shown}, in memory {stored.num_bytes:,} bytes"
    _refuse_large(stored.width, stored.height, stored.num_bytes, what, form)
    if form.bands:
        image = _picked(content, stored, form, remarks)
    elif not stored.num_colours:
        raise UnreadableImage(
            f"TIFF of {stored.shown}, {stored.meaning}; expected grey, colours or a palette, or --bands to pick one or "
            "three of them"
        )
    elif stored.holds_values:
        image = _coloured(content, stored, form, remarks)
    else:
        if stored.is_misread:
            raise UnreadableImage(f"TIFF of {stored.shown}, {stored.meaning}; expected grey, RGB, CMYK or a palette")
        image = _load(content, "TIFF", form, f"TIFF of {stored.shown}, {stored.meaning},")
        if image.mode == "RGBA" and image.getextrema()[3][0] < 255:
            remarks.append(LAST_BAND_IS_ALPHA.format(background=form.background))
        return _upright(image, image.getexif, remarks), remarks
    return image if stored.turn not in TURNS else image.transpose(TURNS[stored.turn]), remarks


def _picked(content, stored, form, remarks):
    """Some bands of a TIFF, as grey or as colours."""
    given = f"--bands {_typed(form.bands)}"
    if max(form.bands) > stored.num_bands:
        raise UnreadableImage(f"TIFF of {stored.shown}; {given} expects at least {max(form.bands)} bands")
    if not stored.holds_bands:
        raise UnreadableImage(f"TIFF, {stored.meaning}; {given} expects plain values, compressed without loss")
    values = tiff.read_values(content, stored, [band - 1 for band in form.bands])
    values = _to_8_bits(values, stored.bits, form.white_level, remarks, is_grey=len(form.bands) == 1)
    return _as_image({1: "L", 3: "RGB"}[len(form.bands)], 255 - values if stored.is_negative else values)


def _coloured(content, stored, form, remarks):
    """The colours of a TIFF, and its alpha where it has it."""
    num_colours, alpha = stored.num_colours, stored.alpha
    bands = [*range(num_colours), *([] if alpha is None else [alpha])]
    values = tiff.read_values(content, stored, bands)
    if stored.palette is None:
        is_grey = num_colours == 1
        colours = _to_8_bits(values[..., :num_colours], stored.bits, form.white_level, remarks, is_grey)
        colours = 255 - colours if stored.is_negative else colours
    else:
        colours = stored.palette[values[..., 0]]
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[colours.shape[-1]]
    if len(bands) < stored.num_bands:
        remarks.append(FURTHER_BANDS)
    if alpha is None:
        return _as_image(mode, colours)
    if mode == "CMYK":
        raise UnreadableImage(f"TIFF of {stored.shown}, CMYK with transparency; expected CMYK alone")
    opacity = _to_8_bits(values[..., num_colours:], stored.bits, None, [], is_grey=False)
    if mode == "RGB" and opacity.min() < 255:
        remarks.append(LAST_BAND_IS_ALPHA.format(background=form.background))
    image = _as_image(f"{mode}{'a' if stored.is_associated else 'A'}", np.concatenate([colours, opacity], axis=-1))
    return image.convert(f"{mode}A")


def _as_image(mode, values):
    """uint8 [H, W, C] -> an image."""
    return Image.frombytes(mode, values.shape[1::-1], values.tobytes())


# --- Pixels -----------------------------------------------------------------------------------------------------------


def _to_8_bits(values, bits, white_level, remarks, is_grey):
    """Values of any type -> uint8, of which 255 is white.

    Args:
        values: [...], whole numbers or floats.
        bits: of each, as they are stored.
        white_level: the value that is white, for those of more than 8 bits; None: the largest that these bits hold.
        remarks: a list, to which is added what a user should know.
        is_grey: whether 16 bits are rounded; of colours the high byte is taken, as Pillow does.
    """
    kind = values.dtype.kind
    if kind == "f" and not np.isfinite(values).all():
        raise UnreadableImage("float pixels that are not finite numbers, expected 0 to 1 or 0 to 255")
    if bits <= 8 and kind == "u":
        return values if bits == 8 else (values * (255 / (2**bits - 1))).round().astype(np.uint8)
    if white_level:
        if (values > white_level).mean() > 0.5:
            remarks.append(BRIGHT.format(white=white_level))
        return (np.clip(values / white_level, 0, 1) * 255).round().astype(np.uint8)
    if kind == "f":
        low, high = values.min(), values.max()
        if low < 0 or high > 255:
            raise UnreadableImage(f"float pixels from {low} to {high}, expected 0 to 1 or 0 to 255, or --white_level")
        remarks.append(FLOATS.format(white=1 if high <= 1 else 255))
        return (values * (255 if high <= 1 else 1)).round().astype(np.uint8)
    if kind == "i" or bits > 16:
        depth = f"{'signed ' if kind == 'i' else ''}{bits} bits"
        raise UnreadableImage(
            f"pixels of {depth} from {values.min()} to {values.max()}, whose white is not known; expected 8 or 16, or "
            "--white_level"
        )
    if bits < 16:
        return (values * (255 / (2**bits - 1))).round().astype(np.uint8)
    if 0 < values.max() <= WHITE_OF_12_BITS:
        remarks.append(DARK)
    return (values / 257).round().astype(np.uint8) if is_grey else (values >> 8).astype(np.uint8)


def _composite(image, background, remarks):
    """Any mode of 8 bits -> L or RGB."""
    if not image.has_transparency_data:
        return image if image.mode in ("L", "RGB") else image.convert("RGB")
    image = image.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", image.size, background), image).convert("RGB")
    if not _is_constant(image.getchannel("A")) and _is_constant(flat):
        remarks.append(BLANK.format(background=background))
    return flat


def _is_constant(image):
    return all(low == high for low, high in np.reshape(image.getextrema(), (-1, 2)))


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


# --- Words ------------------------------------------------------------------------------------------------------------


def _typed(bands):
    return " ".join(map(str, bands))


def _reason(error):
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
