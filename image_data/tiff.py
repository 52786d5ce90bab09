"""TIFF files -> the values of their bands, whatever their depth, sample format, byte order and layout.

Pillow reads the commonest kinds, refuses many and misreads some without a word: planes of 16 bits, signed values,
bands that are no colours. What is used of it here is its decompression: the file is described to it anew, as grey of
8 bits with as many columns as a row has bytes, and the values are made of these bytes.
"""

import struct
from enum import IntEnum
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from image_data.formats import UnreadableImage


class Tag(IntEnum):
    """Tags that say how pixels are stored (TIFF 6.0, Aldus 1992)."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    NUM_BANDS = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTES = 279
    PLANAR = 284
    PREDICTOR = 317
    PALETTE = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    EXTRA_BANDS = 338
    SAMPLE_FORMAT = 339


TAGS = frozenset(Tag)
WHOLE_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}  # types of a tag's values
# What Tag.PHOTOMETRIC says, and how many bands are colours.
WHITE_IS_0, BLACK_IS_0, RGB, INDEXED, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
MEANINGS = {0: "white is 0", 1: "black is 0", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIELAB"}
NUM_COLOURS = {WHITE_IS_0: 1, BLACK_IS_0: 1, RGB: 3, INDEXED: 1, CMYK: 4, YCBCR: 3, CIELAB: 3}
OF_PILLOW = (YCBCR, CIELAB)  # whose values are no colours of a screen
# Compressions of bytes, whatever they mean: none, LZW, deflate (two numbers), PackBits, LZMA, Zstandard.
OF_BYTES = (1, 5, 8, 32946, 32773, 34925, 50000)
OF_FAX = (2, 3, 4)
JPEG = 7
KINDS = {1: "u", 2: "i", 3: "f"}  # what Tag.SAMPLE_FORMAT says, in numpy's letters
ASSOCIATED = 1  # colours are multiplied by alpha already
ALPHA = (ASSOCIATED, 2, 999)  # what Tag.EXTRA_BANDS says of alpha; the last is Corel Draw's
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3  # what Tag.PREDICTOR says


class Tiff(NamedTuple):
    """How the pixels of a file's first image are stored."""

    order: str  # of bytes, "<" or ">"
    tags: dict[int, tuple[int, ...]]
    width: int
    height: int
    num_bands: int
    bits: int
    kind: str  # "u" for whole numbers of at least 0, "i" for signed ones, "f" for floats
    photometric: int | None  # what the values mean; None where it is not said
    extra: tuple[int, ...]  # what each band beyond the colours is

    @property
    def shown(self):
        """'13 bands of 16 bits'."""
        depth = {"u": f"{self.bits} bits", "i": f"signed {self.bits} bits", "f": f"{self.bits}-bit floats"}[self.kind]
        return f"{self.num_bands} band{'' if self.num_bands == 1 else 's'} of {depth}"

    @property
    def meaning(self):
        """'RGB, compression 5'."""
        unknown = f"photometric interpretation {self.photometric}"
        what = MEANINGS.get(self.photometric, unknown if self.photometric is not None else "which does not say of what")
        by_band = ", band by band" if self.is_planar else ""
        return f"{what}{by_band}, compression {self.first(Tag.COMPRESSION, 1)}"

    @property
    def is_planar(self):
        """Whether all values of a band are stored before those of the next."""
        return self.num_bands > 1 and self.first(Tag.PLANAR, 1) == 2

    @property
    def holds_values(self):
        """Whether its bytes are values, and not the code of a picture that only Pillow takes apart."""
        return self.first(Tag.COMPRESSION, 1) in OF_BYTES and self.photometric not in OF_PILLOW

    @property
    def is_misread(self):
        """Whether Pillow, which is left to take it apart, would make other pixels of it."""
        if self.photometric == CIELAB and self.is_planar:
            return True
        if self.photometric == YCBCR and self.first(Tag.COMPRESSION, 1) == 1:
            return True
        return self.kind != "u" or self.bits > 8

    @property
    def holds_bands(self):
        """Whether each of its values is brightness by itself."""
        return self.holds_values and self.photometric != INDEXED

    @property
    def is_negative(self):
        """Whether the brightest pixels are those of 0."""
        return self.photometric == WHITE_IS_0

    @property
    def turn(self):
        """How it lies, as EXIF says it."""
        return self.first(Tag.ORIENTATION, 1)

    @property
    def palette(self):
        """uint8 [2 ** bits, 3], or None where the values are no places in a palette."""
        if self.photometric != INDEXED:
            return None
        palette = np.array(self.tags.get(Tag.PALETTE, ()))
        if len(palette) != 3 * 2**self.bits:
            raise UnreadableImage(f"TIFF with a palette of {len(palette)} numbers; expected 3 for each of {self.shown}")
        palette = palette if palette.max() < 256 else palette // 256  # some write 8 bits in place of 16
        return palette.astype(np.uint8).reshape(3, -1).T

    @property
    def tile(self):
        """Width and height of its tiles, the last ones of which are filled up; in place of strips, of a row."""
        if Tag.TILE_OFFSETS not in self.tags:
            return self.width, 1
        width, height = self.first(Tag.TILE_WIDTH, 0), self.first(Tag.TILE_HEIGHT, 0)
        if not (width and height):
            raise UnreadableImage("TIFF of tiles without a width or a height")
        return width, height

    @property
    def num_bytes(self):
        """Of all bands together, in memory."""
        columns, rows = self.tile
        num_tiles = -(-self.width // columns) * -(-self.height // rows)
        return num_tiles * columns * rows * self.num_bands * self.bits // 8

    @property
    def num_colours(self):
        """The bands, the first ones, that are the colours of a picture; 0 where none are known to be."""
        named = NUM_COLOURS.get(self.photometric, 0)
        if self.photometric in (WHITE_IS_0, BLACK_IS_0):  # satellites' bands are called grey, however many
            return named if self.num_bands == 1 or (self.num_bands == 2 and self.alpha) else 0
        return named if named <= self.num_bands else 0

    @property
    def alpha(self):
        """The band that is transparency, counted from 0, or None. Of four bands without a word the last is taken so."""
        first = NUM_COLOURS.get(self.photometric, 0)
        if self.photometric == RGB and self.num_bands == 4 and not self.extra:
            return first
        return next((first + at for at, meaning in enumerate(self.extra) if meaning in ALPHA), None)

    @property
    def is_associated(self):
        """Whether the colours are multiplied by alpha."""
        return ASSOCIATED in self.extra

    def first(self, tag, default):
        """The first value of a tag."""
        return self.tags.get(tag, (default,))[0]


def parse(content):
    """The Tiff of a file's content. Raises UnreadableImage where its tags are damaged, or no picture's."""
    order = {b"II": "<", b"MM": ">"}[content[:2]]
    tags = _read_tags(content, order)
    for name, tag in (("width", Tag.WIDTH), ("height", Tag.HEIGHT)):
        if not tags.get(tag, (0,))[0]:
            raise UnreadableImage(f"TIFF without a {name}")
    is_jpeg = tags.get(Tag.COMPRESSION) == (JPEG,)
    is_fax = tags.get(Tag.COMPRESSION, (1,))[0] in OF_FAX
    photometric = tags.get(Tag.PHOTOMETRIC, (WHITE_IS_0 if is_fax else None,))[0]
    num_bands = tags.get(Tag.NUM_BANDS, (NUM_COLOURS.get(photometric, 1) if is_jpeg else 1,))[0]
    bits, kinds = set(tags.get(Tag.BITS, (1,))[:num_bands]), set(tags.get(Tag.SAMPLE_FORMAT, (1,))[:num_bands])
    if len(bits) != 1 or not kinds <= KINDS.keys() or len(kinds) != 1 or not num_bands or 0 in bits:
        raise UnreadableImage(
            f"TIFF of {num_bands} bands of {_joined(bits)} bits and of the sample formats {_joined(kinds)}; expected "
            "bands that are alike, of whole numbers or floats"
        )
    return Tiff(
        order,
        tags,
        tags[Tag.WIDTH][0],
        tags[Tag.HEIGHT][0],
        num_bands,
        bits.pop(),
        KINDS[kinds.pop()],
        photometric,
        tags.get(Tag.EXTRA_BANDS, ()),
    )


def _joined(numbers):
    return " or ".join(map(str, sorted(numbers)))


def _read_tags(content, order):
    """TAGS -> their values, of the first image in a file, a plain one or a BigTIFF."""
    is_big = struct.unpack_from(order + "H", content, 2) == (43,)
    count, entry, offset = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHL4s", "L")
    entry = struct.Struct(order + entry)
    try:
        (place,) = struct.unpack_from(order + offset, content, 8 if is_big else 4)
        (num_tags,) = struct.unpack_from(order + count, content, place)
        place += struct.calcsize(count)
        tags = {}
        for start in range(place, place + num_tags * entry.size, entry.size):
            tag, kind, length, value = entry.unpack_from(content, start)
            if tag in TAGS and kind in WHOLE_NUMBERS and length:
                dtype = np.dtype(order + WHOLE_NUMBERS[kind])
                is_elsewhere = length * dtype.itemsize > len(value)
                where = struct.unpack(order + offset, value)[0] if is_elsewhere else 0
                tags[tag] = tuple(np.frombuffer(content if is_elsewhere else value, dtype, length, where).tolist())
    except (struct.error, ValueError):  # what is told of lies outside of the file
        raise UnreadableImage("TIFF that is cut off or damaged: how its pixels are stored is not known") from None
    return tags


# --- Values -----------------------------------------------------------------------------------------------------------


def read_values(content, tiff, bands):
    """The values of some bands.

    Args:
        content: bytes of the whole file.
        tiff: its Tiff, which holds_values.
        bands: a list of their numbers, counted from 0.

    Returns:
        [H, W, len(bands)], of the file's own type; whole numbers of other depths than 8, 16, 32 and 64 bits in the next
        larger type.

    Raises:
        UnreadableImage where they are cut off or damaged, or stored in a way that is not known.
    """
    _refuse_odd_layouts(tiff)
    if tiff.is_planar:
        return np.concatenate([_read_plane(content, tiff, 1, band) for band in bands], axis=-1)
    values = _read_plane(content, tiff, tiff.num_bands, 0)
    return values[..., : len(bands)] if bands == [*range(len(bands))] else values.take(bands, axis=-1)


def _refuse_odd_layouts(tiff):
    is_typed = tiff.bits in {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}[tiff.kind]
    if not is_typed and not (tiff.kind == "u" and tiff.bits < 16):
        raise UnreadableImage(f"TIFF of {tiff.shown}, a depth that is not known")
    predictor = tiff.first(Tag.PREDICTOR, 1)
    fitting = {1: True, DIFFERENCES: is_typed, FLOAT_DIFFERENCES: tiff.kind == "f"}
    if not fitting.get(predictor):
        raise UnreadableImage(f"TIFF of {tiff.shown} with the predictor {predictor}, which does not go with them")


def _read_plane(content, tiff, num_bands, plane):
    """[H, W, num_bands] of the bands that are stored together; `plane` counts those that are not."""
    columns, _ = tiff.tile
    tiles = -(-tiff.width // columns)
    row_bytes = -(-columns * num_bands * tiff.bits // 8)  # of a tile
    stored = _decompress(content, tiff, tiles * row_bytes, row_bytes, plane)
    values = _values_of(stored.reshape(tiff.height, tiles, row_bytes), tiff, columns * num_bands, num_bands)
    return values.reshape(tiff.height, tiles * columns, num_bands)[:, : tiff.width]


def _decompress(content, tiff, row_bytes, tile_row_bytes, plane):
    """The bytes of a plane, uint8 [H, row_bytes], by telling Pillow that they are grey."""
    is_tiled = Tag.TILE_OFFSETS in tiff.tags
    offsets, sizes = (Tag.TILE_OFFSETS, Tag.TILE_BYTES) if is_tiled else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTES)
    num_planes = tiff.num_bands if tiff.is_planar else 1
    tags = {Tag.WIDTH: row_bytes, Tag.HEIGHT: tiff.height, Tag.BITS: 8, Tag.PHOTOMETRIC: BLACK_IS_0, Tag.NUM_BANDS: 1}
    tags |= {tag: tiff.first(tag, 1) for tag in (Tag.COMPRESSION, Tag.FILL_ORDER)}
    if is_tiled:
        tags |= {Tag.TILE_WIDTH: tile_row_bytes, Tag.TILE_HEIGHT: tiff.tile[1]}
    else:
        tags[Tag.ROWS_PER_STRIP] = min(tiff.first(Tag.ROWS_PER_STRIP, tiff.height), tiff.height)
    rows = max(1, tags[Tag.TILE_HEIGHT if is_tiled else Tag.ROWS_PER_STRIP])
    num_parts = num_planes * (row_bytes // tile_row_bytes) * -(-tiff.height // rows)
    where = tiff.tags.get(offsets, ())
    if len(where) < num_parts or 0 in where:  # Pillow would leave black what is not there
        raise UnreadableImage(f"TIFF of which not all of its {num_parts} strips or tiles are there")
    for tag in (offsets, sizes):
        values = tiff.tags.get(tag, ())
        tags[tag] = values[plane * len(values) // num_planes : (plane + 1) * len(values) // num_planes]
    try:
        described = _describe(content, tiff.order, {tag: value for tag, value in tags.items() if value != ()})
        with Image.open(described, formats=("TIFF",)) as image:
            return np.asarray(image)
    except (OSError, ValueError, OverflowError) as error:  # of bytes in memory: it is their fault
        raise UnreadableImage("TIFF whose pixels are cut off or damaged") from error


def _describe(content, order, tags):
    """A file of the same bytes, but for its header and its tags (a dict of numbers or tuples of numbers)."""
    start = len(content) + len(content) % 2
    entries, further = [], b""
    for tag, values in sorted(tags.items()):
        values = values if isinstance(values, tuple) else (values,)
        data = np.array(values, order + "u4").tobytes()
        if len(data) > 4:
            place = start + 2 + 12 * len(tags) + 4 + len(further)
            further += data
            data = struct.pack(order + "L", place)
        entries.append(struct.pack(order + "HHL", tag, 4, len(values)) + data)
    header = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "L", start)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4) + further
    return BytesIO(b"".join([header, memoryview(content)[8:], bytes(len(content) % 2), directory]))


def _values_of(stored, tiff, num_values, num_bands):
    """Bytes [H, tiles, row_bytes] -> values [H, tiles, num_values], of which those of a pixel follow each other."""
    if tiff.bits % 8:
        return _unpack(np.unpackbits(stored, axis=-1), tiff.bits, num_values)
    size = tiff.bits // 8
    predictor = tiff.first(Tag.PREDICTOR, 1)
    if predictor == FLOAT_DIFFERENCES:  # of bytes; the first bytes of all values come first, then the second ones
        stored = _sums(stored, num_bands).reshape(*stored.shape[:2], size, num_values)
        return np.ascontiguousarray(stored.swapaxes(-1, -2)).view(f">f{size}")[..., 0]
    if predictor == DIFFERENCES:
        stored = _sums(np.ascontiguousarray(stored).view(f"{tiff.order}u{size}"), num_bands)
    return np.ascontiguousarray(stored).view(f"{tiff.order}{tiff.kind}{size}")


def _sums(differences, num_bands):
    """Running sums along a row, of each band by itself, modulo what the type holds."""
    apart = differences.reshape(*differences.shape[:2], -1, num_bands)
    sums = np.cumsum(apart, axis=2, dtype=apart.dtype)  # in the machine's order of bytes, whatever it was
    return sums.astype(apart.dtype).reshape(differences.shape)


def _unpack(bits, depth, num_values):
    """Bits [..., N], the highest of a number first -> the numbers of `depth` bits that they begin with."""
    bits = bits[..., : num_values * depth].reshape(*bits.shape[:-1], num_values, depth)
    values = np.zeros(bits.shape[:-1], np.uint8 if depth < 8 else np.uint16)
    for place in range(depth):
        values = values << 1 | bits[..., place]
    return values
