"""Every odd image is either right or refused with the reason."""

import errno
import io
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from image_data.decoding import MAX_PIXELS, SUFFIXES, ImageForm, UnreadableImage, decode

SIZE = 32
COLOUR, GREY = ImageForm(SIZE, 3, "center"), ImageForm(SIZE, 1, "center")
RED, BLUE = (220, 30, 30), (20, 40, 200)


def quarters(width=64, height=64):
    """Red above left, blue elsewhere: shows turning, mirroring and exchanged channels."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = BLUE
    pixels[: height // 2, : width // 2] = RED
    return Image.fromarray(pixels)


def grey_ramp(dtype, maximum):
    """Dark above, bright below."""
    return np.repeat(np.linspace(0, maximum, 64).astype(dtype)[:, None], 64, axis=1)


def save(path, image, **options):
    image.save(path, **options)
    return path


def assert_is_quarters(image, tolerance=6):
    assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8
    corners = image[[3, 3, -4, -4], [3, -4, 3, -4]].astype(int)
    np.testing.assert_allclose(corners, [RED, BLUE, BLUE, BLUE], atol=tolerance)


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
    """A PNG of a few kilobytes that claims 900 megapixels."""
    save(path, Image.new("1", (30_000, 30_000)), format="PNG")


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
    "bomb.png": (bomb, "."),
    "large.png": (more_than_a_camera, f"11000x11000 pixels, more than {MAX_PIXELS:,}"),
    "pipe.png": (os.mkfifo if hasattr(os, "mkfifo") else None, "not a regular file"),
    "nowhere.png": (lambda path: path.symlink_to("gone.png"), "No such file"),
    "folder.png": (lambda path: path.mkdir(), "not a regular file"),
    "32 bits.tif": (
        lambda path: save(path, Image.fromarray(grey_ramp(np.int32, 255))),
        "grey of 32 bits, whose white is not known; expected 8 or 16 bits",
    ),
    "white is zero.tif": (
        lambda path: save(path, Image.fromarray(grey_ramp(np.uint16, 65_535)), tiffinfo={262: 0}),
        "grey of an odd depth, or whose 0 is white",
    ),
    "transparent grey.png": (
        lambda path: save(path, Image.fromarray(grey_ramp(np.uint16, 65_535)), transparency=0),
        "16-bit grey with a transparent value",
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

    monkeypatch.setattr("image_data.decoding.Path.read_bytes", fail)
    with pytest.raises(OSError, match="Input/output error"):
        decode(path, COLOUR)


def encode(image, format):
    buffer = io.BytesIO()
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "TIFF": {"compression": "tiff_deflate"}}
    image.save(buffer, format=format, **options.get(format, {}))
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"])
def test_mutated_files_are_refused_or_of_the_right_form(format, tmp_path):
    """120 files: bits flipped, ends cut off, zeros inside, another suffix."""
    generator = np.random.default_rng(0)
    whole = encode(quarters(), format)
    num_refused = 0
    for index in range(20):
        content = bytearray(whole)
        place = int(generator.integers(len(content)))
        mutation = index % 4
        if mutation == 0:
            content[place] ^= 1 << int(generator.integers(8))
        elif mutation == 1:
            del content[place:]
        elif mutation == 2:
            content[place : place + 16] = bytes(16)
        path = tmp_path / f"{index}{sorted(SUFFIXES)[index % len(SUFFIXES)]}"
        path.write_bytes(content)
        try:
            image = decode(path, COLOUR)
        except UnreadableImage as error:
            num_refused += 1
            assert str(error) and "\n" not in str(error)
        else:
            assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8
        if mutation == 3:
            assert_is_quarters(image)
        if format == "PNG" and mutation == 0:
            assert num_refused, "every chunk of a PNG has a check sum"
    assert num_refused >= 5, "at least those that were cut off"
