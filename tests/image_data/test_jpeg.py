"""JPEG as Pillow makes and reads it; sound pixels among broken metadata."""

import struct

import numpy as np
import pytest
from drawn import BLUE, COLOUR, NO_RESOLUTION, ON_ITS_SIDE, RED, assert_is_quarters, exif, quarters, save
from PIL import Image

from image_data.decoding import decode, read_image
from image_data.formats import UnreadableImage


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


EXIF = segment(0xE1, b"Exif\0\0" + exif(ON_ITS_SIDE, NO_RESOLUTION))
BROKEN_JPEG = {
    "exif that is none": (segment(0xE1, b"Exif\0\0none"), ()),
    "a fraction of 0": (b"", ()),
    "a profile that is cut off": (segment(0xE2, b"ICC_PROFILE\0"), ()),
    "further images that are not there": (segment(0xE2, b"MPF\0" + exif((0xB001, 4, 1, b"\xff" * 4))), ()),
    "a JFIF header that is cut off": (segment(0xE0, b"JFIF\0"), ()),
    "an Adobe marker that is cut off": (segment(0xEE, b"Adobe"), ()),
}


@pytest.mark.parametrize("name", BROKEN_JPEG)
def test_a_jpeg_of_sound_pixels_is_read_whatever_else_is_broken(name, tmp_path):
    broken, remarks = BROKEN_JPEG[name]
    content = save(tmp_path / "a.jpg", quarters().rotate(90), quality=95).read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:2] + EXIF + broken + content[2:])
    image = read_image(tmp_path / "a.jpg", COLOUR)
    assert_is_quarters(image.pixels)
    assert image.remarks == remarks


FULL_SIZE = COLOUR._replace(size=64, is_exact=True)
JPEGS = {  # what Pillow writes in each of the ways that there are
    "plain": {},
    "colours of full size": {"subsampling": 0},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_blocks": 2},
    "not YCbCr": {"keep_rgb": True},
    "with a comment and a profile": {"comment": b"a", "icc_profile": bytes(70_000)},
    "optimised": {"optimize": True},
}


@pytest.mark.parametrize("name, mode", [*((name, "RGB") for name in JPEGS), ("plain", "L"), ("plain", "CMYK")])
def test_a_jpeg_is_what_pillow_makes_of_it(name, mode, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    image = Image.fromarray(values).resize((64, 64), Image.Resampling.BICUBIC).convert(mode)
    path = save(tmp_path / "a.jpg", image, quality=90, **JPEGS[name])
    for form in (FULL_SIZE, COLOUR):
        with Image.open(path) as expected:
            expected.draft(None, (form.size, form.size))
            assert expected.size == (form.size, form.size)
            np.testing.assert_array_equal(decode(path, form), expected.convert("RGB"))


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("where", ["exif", "xmp", "exif in two parts"])
def test_a_jpeg_lies_as_its_notes_say(where, turn, tmp_path):
    """XMP is what some programs write alone; EXIF beyond 64 kB is divided."""
    tag = exif((0x0112, 3, 1, struct.pack(">HH", turn, 0)))
    notes = {
        "exif": segment(0xE1, b"Exif\0\0" + tag),
        "xmp": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + f'<a tiff:Orientation="{turn}"/>'.encode()),
        "exif in two parts": segment(0xE1, b"Exif\0\0" + tag[:12]) + segment(0xE1, b"Exif\0\0" + tag[12:]),
    }
    content = save(tmp_path / "a.jpg", quarters(), quality=95).read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:2] + notes[where] + content[2:])
    corners = {1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 1, 7: 3, 8: 2}  # where the one above left is shown
    image = read_image(tmp_path / "a.jpg", COLOUR)
    assert image.remarks == ()
    shown = image.pixels[[3, 3, -4, -4], [3, -4, 3, -4]].astype(int)
    np.testing.assert_allclose(shown, [RED if at == corners[turn] else BLUE for at in range(4)], atol=6)


@pytest.mark.parametrize("place, number", [(1, 0), (3, 0), (5, 2), (0, 12)])  # height, width, bands, bits
def test_a_jpeg_of_no_size_or_of_another_kind_is_refused(place, number, tmp_path):
    content = save(tmp_path / "a.jpg", quarters(), quality=95).read_bytes()
    frame = content.index(b"\xff\xc0") + 4 + place
    size = 2 if place in (1, 3) else 1
    (tmp_path / "a.jpg").write_bytes(content[:frame] + number.to_bytes(size, "big") + content[frame + size :])
    with pytest.raises(UnreadableImage, match="^JPEG that is cut off or damaged, or of a kind"):
        decode(tmp_path / "a.jpg", COLOUR)
