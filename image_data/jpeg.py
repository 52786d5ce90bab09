"""JPEG files, segment by segment: only what is needed to show them.

Pillow's decoder is given the whole file, and takes from it what it needs. Pillow itself would look at profiles,
comments and previews as well, and refuse a whole file for some of them; and it would take longer.
"""

import struct
from typing import NamedTuple

from image_data.formats import UnreadableImage

START_OF_SCAN, EXIF_AND_XMP = 0xDA, 0xE1
OF_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of how large it is, one for each compression
ALONE = frozenset((0x01, *range(0xD0, 0xDA)))  # markers that no segment follows
FILLING = (0x00, 0xFF)
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


class Jpeg(NamedTuple):
    """What a file says of its pixels."""

    width: int
    height: int
    bits: int  # of a sample
    num_bands: int
    notes: dict[str, bytes]  # "exif" and "xmp", which may tell how it lies, as Pillow names and joins them


def parse(content):
    """The Jpeg of a file's content. Raises UnreadableImage where no pixels follow, or it is not said how many."""
    frame, notes, place = None, {}, 2
    while (place := content.find(b"\xff", place)) >= 0 and len(content) >= place + 4:
        marker, length = struct.unpack_from(">xBH", content, place)
        if marker in FILLING:
            place += 1
            continue
        if marker == START_OF_SCAN and frame:
            return Jpeg(*frame, notes)
        if marker in ALONE:
            place += 2
            continue
        if marker in OF_FRAMES and len(content) >= place + 10:
            bits, height, width, num_bands = struct.unpack_from(">BHHB", content, place + 4)
            frame = width, height, bits, num_bands
        elif marker == EXIF_AND_XMP:
            _add(notes, content[place + 4 : place + 2 + length])
        place += 2 + length
    raise UnreadableImage("JPEG that is cut off or damaged")


def _add(notes, segment):
    if segment.startswith(EXIF):
        notes["exif"] = notes["exif"] + segment.removeprefix(EXIF) if "exif" in notes else segment
    elif segment.startswith(XMP):
        notes["xmp"] = segment.removeprefix(XMP)
