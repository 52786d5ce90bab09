"""JPEG files, segment by segment: only what is needed to show them."""

import struct

START_OF_SCAN, COMMENT = 0xDA, 0xFE
ALONE = (0x01, *range(0xD0, 0xDA))  # markers that no segment follows
JFIF, EXIF_AND_XMP, ADOBE = 0xE0, 0xE1, 0xEE
OF_APPLICATIONS = range(0xE0, 0xF0)
LEAST_BYTES = {JFIF: 14, EXIF_AND_XMP: 0, ADOBE: 12}  # of those that tell how colours are stored, or how the image lies


def without_notes(content):
    """The content of a file without profiles, comments, previews and damaged segments that hold no pixels.

    Pillow refuses a whole file for some of them.
    """
    parts, place = [content[:2]], 2
    while content[place : place + 1] == b"\xff" and len(content) >= place + 4:
        marker, length = struct.unpack_from(">xBH", content, place)
        if marker == 0xFF:  # a byte that only fills
            place += 1
            continue
        if marker == START_OF_SCAN or marker in ALONE or length < 2:
            break
        if (marker not in OF_APPLICATIONS and marker != COMMENT) or length - 2 >= LEAST_BYTES.get(marker, length):
            parts.append(content[place : place + 2 + length])
        place += 2 + length
    return b"".join([*parts, content[place:]])
