"""Every odd image is either right or refused with the reason."""

import errno
import io
import os
import struct
import time
import warnings
import zlib
from collections import Counter

import numpy as np
import pytest
import tifffile
from drawn import BLUE, COLOUR, GREY, RED, SIZE, assert_is_quarters, quarters, save
from PIL import Image

from image_data import formats
from image_data.decoding import BLANK, UNKNOWN_ORIENTATION, ImageForm, decode, read_image
from image_data.formats import FORMATS, SUFFIXES, UnreadableImage


def grey_ramp(dtype, maximum):
    """Dark above, bright below."""
    return np.repeat(np.linspace(0, maximum, 64).astype(dtype)[:, None], 64, axis=1)


def with_exif_rotation(path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    return save(path, quarters().rotate(90), exif=exif, quality=95)


def with_alpha(path):
    image = quarters().convert("RGBA")
    pixels = np.array(image)
    pixels[:32, 32:] = (0, 0, 0, 0)  # nothing above right
    return save(path, Image.fromarray(pixels))


def with_frames(path):
    return save(path, quarters(), save_all=True, append_images=[Image.new("RGB", (64, 64), "green")])


def palette_with_transparency(path):
    image = quarters().quantize(8)
    return save(path, image, transparency=image.getpixel((60, 5)))


RIGHT = {
    "plain.png": lambda path: save(path, quarters()),
    "plain.jpg": lambda path: save(path, quarters(), quality=95),
    "progressive.jpeg": lambda path: save(path, quarters(), quality=95, progressive=True),
    "plain.bmp": lambda path: save(path, quarters()),
    "plain.webp": lambda path: save(path, quarters(), lossless=True),
    "plain.gif": lambda path: save(path, quarters()),
    "compressed.tif": lambda path: save(path, quarters(), compression="tiff_lzw"),
    "cmyk.jpg": lambda path: save(path, quarters().convert("CMYK"), quality=95),
    "cmyk.tiff": lambda path: save(path, quarters().convert("CMYK")),
    "palette.png": lambda path: save(path, quarters().quantize(8)),
    "rotated by exif.jpg": with_exif_rotation,
    "frames.gif": with_frames,
    "pages.tiff": with_frames,
    "frames.webp": lambda path: save(
        path, quarters(), save_all=True, append_images=[Image.new("RGB", (64, 64))], lossless=True
    ),
    "a png named.jpg": lambda path: save(path, quarters(), format="PNG"),
    "ünï çødé 图像.png": lambda path: save(path, quarters()),
    "SHOUTING.JPG": lambda path: save(path, quarters(), quality=95, format="JPEG"),
    "huge.jpg": lambda path: save(path, quarters(4000, 3000), quality=95),
}


@pytest.mark.parametrize("name", RIGHT)
def test_odd_images_are_right_side_up_in_true_colours(name, tmp_path):
    assert_is_quarters(decode(RIGHT[name](tmp_path / name), COLOUR))


@pytest.mark.parametrize("make", [with_alpha, palette_with_transparency])
def test_what_is_transparent_is_white(make, tmp_path):
    image = decode(make(tmp_path / "alpha.png"), COLOUR).astype(int)
    np.testing.assert_allclose(image[3, 3], RED, atol=3)
    np.testing.assert_allclose(image[3, -4], (255, 255, 255), atol=3)


GREYS = {
    "8 bits.png": lambda path: save(path, Image.fromarray(grey_ramp(np.uint8, 255))),
    "16 bits.png": lambda path: save(path, Image.fromarray(grey_ramp(np.uint16, 65_535))),
    "16 bits.tif": lambda path: save(path, Image.fromarray(grey_ramp(np.uint16, 65_535))),
    "16 bits big-endian.tif": lambda path: save(path, Image.fromarray(grey_ramp(">u2", 65_535))),
    "16 bits of which 0 is white.tif": lambda path: save(
        path, Image.fromarray(grey_ramp(np.uint16, 65_535)[::-1]), tiffinfo={262: 0}
    ),
    "float to 1.tif": lambda path: save(path, Image.fromarray(grey_ramp(np.float32, 1.0))),
    "float to 255.tif": lambda path: save(path, Image.fromarray(grey_ramp(np.float32, 255.0))),
    "grey and alpha.png": lambda path: save(path, Image.fromarray(grey_ramp(np.uint8, 255)).convert("LA")),
}


@pytest.mark.parametrize("form", [COLOUR, GREY])
@pytest.mark.parametrize("name", GREYS)
def test_grey_of_every_depth_is_scaled_to_8_bits(name, form, tmp_path):
    image = decode(GREYS[name](tmp_path / name), form)
    assert image.shape == (SIZE, SIZE, form.channels)
    expected = np.linspace(0, 255, 64).reshape(SIZE, 2).mean(axis=1)
    for channel in range(form.channels):
        np.testing.assert_allclose(image[..., channel].mean(axis=1), expected, atol=2)


def test_black_and_white_becomes_0_and_255(tmp_path):
    bits = Image.fromarray(grey_ramp(np.uint8, 255)).convert("1", dither=Image.Dither.NONE)
    image = decode(save(tmp_path / "bits.png", bits), ImageForm(64, 1, "none"))
    assert set(np.unique(image)) == {0, 255}


def test_colour_becomes_luminance(tmp_path):
    image = decode(save(tmp_path / "colour.png", quarters()), GREY).astype(int)
    expected = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in (RED, BLUE)]
    np.testing.assert_allclose([image[3, 3, 0], image[-4, -4, 0]], expected, atol=2)


def test_center_cuts_the_largest_square_and_none_squeezes(tmp_path):
    pixels = np.zeros((50, 150, 3), np.uint8)
    pixels[:, :50, 0] = pixels[:, 50:100, 1] = pixels[:, 100:, 2] = 255  # red, green and blue, left to right
    path = save(tmp_path / "wide.png", Image.fromarray(pixels))
    assert (decode(path, ImageForm(30, 3, "center"))[:, 2:-2] == [0, 255, 0]).all()
    squeezed = decode(path, ImageForm(30, 3, "none"))
    assert squeezed[15, [4, 15, 25]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_reduced_decoding_looks_like_the_whole_image_resized(tmp_path):
    """A photograph-like image of 1/f noise, 1200x900: draft mode against a full decode."""
    generator = np.random.default_rng(0)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(1200), np.fft.fftfreq(900)))
    spectrum = np.fft.fft2(generator.standard_normal((900, 1200))) / (frequencies + 1e-3)
    noise = np.fft.ifft2(spectrum).real
    grey = np.uint8(np.clip(128 + 40 * (noise - noise.mean()) / noise.std(), 0, 255))
    path = save(tmp_path / "large.jpg", Image.fromarray(grey), quality=95)
    reduced = decode(path, ImageForm(64, 1, "none")).astype(float)
    whole = np.asarray(Image.open(path).resize((64, 64), Image.Resampling.BICUBIC), float)[..., None]
    peak_signal_to_noise = 10 * np.log10(255**2 / np.mean((reduced - whole) ** 2))
    assert peak_signal_to_noise > 35


def text(path):
    path.write_text("<html>not an image</html>")


def truncated(path):
    content = RIGHT["plain.png"](path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def bomb(path):
    """A PNG of a few bytes that claims 900 megapixels."""
    save(path, Image.new("1", (1, 1)), format="PNG")
    content = path.read_bytes()
    header = b"IHDR" + struct.pack(">II", 30_000, 30_000) + content[24:29]
    path.write_bytes(content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:])


def more_than_a_camera(path):
    """Within Pillow's own limit, beyond ours."""
    save(path, Image.new("1", (11_000, 11_000)), format="PNG")


def sparse(path):
    with path.open("wb") as file:
        file.truncate(2_000_000_000)


def svg(path):
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')


REFUSED = {
    "empty.jpg": (lambda path: path.touch(), "empty file"),
    "text in disguise.png": (text, "not one of JPEG, PNG"),
    "vectors.png": (svg, "not one of JPEG, PNG"),
    "truncated.png": (truncated, "."),
    "bomb.png": (bomb, "30000x30000 pixels, more than --max_megapixels 100"),
    "large.png": (more_than_a_camera, "11000x11000 pixels, more than --max_megapixels 100"),
    "pipe.png": (os.mkfifo if hasattr(os, "mkfifo") else None, "not a regular file"),
    "nowhere.png": (lambda path: path.symlink_to("gone.png"), "No such file"),
    "folder.png": (lambda path: path.mkdir(), "not a regular file"),
    "32 bits.tif": (
        lambda path: save(path, Image.fromarray(grey_ramp(np.int32, 255))),
        "pixels of signed 32 bits from 0 to 255, whose white is not known; expected 8 or 16, or --white_level",
    ),
    "larger than memory.jpg": (sparse, "2,000,000,000 bytes, more than 1,000,000,000"),
    "round in a circle.png": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    "negative.tif": (lambda path: save(path, Image.fromarray(grey_ramp(np.float32, -1))), "float pixels from -1.0 to"),
    "not a number.tif": (lambda path: save(path, Image.fromarray(np.full((9, 9), np.nan, np.float32))), "float pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_is_refused_with_the_reason(name, tmp_path):
    make, reason = REFUSED[name]
    if make is None:
        pytest.skip("this system has no pipes")
    make(tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=r"PIL\.")
        with pytest.raises(UnreadableImage, match=reason):
            decode(tmp_path / name, COLOUR)


def test_a_failing_disk_is_no_damaged_file(tmp_path, monkeypatch):
    path = save(tmp_path / "plain.png", quarters())

    def fail(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("image_data.decoding.FileIO", fail)
    with pytest.raises(OSError, match="Input/output error"):
        decode(path, COLOUR)


def test_a_webp_whose_exif_is_none_lies_as_it_does(tmp_path):
    image = read_image(save(tmp_path / "a.webp", quarters(), exif=b"Exif\0\0none", lossless=True), COLOUR)
    assert_is_quarters(image.pixels)
    assert image.remarks == (UNKNOWN_ORIENTATION,)


# --- Formats ---------------------------------------------------------------------------------------------------------

NEWER = {"AVIF": {"quality": 95}, "JPEG2000": {}}


@pytest.mark.parametrize("format", NEWER)
def test_newer_formats_are_read_where_pillow_can(format, tmp_path, monkeypatch):
    if format not in FORMATS:
        pytest.skip("the installed Pillow cannot")
    suffix = formats.KNOWN[format].suffixes[0]
    path = save(tmp_path / f"a{suffix}", quarters(), format=format, **NEWER[format])
    assert suffix in SUFFIXES
    assert_is_quarters(decode(path, COLOUR), tolerance=12)
    monkeypatch.setattr(formats, "FORMATS", ("JPEG", "PNG"))
    with pytest.raises(
        UnreadableImage, match=f"^{format}, which the installed Pillow does not read; expected JPEG, PNG"
    ):
        decode(path, COLOUR)


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
@pytest.mark.parametrize("suffix", [".heic", ".jpg"])
def test_heic_is_called_so_whatever_its_name(brand, suffix, tmp_path):
    (tmp_path / f"a{suffix}").write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(100))
    assert suffix in SUFFIXES
    with pytest.raises(UnreadableImage, match="^HEIC, which the installed Pillow does not read; expected JPEG, PNG"):
        decode(tmp_path / f"a{suffix}", COLOUR)


def test_grey_of_more_than_8_bits_in_jpeg_2000(tmp_path):
    if "JPEG2000" not in FORMATS:
        pytest.skip("the installed Pillow cannot read it")
    path = save(tmp_path / "a.jp2", Image.fromarray(grey_ramp(np.uint16, 65_535)))
    expected = np.linspace(0, 255, 64).reshape(SIZE, 2).mean(axis=1)
    np.testing.assert_allclose(decode(path, GREY)[..., 0].mean(axis=1), expected, atol=2)
    with pytest.raises(UnreadableImage, match="JPEG2000 of more than 8 bits; --white_level expects TIFF, or grey PNG"):
        decode(path, GREY._replace(white_level=4095.0))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_bands_are_of_tiff_only(suffix, tmp_path):
    path = save(tmp_path / f"a.{suffix}", quarters())
    with pytest.raises(UnreadableImage, match="(PNG|JPEG); --bands 4 3 2 expects TIFF"):
        decode(path, COLOUR._replace(bands=(4, 3, 2)))


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "gif"])
def test_the_largest_image_is_asked_for(suffix, tmp_path):
    path = save(tmp_path / f"a.{suffix}", quarters(200, 100))
    decode(path, COLOUR._replace(max_megapixels=0.02))
    with pytest.raises(UnreadableImage, match=r"200x100 pixels.*, more than --max_megapixels 0\.019"):
        decode(path, COLOUR._replace(max_megapixels=0.019))


@pytest.mark.parametrize("ink, background", [(255, "white"), (0, "black")])
def test_what_is_drawn_in_the_colour_of_its_ground_is_remarked_on(ink, background, tmp_path):
    pixels = np.full((SIZE, SIZE, 4), ink, np.uint8)
    pixels[..., 3] = np.arange(SIZE) * 8
    path = save(tmp_path / "a.png", Image.fromarray(pixels))
    form = COLOUR._replace(background=background)
    assert read_image(path, form).remarks == (BLANK.format(background=background),)
    other = read_image(path, form._replace(background={"white": "black", "black": "white"}[background]))
    assert other.remarks == () and len(np.unique(other.pixels)) > 8


# --- Damage ----------------------------------------------------------------------------------------------------------


def encode(image, format):
    buffer = io.BytesIO()
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "TIFF": {"compression": "tiff_deflate"}}
    image.save(buffer, format=format, **options.get(format, {}))
    return buffer.getvalue()


def bands_in_tiles():
    """Floats of differences, which no part of Pillow would take apart."""
    buffer = io.BytesIO()
    values = np.random.default_rng(0).random((32, 32, 5)).astype(np.float32)
    tifffile.imwrite(
        buffer,
        values,
        photometric="minisblack",
        planarconfig="contig",
        tile=(16, 16),
        compression="zlib",
        predictor=True,
    )
    return buffer.getvalue()


def mutations(content, generator, number):
    """Flipped bits, ends cut off, zeros, ones, and noise."""
    for index in range(number):
        mutated = bytearray(content)
        place = int(generator.integers(len(content)))
        if index % 5 == 0:
            mutated[place] ^= 1 << int(generator.integers(8))
        elif index % 5 == 1:
            del mutated[place:]
        elif index % 5 == 2:
            mutated[place : place + 8] = bytes(8)
        elif index % 5 == 3:
            mutated[place : place + 4] = b"\xff" * 4
        else:
            mutated[place : place + 4] = generator.bytes(4)
        yield index, bytes(mutated)


@pytest.mark.parametrize("format", [*FORMATS, "bands"])
def test_mutated_files_are_refused_or_of_the_right_form(format, tmp_path):
    """Nothing else is raised, however a file is damaged; and none takes long."""
    form = COLOUR._replace(bands=(4, 3, 2)) if format == "bands" else COLOUR
    whole = bands_in_tiles() if format == "bands" else encode(quarters(32, 32), format)
    path, num_refused, started = tmp_path / "mutated", Counter(), time.process_time()
    for index, content in mutations(whole, np.random.default_rng(0), 250):
        path.write_bytes(content)
        try:
            image = decode(path, form)
        except UnreadableImage as error:
            num_refused[index % 5] += 1
            assert str(error) and str(error).isprintable()
        else:
            assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8
    assert num_refused[1] >= 40, "nearly all of the 50 that are cut off"
    if format == "PNG":
        assert num_refused[0] >= 40, "every chunk has a check sum, and only the last holds no pixels"
    assert time.process_time() - started < 5
