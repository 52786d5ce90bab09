"""Sprites of known factors: rendered here, or read from dSprites (Matthey, Higgins, Hassabis & Lerchner 2017).

The rendered sprites have the factors of dSprites, with fewer positions, so that an epoch takes minutes on a CPU:
3 shapes x 6 scales x 40 orientations x 8 x 8 positions = 46,080 binary images of 64x64.
"""

import zipfile
import zlib
from functools import cache, partial
from math import pi, prod

import numpy as np
from tqdm import tqdm

from image_data.cache import cached_array, digest
from image_data.splits import DataError, DataMissing, Dataset, Split, take

FACTOR_NAMES = ("shape", "scale", "orientation", "x", "y")
NUM_VALUES = (3, 6, 40, 8, 8)
NUM_SPRITES = prod(NUM_VALUES)
SHAPES = ("square", "ellipse", "heart")

SIZE = 64
PATCH = 36  # side of the square in which a sprite rotates
FIRST_CENTER, CENTER_STEP = 18, 4  # pixels; eight centres around the middle of the image
MAX_RADIUS = 16.0
SUBSAMPLES = 4  # points per side of a pixel; the pixel is on if at least half of its points are inside

DSPRITES_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
DSPRITES_LAYOUT = f"{DSPRITES_FILE} (from github.com/google-deepmind/dsprites-dataset); --dataset sprites needs no file"
IMAGES_AT_ONCE = 4096


def load_sprites(data_dir, limit=None):
    """All sprites in three fixed random splits: 80 % training, 10 % validation, 10 % test; or the first of each."""
    if data_dir is not None:
        raise DataError(
            f"--data_dir {data_dir} with --dataset sprites: they are rendered and read no files; leave it out"
        )
    splits = {}
    for name, indices in _split_indices(NUM_SPRITES).items():
        splits[name] = Split(render_sprites(indices[:limit]), factors=sprite_factors(indices[:limit]))
    return Dataset(**splits, factor_names=FACTOR_NAMES)


def sprite_factors(indices):
    """Indices [N] from 0 to NUM_SPRITES - 1 -> factors [N, 5]. The last factor changes fastest."""
    return np.stack(np.unravel_index(indices, NUM_VALUES), axis=-1)


def render_sprites(indices):
    """Indices [N] -> uint8 images [N, 64, 64, 1] of 0 and 255. The same index always gives the same image."""
    images = np.zeros((len(indices), SIZE, SIZE, 1), np.uint8)
    for image, (*form, x, y) in zip(images, sprite_factors(indices).tolist(), strict=True):
        top, left = (FIRST_CENTER + CENTER_STEP * position - PATCH // 2 for position in (y, x))
        image[top : top + PATCH, left : left + PATCH, 0] = _render_patch(*form)
    return images


@cache
def _render_patch(shape, scale, orientation):
    """A sprite in the middle of a square of PATCH pixels, 0 or 255. A pixel is on if at least half of it is covered."""
    points = (np.arange(PATCH * SUBSAMPLES) + 0.5) / SUBSAMPLES - PATCH / 2
    x, y = np.meshgrid(points, -points)
    radius = MAX_RADIUS * (0.5 + 0.5 * scale / (NUM_VALUES[1] - 1))
    angle = 2.0 * pi * orientation / NUM_VALUES[2]
    u, v = (np.cos(angle) * x + np.sin(angle) * y) / radius, (np.cos(angle) * y - np.sin(angle) * x) / radius
    covered = _is_inside(SHAPES[shape], u, v).reshape(PATCH, SUBSAMPLES, PATCH, SUBSAMPLES).mean(axis=(1, 3))
    return np.where(covered >= 0.5, 255, 0).astype(np.uint8)


def _is_inside(shape, u, v):
    """Whether points lie within a shape that fits the unit circle."""
    if shape == "square":
        return np.maximum(abs(u), abs(v)) <= 0.7
    if shape == "ellipse":
        return u**2 + (2.0 * v) ** 2 <= 1.0
    u, v = 1.4 * u, 1.4 * v
    return (u**2 + v**2 - 1.0) ** 3 <= u**2 * v**3


# --- dSprites ---------------------------------------------------------------------------------------------------------


def load_dsprites(data_dir):
    """The file of dSprites in three fixed random splits. Its images are unpacked once into a memory-mapped cache.

    Raises:
        DataError: the file is missing or damaged.
    """
    path = None if data_dir is None else data_dir / DSPRITES_FILE if data_dir.is_dir() else data_dir
    if path is None or not path.is_file():
        given = "no --data_dir" if path is None else f"no file {path}"
        raise DataMissing(f"--dataset dsprites: found {given}; expected {DSPRITES_LAYOUT}")
    path, status = path.resolve(), path.stat()
    try:
        with np.load(path, allow_pickle=False) as file:
            factors = _factors_of(file["latents_classes"])
            fingerprint = f"{file.zip.getinfo('imgs.npy').CRC:08x}"
        indices = _split_indices(len(factors))
        order = np.concatenate(list(indices.values()))
        images, _ = cached_array(
            f"dsprites-{digest(str(path))}",
            digest(str(status.st_size), str(status.st_mtime_ns)),
            num_bytes=len(factors) * SIZE * SIZE,
            build=partial(_unpack, path, order),
        )
    except (ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged or not dSprites ({error}); expected {DSPRITES_LAYOUT}") from error
    everything, splits, start = Split(images, factors=factors[order]), {}, 0
    for name, of_split in indices.items():
        splits[name] = take(everything, slice(start, start + len(of_split)))
        start += len(of_split)
    notes = (f"read from {path}, cached in {images.filename}",)
    return Dataset(**splits, factor_names=FACTOR_NAMES, fingerprint=fingerprint, notes=notes)


def _factors_of(classes):
    """latents_classes of dSprites, whole numbers [N, 6], without the colour, which is always white: [N, 5]."""
    num_columns = 1 + len(FACTOR_NAMES)
    if classes.ndim != 2 or classes.shape[1] != num_columns or classes.dtype.kind not in "iu":
        found = f"{classes.dtype} {list(classes.shape)}"
        raise ValueError(f"latents_classes are {found}, expected whole numbers [N, {num_columns}]")
    return classes[:, 1:]


def _unpack(path, order, array_path):
    """Write the images of dSprites in this order, without holding all in memory."""
    shape = (len(order), SIZE, SIZE, 1)
    images = np.lib.format.open_memmap(array_path, "w+", np.uint8, shape)
    position = np.argsort(order)
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
        np.lib.format.read_magic(file)
        found_shape, is_fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        if found_shape != shape[:3] or dtype != np.uint8 or is_fortran_order or len(order) < 10:
            raise ValueError(f"imgs are {dtype} {list(found_shape)}, expected uint8 [N, {SIZE}, {SIZE}]")
        for start in tqdm(range(0, len(order), IMAGES_AT_ONCE), desc="reading dSprites"):
            places = position[start : start + IMAGES_AT_ONCE]
            pixels = np.frombuffer(file.read(len(places) * SIZE * SIZE), np.uint8)
            if pixels.max() > 1:
                raise ValueError(f"imgs have a pixel of {pixels.max()}, expected 0 and 1")
            images[places] = 255 * pixels.reshape(len(places), SIZE, SIZE, 1)
    images.flush()
    return {}


# --- Both -------------------------------------------------------------------------------------------------------------


def _split_indices(num_images):
    order = np.random.default_rng(0).permutation(num_images)
    num_held_out = num_images // 10
    return {
        "validation": order[:num_held_out],
        "test": order[num_held_out : 2 * num_held_out],
        "train": order[2 * num_held_out :],
    }
