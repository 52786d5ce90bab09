"""Images that are brought to another shape than a square."""

import numpy as np
import pytest
from PIL import Image

from data_utils import load_dataset
from image_data.decoding import ImageForm, decode
from image_data.photographs import Reading


def coordinates(path, height, width, **options):
    """An image whose red tells the row and whose green the column, from 0 to 250."""
    rows, columns = np.linspace(0, 250, height), np.linspace(0, 250, width)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = rows[:, np.newaxis], columns
    Image.fromarray(pixels).save(path, **options)
    return path


def seen(image):
    """The first and the last row, the first and the last column that an image shows, as shares of the original."""
    red, green = image[..., 0].mean(axis=1) / 250, image[..., 1].mean(axis=0) / 250
    return [red[0], red[-1], green[0], green[-1]]


@pytest.mark.parametrize(
    "size, shown",
    [
        ((100, 100), (0.25, 0.75, 0, 1)),  # the whole width, and half of the height around the middle
        ((50, 200), (0, 1, 0.25, 0.75)),
        ((60, 120), (0, 1, 0, 1)),
    ],
)
def test_the_largest_central_part_of_the_shape_is_cut(size, shown, tmp_path):
    path = coordinates(tmp_path / "a.png", *size)
    image = decode(path, ImageForm((20, 40), 3, "center"))
    assert image.shape == (20, 40, 3)
    np.testing.assert_allclose(seen(image), shown, atol=0.03)
    np.testing.assert_allclose(seen(decode(path, ImageForm((20, 40), 3, "none"))), (0, 1, 0, 1), atol=0.03)


def test_two_equal_sides_are_a_square(tmp_path):
    path = coordinates(tmp_path / "a.png", 37, 61)
    np.testing.assert_array_equal(decode(path, ImageForm((9, 9), 3, "center")), decode(path, ImageForm(9, 3, "center")))


def test_a_jpeg_that_is_turned_is_not_read_too_coarsely(tmp_path):
    """Stripes along the long side of the image that is stored: its short side turns into the wide one."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    stripes = np.zeros((512, 1024, 3), np.uint8)
    stripes[np.arange(512) // 4 % 2 == 1] = 255
    Image.fromarray(stripes).save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = decode(tmp_path / "a.jpg", ImageForm((64, 128), 3, "center"))
    assert image.mean(axis=(0, 2)).std() > 80, "upright stripes, as sharp as 128 columns can show them"


def test_a_data_set_of_another_shape_has_a_cache_of_its_own(tmp_path):
    for index in range(5):
        coordinates(tmp_path / f"{index}.png", 10, 20)
    reading = Reading(image_size=(4, 8), cache_dir=str(tmp_path / "cache"))
    assert load_dataset("folder", tmp_path, reading=reading).image_shape == (4, 8, 3)
    assert load_dataset("folder", tmp_path, reading=reading._replace(image_size=(8, 4))).image_shape == (8, 4, 3)
    assert load_dataset("folder", tmp_path, reading=reading._replace(grayscale=True)).image_shape == (4, 8, 1)
