"""TIFF and its many kinds, written and read again by an independent library: equal, or refused with a true reason."""

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
from PIL import Image

from image_data.decoding import DARK, FURTHER_BANDS, LAST_BAND_IS_ALPHA, ImageForm, decode, read_image
from image_data.formats import UnreadableImage

SIZE = 24
FORM = ImageForm(SIZE, 3, "none")  # no pixel is resampled
TOLERANCE = 2.5  # of 255: 16 bits of colours are cut, not rounded, and alpha is divided by and multiplied with again
WHITE = {"u1": 255, "u2": 65_535, "f2": 1, "f4": 1, "f8": 1}  # by type; of others it is not known


class Kind(NamedTuple):
    """What tifffile is to write, and how many of the bands are colours."""

    photometric: str
    num_bands: int
    num_colours: int
    extra: tuple[str, ...] = ()


KINDS = {
    "grey": Kind("minisblack", 1, 1),
    "grey, white is 0": Kind("miniswhite", 1, 1),
    "grey and alpha": Kind("minisblack", 2, 1, ("unassalpha",)),
    "colours": Kind("rgb", 3, 3),
    "colours and alpha": Kind("rgb", 4, 3, ("unassalpha",)),
    "colours times alpha": Kind("rgb", 4, 3, ("assocalpha",)),
    "colours and another": Kind("rgb", 4, 3, ("unspecified",)),
    "colours and three others": Kind("rgb", 6, 3, ("unspecified",) * 3),
    "inks": Kind("separated", 4, 4),
    "two bands": Kind("minisblack", 2, 0, ("unspecified",)),
    "three bands": Kind("minisblack", 3, 0, ("unspecified",) * 2),
    "thirteen bands": Kind("minisblack", 13, 0, ("unspecified",) * 12),
}
# (compression, predictor): differences of floats are stored in another way than those of whole numbers.
COMPRESSIONS = [(None, False), ("lzw", False), ("lzw", True), ("zlib", True), ("packbits", False), ("zstd", False)]


def values_of(num_bands, dtype):
    """Values [SIZE, SIZE, num_bands] of every band's own, up to white where that is known; colours stay below alpha."""
    white = WHITE.get(dtype, 100)
    row, column = np.mgrid[:SIZE, :SIZE] / (SIZE - 1)
    shares = [(row * (band + 1) + column * (num_bands - band)) / (num_bands + 1) for band in range(num_bands)]
    shares[-1] = np.maximum(shares[-1], np.max(shares, axis=0))
    values = np.stack(shares, axis=-1) * white
    return (values if dtype.startswith("f") else values.round()).astype(dtype)


def write(path, values, kind, planar=False, **options):
    """A file of some values [H, W, bands]; planar, whether it is stored band by band."""
    stored = np.moveaxis(values, -1, 0) if planar else values[..., 0] if kind.num_bands == 1 else values
    if kind.num_bands > 1:
        options["planarconfig"] = "separate" if planar else "contig"
    tifffile.imwrite(
        path, stored, photometric=kind.photometric, extrasamples=kind.extra or None, metadata=None, **options
    )
    return path


def as_tifffile_reads(path, planar=False):
    """Its values [H, W, bands]."""
    values = tifffile.imread(path)
    return np.moveaxis(values, 0, -1) if planar else values.reshape(*values.shape[:2], -1)


def expected(values, kind, white):
    """The colours [H, W, 3] of values [H, W, bands], from 0 to 255, transparent ones on white."""
    shares = values.astype(float) / white
    colours = shares[..., : kind.num_colours]
    if kind.photometric == "separated":
        colours = (1 - colours[..., :3]) * (1 - colours[..., 3:])
    if kind.photometric == "miniswhite":
        colours = 1 - colours
    if kind.extra[:1] == ("unassalpha",):
        colours = colours * shares[..., -1:]
    if kind.extra[:1] in (("unassalpha",), ("assocalpha",)):
        colours = colours + 1 - shares[..., -1:]
    return 255 * np.broadcast_to(colours, (*colours.shape[:2], 3))


def variants(name, dtype, tmp_path):
    """(path, whether it is stored band by band) of a file for each order of bytes, layout and compression."""
    kind, path = KINDS[name], tmp_path / "variant.tif"
    layouts = ({"rowsperstrip": 7}, {"tile": (16, 16)}, {"tile": (32, 16), "bigtiff": True})
    planars = (False, True) if kind.num_bands > 1 else (False,)
    for order, layout, planar, (compression, predictor) in product("<>", layouts, planars, COMPRESSIONS):
        options = {"byteorder": order, "compression": compression, "predictor": predictor or None, **layout}
        yield write(path, values_of(kind.num_bands, dtype), kind, planar, **options), planar, options


@pytest.mark.parametrize(
    "name, dtype",
    [
        *product([name for name, kind in KINDS.items() if kind.num_colours], ["u1", "u2", "f4"]),
        ("grey", "f2"),
        ("colours", "f8"),
    ],
)
def test_colours_of_every_layout_are_those_that_another_library_reads(name, dtype, tmp_path):
    for path, planar, options in variants(name, dtype, tmp_path):
        colours = expected(as_tifffile_reads(path, planar), KINDS[name], WHITE[dtype])
        error = np.abs(decode(path, FORM) - colours).max()
        assert error <= TOLERANCE, f"{options}, planar {planar}: {error}"


def test_a_white_that_leaves_little_else_is_remarked_on(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.array([[0, 800, 900, 4000]], np.uint16))
    remarks = [read_image(path, ImageForm((1, 4), 1, "none", white_level=white)).remarks for white in (700.0, 900.0)]
    assert remarks == [("more than half of its values lie above --white_level 700, and become white",), ()]


@pytest.mark.parametrize("name, dtype", [("grey", "i1"), ("grey, white is 0", "u4"), ("colours", "i2"), ("inks", "i4")])
def test_where_white_is_not_known_it_is_asked_for(name, dtype, tmp_path):
    with_white = FORM._replace(white_level=100.0)
    depth = f"{'signed ' if dtype[0] == 'i' else ''}{8 * int(dtype[1])} bits"
    for path, planar, options in variants(name, dtype, tmp_path):
        with pytest.raises(UnreadableImage, match=f"pixels of {depth} from 0 to 100, .* not known; .*--white_level"):
            decode(path, FORM)
        colours = expected(as_tifffile_reads(path, planar), KINDS[name], 100)
        error = np.abs(decode(path, with_white) - colours).max()
        assert error <= TOLERANCE, f"{options}, planar {planar}: {error}"


@pytest.mark.parametrize("name, dtype", [
    ("two bands", "u1"), ("three bands", "u2"), ("three bands", "f4"),
    ("thirteen bands", "u1"), ("thirteen bands", "u2"), ("thirteen bands", "i2"),
])  # fmt: skip
def test_bands_that_are_no_colours_are_refused_or_picked(name, dtype, tmp_path):
    num_bands = KINDS[name].num_bands
    white = WHITE.get(dtype, 100)
    for path, planar, options in variants(name, dtype, tmp_path):
        with pytest.raises(UnreadableImage, match=f"TIFF of {num_bands} bands of .*--bands"):
            decode(path, FORM)
        values = as_tifffile_reads(path, planar)
        for bands in [(2,), (3, 1, 2), (13, 4, 4)]:
            form = FORM._replace(bands=bands, white_level=100.0 if dtype == "i2" else None)
            if max(bands) > num_bands:
                with pytest.raises(UnreadableImage, match=f"expects at least {max(bands)} bands"):
                    decode(path, form)
                continue
            picked = 255 * values[..., [band - 1 for band in bands]].astype(float) / white
            error = np.abs(decode(path, form) - picked).max()
            assert error <= TOLERANCE, f"{options}, planar {planar}, bands {bands}: {error}"


def write_packed(path, values, bits, compression=None, **tags):
    """A grey file of values [H, W] of any number of bits, packed one behind the other in each row."""
    apart = (values[..., np.newaxis] >> np.arange(bits)[::-1] & 1).astype(np.uint8)
    packed = np.packbits(apart.reshape(len(values), -1), axis=1)
    tifffile.imwrite(path, packed, photometric="minisblack", metadata=None, compression=compression)
    with tifffile.TiffFile(path, mode="r+b") as file:
        for name, value in {"ImageWidth": values.shape[1], "BitsPerSample": bits, **tags}.items():
            file.pages[0].tags[name].overwrite(value)
    return path


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14])
def test_values_of_odd_depths_are_scaled_to_8_bits(bits, compression, tmp_path):
    path = write_packed(tmp_path / "packed.tif", np.mgrid[:SIZE, :SIZE].sum(axis=0) % 2**bits, bits, compression)
    grey = 255 * tifffile.imread(path)[..., np.newaxis].astype(float) / (2**bits - 1)
    np.testing.assert_allclose(decode(path, FORM), np.broadcast_to(grey, (SIZE, SIZE, 3)), atol=0.5)
    write_packed(path, tifffile.imread(path), bits, compression, PhotometricInterpretation=0)
    np.testing.assert_allclose(decode(path, FORM), np.broadcast_to(255 - grey, (SIZE, SIZE, 3)), atol=0.5)


@pytest.mark.parametrize("largest", [255, 65_535])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_palettes_of_16_bits_and_those_that_are_written_with_8(compression, largest, tmp_path):
    palette = np.random.default_rng(0).integers(0, 256, (3, 256)).astype("u2")
    palette[0, 0] = 255
    places = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE)).astype("u1")
    tifffile.imwrite(
        tmp_path / "palette.tif", places, photometric="palette", colormap=palette * (largest // 255),
        compression=compression, metadata=None,
    )  # fmt: skip
    np.testing.assert_array_equal(decode(tmp_path / "palette.tif", FORM), palette.T[places])


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("compression", [None, "lzw", "jpeg"])
@pytest.mark.parametrize("photometric", ["ycbcr", "cielab"])
def test_colours_that_pillow_takes_apart_are_right_or_refused(photometric, compression, planar, tmp_path):
    """Luminance and the two others are constant, so that no subsampling blurs them."""
    given = {"ycbcr": (100, 90, 160), "cielab": (150, 20, 10)}[photometric]
    right = {"ycbcr": (144.9, 90.2, 32.7), "cielab": (178.5, 128.3, 126.1)}[photometric]
    values = np.broadcast_to(np.array(given, np.uint8), (SIZE, SIZE, 3))
    path = write(tmp_path / "a.tif", values, Kind(photometric, 3, 3), planar, compression=compression)
    is_right = not planar and compression != "jpeg" if photometric == "cielab" else compression is not None
    if is_right:
        np.testing.assert_allclose(decode(path, FORM)[5, 5], right, atol=2)
    else:
        with pytest.raises(UnreadableImage, match="TIFF of 3 bands of 8 bits, .*compression"):
            decode(path, FORM)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_orientation_says(orientation, tmp_path):
    values = np.zeros((SIZE, SIZE, 3), np.uint16)
    values[: SIZE // 2, : SIZE // 2] = 65_535
    path = write(tmp_path / "turned.tif", values, KINDS["colours"], extratags=[(274, "H", 1, orientation)])
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
    is_bright = decode(path, FORM)[..., 0] > 128
    assert is_bright[corner[orientation]] and is_bright.sum() == SIZE**2 / 4


def test_what_lies_behind_a_broken_tag_is_still_read(tmp_path):
    """The resolution points out of the file; the sample format behind it says that values are floats."""
    path = write(tmp_path / "a.tif", values_of(3, "f4"), KINDS["colours"], resolution=(72, 72))
    right = decode(path, FORM)
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags["XResolution"].offset
    content = bytearray(path.read_bytes())
    content[at + 8 : at + 12] = b"\xff\xff\xff\x7f"
    path.write_bytes(content)
    np.testing.assert_array_equal(decode(path, FORM), right)


def test_strips_that_are_missing_are_not_black(tmp_path):
    path = write(tmp_path / "a.tif", values_of(3, "u1"), KINDS["colours"], rowsperstrip=8)
    with tifffile.TiffFile(path, mode="r+b") as file:
        tag = file.pages[0].tags["StripOffsets"]
        tag.overwrite((*tag.value[:-1], 0))
    with pytest.raises(UnreadableImage, match="not all of its 3 strips or tiles are there"):
        decode(path, FORM)


def test_bands_in_memory_count_as_megapixels(tmp_path):
    path = write(tmp_path / "a.tif", values_of(13, "u2"), KINDS["thirteen bands"])
    form = FORM._replace(bands=(4, 3, 2), max_megapixels=SIZE * SIZE * 13 * 2 / 4 / 1e6)
    decode(path, form)
    with pytest.raises(
        UnreadableImage, match=r"24x24 pixels of 13 bands of 16 bits, in memory 14,976 bytes, more than"
    ):
        decode(path, form._replace(max_megapixels=0.99 * form.max_megapixels))


@pytest.mark.parametrize("name, remarks", [
    ("colours", []),
    ("colours and alpha", [LAST_BAND_IS_ALPHA.format(background="white")]),
    ("colours and another", [FURTHER_BANDS]),
])  # fmt: skip
def test_a_fourth_band_is_remarked_on(name, remarks, tmp_path):
    kind = KINDS[name]
    path = write(tmp_path / "a.tif", values_of(kind.num_bands, "u1"), kind)
    assert read_image(path, FORM).remarks == tuple(remarks)
    opaque = values_of(kind.num_bands, "u1")
    opaque[..., 3:] = 255
    path = write(tmp_path / "a.tif", opaque, kind)
    assert LAST_BAND_IS_ALPHA.format(background="white") not in read_image(path, FORM).remarks


@pytest.mark.parametrize("name", ["grey", "colours"])
def test_12_bits_in_16_are_remarked_on_and_brought_to_white(name, tmp_path):
    kind = KINDS[name]
    values = values_of(kind.num_bands, "u2") // 16
    path = write(tmp_path / "a.tif", values, kind)
    dark = read_image(path, FORM)
    assert dark.remarks == (DARK,) and dark.pixels.max() < 17
    bright = read_image(path, FORM._replace(white_level=4095.0))
    assert bright.remarks == ()
    np.testing.assert_allclose(bright.pixels, expected(values, kind, 4095), atol=0.5)


@pytest.mark.parametrize("compression", ["group4", "tiff_lzw"])
def test_what_does_not_say_what_its_values_mean_is_refused_but_for_faxes(compression, tmp_path):
    """A fax is black on white, by the standard that its compression is of."""
    page = np.zeros((SIZE, SIZE), bool)
    page[5:9] = True  # white
    path = tmp_path / "a.tif"
    Image.fromarray(page).save(path, compression=compression)
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags["PhotometricInterpretation"]
        white, at = tag.value == 1, tag.offset
    content = bytearray(path.read_bytes())
    content[at : at + 2] = (261).to_bytes(2, "little")
    path.write_bytes(content)
    if compression == "group4":
        np.testing.assert_array_equal(decode(path, FORM)[..., 0] > 128, page ^ white)
    else:
        with pytest.raises(UnreadableImage, match="TIFF of 1 band of 1 bits, which does not say of what"):
            decode(path, FORM)


@pytest.mark.parametrize("white", [1, 255])
def test_what_is_taken_for_white_in_floats_is_said(white, tmp_path):
    tifffile.imwrite(tmp_path / "floats.tif", np.linspace(0, white, 81, dtype=np.float32).reshape(9, 9))
    image = read_image(tmp_path / "floats.tif", ImageForm(9, 1, "center"))
    assert f"floats, of which {white} is taken for white; if it is another, say --white_level" in image.remarks
    assert image.pixels.max() == 255
