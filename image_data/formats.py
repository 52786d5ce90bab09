"""The formats of image files: their names, their first bytes, and which of them the installed Pillow reads."""

from typing import NamedTuple

from PIL import features


class UnreadableImage(ValueError):
    """A file that is no image, or not a whole one. Its text is the reason."""


class Format(NamedTuple):
    """What files of a format are called, and how they begin."""

    suffixes: tuple[str, ...]
    beginnings: tuple[bytes, ...]
    at: int = 0  # the place of these bytes in the file
    feature: str | None = (
        ""  # what Pillow calls the library that reads it; "" where it needs none, None where none does
    )


# By the names of Pillow, where it knows them. Those that cannot be read are there to be called by their names.
KNOWN = {
    "JPEG": Format((".jpg", ".jpeg", ".jpe", ".jfif"), (b"\xff\xd8\xff",), feature="jpg"),
    "PNG": Format((".png",), (b"\x89PNG\r\n\x1a\n",), feature="zlib"),
    "BMP": Format((".bmp",), (b"BM",)),
    "GIF": Format((".gif",), (b"GIF87a", b"GIF89a")),
    "WEBP": Format((".webp",), (b"WEBP",), at=8, feature="webp"),
    "TIFF": Format((".tif", ".tiff"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    "AVIF": Format((".avif",), (b"ftypavif", b"ftypavis"), at=4, feature="avif"),
    "JPEG2000": Format(
        (".jp2", ".j2k", ".jpx"), (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), feature="jpg_2000"
    ),
    "HEIC": Format(
        (".heic", ".heif"), tuple(b"ftyp" + kind for kind in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")), 4, None
    ),
    "JPEG XL": Format((), (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"), feature=None),
}
SUFFIXES = frozenset(suffix for format in KNOWN.values() for suffix in format.suffixes)
FORMATS = tuple(
    name
    for name, format in KNOWN.items()
    if format.feature is not None and (not format.feature or features.check(format.feature))
)


def recognise(content):
    """The format of a file's content, by its first bytes. Raises UnreadableImage where it cannot be read."""
    for name, format in KNOWN.items():
        if any(content.startswith(beginning, format.at) for beginning in format.beginnings):
            if name in FORMATS:
                return name
            raise UnreadableImage(f"{name}, which the installed Pillow does not read; expected {', '.join(FORMATS)}")
    raise UnreadableImage(f"not one of {', '.join(FORMATS)}")
