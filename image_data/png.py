"""PNG files, chunk by chunk: whether their pixels are sound, and only what is needed of the rest."""

import struct
import zlib
from typing import NamedTuple

from image_data.formats import UnreadableImage

SIGNATURE_LENGTH = 8
OF_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
END = b"\0\0\0\0IEND\xaeB`\x82"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
TEXTS_OF_ORIENTATION = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")


class Png(NamedTuple):
    """The parts of a file."""

    pixels: bytes  # a PNG of the chunks that hold pixels
    metadata: bytes | None  # the same, with all that may tell how it lies; None where nothing does
    bits: int  # of a sample
    is_metadata_sound: bool  # whether the check sums of what may tell how it lies fit


def take_apart(content):
    """The Png of a file's content.

    Pillow refuses a file for a broken note in it, and never looks at the check sums of pixels unless it is asked to.

    Raises: UnreadableImage where a chunk that holds pixels is damaged, missing or unknown.
    """
    view = memoryview(content)  # whose slices are no copies
    pixels, others, is_sound, place = [view[:SIGNATURE_LENGTH]], [], True, SIGNATURE_LENGTH
    while content[place + 4 : place + 8] != b"IEND":
        if len(content) < place + 12:
            raise UnreadableImage("PNG that is cut off")
        length, kind = struct.unpack_from(">L4s", content, place)
        chunk = view[place : place + 12 + length]
        place += len(chunk)
        is_whole = chunk[-4:] == struct.pack(">L", zlib.crc32(chunk[4:-4]))
        if kind in OF_PIXELS:
            if not is_whole:
                raise UnreadableImage(
                    f"PNG whose chunk {_shown(kind)}, of its pixels, is damaged: its check sum is wrong"
                )
            pixels.append(chunk)
        elif not kind[0] & 0x20:  # a small first letter marks what may be left out
            raise UnreadableImage(f"PNG with the unknown chunk {_shown(kind)}, without which it cannot be shown")
        elif kind == b"eXIf" or (kind in TEXTS and bytes(chunk[8:]).startswith(TEXTS_OF_ORIENTATION)):
            is_sound &= is_whole
            others += [chunk] if is_whole else []
    pixels.append(END)
    if pixels[1][4:8] != b"IHDR" or len(pixels[1]) != 25:
        raise UnreadableImage("PNG without a header")
    metadata = b"".join(pixels[:2] + others + pixels[2:]) if others else None
    return Png(b"".join(pixels), metadata, pixels[1][16], is_sound)


def _shown(kind):
    return kind.decode("latin-1") if kind.isalpha() else repr(kind)[1:]
