"""Images that a user names."""

import numpy as np
import pytest
from PIL import Image

from experiment.pictures.chosen import choose
from experiment.settings.refusals import ConfigError
from image_data.splits import Dataset


@pytest.fixture
def dataset(split):
    return Dataset(split, split, split, label_names=("zero", "one", "two"))


def test_an_index_is_a_test_image(make_config, split, dataset):
    chosen = choose("--interpolate", ("3", "0"), make_config(is_cvae=True), dataset)
    np.testing.assert_array_equal(chosen.images, split.images[[3, 0]])
    np.testing.assert_array_equal(chosen.labels, split.labels[[3, 0]])
    assert chosen.names == ("test image 3", "test image 0")


def test_a_file_is_brought_to_the_size_of_photographs(make_config, dataset, tmp_path):
    pixels = np.full((30, 20, 3), 100, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    config = make_config((16, 16, 3), dataset="folder", image_size=16, hidden_sizes=(4,))
    chosen = choose("--reconstruct", (str(tmp_path / "a.png"),), config, dataset)
    assert chosen.images.shape == (1, 16, 16, 3) and (chosen.images == 100).all()
    assert (chosen.labels, chosen.names) == (None, ("a.png",))


def test_a_file_is_brought_to_the_shape_of_photographs(make_config, dataset, tmp_path):
    Image.new("RGB", (30, 20), (100, 100, 100)).save(tmp_path / "a.png")
    config = make_config((8, 16, 3), dataset="folder", image_size=(8, 16), hidden_sizes=(4,))
    assert choose("--reconstruct", (str(tmp_path / "a.png"),), config, dataset).images.shape == (1, 8, 16, 3)


def test_the_label_of_a_file_is_its_folder(make_config, dataset, tmp_path):
    path = tmp_path / "two" / "a.png"
    path.parent.mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    chosen = choose("--reconstruct", (str(path),), make_config(is_cvae=True), dataset)
    np.testing.assert_array_equal(chosen.labels, [[0, 0, 1]])
    path.parent.rename(tmp_path / "seven")
    with pytest.raises(ConfigError, match="this file is in seven/; expected a folder named as one of zero, one, two"):
        choose("--reconstruct", (str(tmp_path / "seven/a.png"),), make_config(is_cvae=True), dataset)


def drawn(ink):
    """A stroke on a transparent ground."""
    pixels = np.full((8, 8, 4), ink, np.uint8)
    pixels[..., 3] = 0
    pixels[2:6, 3, 3] = 255
    return Image.fromarray(pixels)


def test_a_digit_on_a_transparent_ground_is_white_on_black(make_config, dataset, tmp_path):
    drawn(255).save(tmp_path / "white.png")
    chosen = choose("--reconstruct", (str(tmp_path / "white.png"),), make_config(), dataset)
    expected = np.zeros((8, 8), np.uint8)
    expected[2:6, 3] = 255
    np.testing.assert_array_equal(chosen.images[0, ..., 0], expected)


def test_a_photograph_has_a_white_ground(make_config, dataset, tmp_path):
    drawn(0).save(tmp_path / "black.png")
    config = make_config((8, 8, 3), dataset="folder", image_size=8, hidden_sizes=(4,))
    chosen = choose("--reconstruct", (str(tmp_path / "black.png"),), config, dataset)
    assert (chosen.images[0, :, 0] == 255).all() and (chosen.images[0, 2:6, 3] == 0).all()


@pytest.mark.parametrize("reference", ["44", "-1", "missing.png", "wide.png", "text.png", "large.jpg", "black.png"])
def test_what_cannot_be_used_is_named(make_config, dataset, tmp_path, monkeypatch, reference):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((8, 9), np.uint8)).save("wide.png")
    (tmp_path / "text.png").write_text("no image")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save("large.jpg")
    drawn(0).save("black.png")
    messages = {
        "44": "--traverse 44: there are 44 test images; expected 0 to 43, or the path of a file",
        "-1": "--traverse -1: there are 44 test images",
        "missing.png": "--traverse missing.png: no such file; expected an image, or the index of a test image",
        "wide.png": "--traverse wide.png: cannot be shown to the model: 9x8 pixels; expected 8x8",
        "text.png": "--traverse text.png: cannot be shown to the model: not one of JPEG, PNG",
        "large.jpg": "--traverse large.jpg: cannot be shown to the model: 16x16 pixels; expected 8x8",
        "black.png": "--traverse black.png: drawn in black on a transparent ground, which is made black",
    }
    with pytest.raises(ConfigError, match=messages[reference]):
        choose("--traverse", (reference,), make_config(), dataset)


@pytest.mark.parametrize("reference", ["class:two", "digit:two"])
def test_a_class_is_its_first_test_image(make_config, split, dataset, reference):
    first = int(split.labels.argmax(axis=1).tolist().index(2))
    assert choose("--traverse", (reference,), make_config(), dataset).names == (f"test image {first}",)
    with pytest.raises(ConfigError, match="--traverse class:3: no such class; expected one of zero, one, two"):
        choose("--traverse", ("class:3",), make_config(), dataset)
    with pytest.raises(ConfigError, match="class:3: these images have no classes; expected indices or paths"):
        choose("--traverse", ("class:3",), make_config(), dataset._replace(label_names=()))
    with pytest.raises((ConfigError, OSError), match="999"):
        choose("--traverse", ("9" * 5000,), make_config(), dataset)
    none = dataset._replace(test=split._replace(labels=split.labels * [1, 1, 0]))
    with pytest.raises(ConfigError, match="no test image of this class"):
        choose("--traverse", (reference,), make_config(), none)
