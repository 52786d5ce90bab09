"""PNG of every kind, against an independent writer and reader; sound pixels among broken metadata."""

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from drawn import COLOUR, NO_RESOLUTION, ON_ITS_SIDE, SIDEWAYS, SIZE, exif, quarters

from image_data.decoding import DARK, UNKNOWN_ORIENTATION, decode, read_image
from image_data.formats import UnreadableImage


def chunk(kind, data, is_sound=True):
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data) ^ (not is_sound))


def png(values, bits, colour_type, *chunks, after=b""):
    """A PNG of values [H, W, samples]; chunks come before its pixels, `after` behind them."""
    height, width = values.shape[:2]
    apart = values[..., np.newaxis] >> np.arange(bits)[::-1] & 1
    rows = np.packbits(apart.reshape(height, -1).astype(np.uint8), axis=1)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, bits, colour_type, 0, 0, 0))
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *chunks, chunk(b"IDAT", pixels), after, chunk(b"IEND", b"")])


PNGS = {  # name -> number of the type, samples of a pixel, and the depths that there are
    "grey": (0, 1, (1, 2, 4, 8, 16)),
    "colours": (2, 3, (8, 16)),
    "palette": (3, 1, (1, 2, 4, 8)),
    "grey and alpha": (4, 2, (8, 16)),
    "colours and alpha": (6, 4, (8, 16)),
}


@pytest.mark.parametrize("has_transparent", [False, True])
@pytest.mark.parametrize("name, bits", [(name, bits) for name, (*_, depths) in PNGS.items() for bits in depths])
def test_png_of_every_kind_is_what_another_library_reads(name, bits, has_transparent, tmp_path):
    colour_type, num_samples, _ = PNGS[name]
    values = np.random.default_rng(0).integers(0, 2**bits, (SIZE, SIZE, num_samples))
    chunks = []
    if name == "palette":
        chunks.append(chunk(b"PLTE", np.random.default_rng(1).bytes(3 * 2**bits)))
    if has_transparent and name == "palette":
        chunks.append(chunk(b"tRNS", np.random.default_rng(2).bytes(2**bits)))
    elif has_transparent:
        chunks.append(chunk(b"tRNS", values[3, 4].astype(">u2").tobytes()))
    (tmp_path / "a.png").write_bytes(png(values, bits, colour_type, *chunks if "alpha" not in name else ()))
    if has_transparent and (name, bits) == ("colours", 16):
        with pytest.raises(
            UnreadableImage, match="PNG of 16 bits with colours or alpha; a transparent value expects 8"
        ):
            decode(tmp_path / "a.png", COLOUR)
        return
    read = imagecodecs.png_decode((tmp_path / "a.png").read_bytes())
    read = read.reshape(SIZE, SIZE, -1) / (65_535 if read.dtype == np.uint16 else 255)
    colours = read[..., :3] if read.shape[-1] > 2 else read[..., :1]
    opacity = read[..., -1:] if read.shape[-1] in (2, 4) else 1
    error = np.abs(decode(tmp_path / "a.png", COLOUR) - 255 * (colours * opacity + 1 - opacity)).max()
    assert error <= 2.5


@pytest.mark.parametrize("colour_type, num_samples", [(0, 1), (2, 3)])
def test_12_bits_in_16_of_a_png_are_remarked_on(colour_type, num_samples, tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (SIZE, SIZE, num_samples))
    (tmp_path / "a.png").write_bytes(png(values, 16, colour_type))
    assert read_image(tmp_path / "a.png", COLOUR).remarks == (DARK,)
    with_white = COLOUR._replace(white_level=4095.0)
    if colour_type == 0:
        bright = read_image(tmp_path / "a.png", with_white)
        assert bright.remarks == ()
        np.testing.assert_allclose(bright.pixels[..., :1], values * 255 / 4095, atol=0.5)
    else:
        with pytest.raises(UnreadableImage, match="PNG of 16 bits with colours or alpha; --white_level expects 8 bits"):
            decode(tmp_path / "a.png", with_white)


MEGABYTES = bytes(3_000_000)
BROKEN_PNG = {  # chunks -> what is known of how it lies: it does, it does not, or there is nothing to know
    "exif that is none": ([chunk(b"eXIf", b"none")], False),
    "exif of a wrong sum": ([chunk(b"eXIf", exif(ON_ITS_SIDE), is_sound=False)], False),
    "exif with a fraction of 0": ([chunk(b"eXIf", exif(ON_ITS_SIDE, NO_RESOLUTION))], True),
    "exif as text that is none": ([chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 4\nzzzz")], False),
    "a large profile": ([chunk(b"eXIf", exif(ON_ITS_SIDE)), chunk(b"iCCP", b"a\0\0" + zlib.compress(MEGABYTES))], True),
    "a large text": ([chunk(b"zTXt", b"a\0\0" + zlib.compress(MEGABYTES)), chunk(b"eXIf", exif(ON_ITS_SIDE))], True),
    "a large plan": ([chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(MEGABYTES))], False),
    "a text of a wrong sum": ([chunk(b"tEXt", b"a\0b", is_sound=False)], None),
    "a time of a wrong length": ([chunk(b"tIME", b"")], None),
    "a size of a wrong length": ([chunk(b"pHYs", b"1")], None),
}


@pytest.mark.parametrize("is_behind", [False, True])
@pytest.mark.parametrize("name", BROKEN_PNG)
def test_a_png_of_sound_pixels_is_read_whatever_else_is_broken(name, is_behind, tmp_path):
    chunks, is_known = BROKEN_PNG[name]
    content = png(SIDEWAYS, 8, 2, after=b"".join(chunks)) if is_behind else png(SIDEWAYS, 8, 2, *chunks)
    (tmp_path / "a.png").write_bytes(content)
    image = read_image(tmp_path / "a.png", COLOUR)
    assert image.remarks == ((UNKNOWN_ORIENTATION,) if is_known is False else ())
    np.testing.assert_array_equal(image.pixels, quarters(SIZE, SIZE) if is_known else SIDEWAYS)


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS", b"IDAT"])
def test_a_png_whose_pixels_are_damaged_is_refused(kind, tmp_path):
    values = np.zeros((SIZE, SIZE, 1), np.uint8)
    content = png(values, 8, 3, chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(256)))
    (tmp_path / "a.png").write_bytes(content)
    decode(tmp_path / "a.png", COLOUR)
    place = content.index(kind) + 4
    (tmp_path / "a.png").write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(UnreadableImage, match=f"PNG whose chunk {kind.decode()}, of its pixels, is damaged"):
        decode(tmp_path / "a.png", COLOUR)


@pytest.mark.parametrize("end", [b"IEND", b"IEND\0\0\0\0", b"IEND\xaeB`\x82 and more"])
def test_the_end_of_a_png_holds_no_pixels(end, tmp_path):
    content = png(SIDEWAYS, 8, 2)
    (tmp_path / "a.png").write_bytes(content[: -len(b"IEND....")] + end)
    np.testing.assert_array_equal(decode(tmp_path / "a.png", COLOUR), SIDEWAYS)


def test_a_png_that_needs_an_unknown_chunk_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(png(SIDEWAYS, 8, 2, chunk(b"CgBI", bytes(4))))
    with pytest.raises(UnreadableImage, match="PNG with the unknown chunk CgBI, without which it cannot be shown"):
        decode(tmp_path / "a.png", COLOUR)
