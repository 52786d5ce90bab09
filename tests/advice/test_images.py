"""Signs in images: each on images that have the illness, and on images that are near it and have it not."""

import numpy as np
import pytest
from evidences import SHAPE, config_with, dataset_of, evidence, images_of, look

PHOTOGRAPHS = {"dataset": "folder", "network": "mlp", "image_size": 28, "grayscale": True}


def test_masks_of_0_and_1_are_in_another_range():
    remark = look("values in another range", evidence(dataset=dataset_of(np.uint8(images_of(50) > 127))))
    assert "largest value of 50 training images is 1 of 255" in remark.evidence
    assert "1 brought to 255" in remark.flag


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_few_bits_in_16_have_their_flag_where_files_are_read(bits):
    in_16 = images_of(50).astype(np.uint32) * (2**bits - 1) // 255
    dark = dataset_of(np.uint8(np.rint(in_16 / 257)))
    flag = look("values in another range", evidence(config_with(**PHOTOGRAPHS), dataset=dark)).flag
    assert flag.startswith(f"--white_level {2**bits - 1} where files hold {bits} bits in 16; else save")
    assert look("values in another range", evidence(dataset=dark)).flag.startswith("save the images")


def test_one_lamp_in_the_night_is_enough():
    night = images_of(50) // 20
    night[7, 3, 3] = 200
    assert look("values in another range", evidence(dataset=dataset_of(night))) is None


@pytest.mark.parametrize("num_constant, is_found", [(0, False), (1, False), (3, True), (200, True)])
def test_images_of_one_colour(num_constant, is_found):
    images = images_of(200)
    images[:num_constant] = 77
    remark = look("images of one colour", evidence(dataset=dataset_of(images)))
    assert (remark is not None) == is_found
    if is_found:
        assert remark.evidence == f"{num_constant} of 200 training images"


def test_one_colour_is_no_grey():
    images = np.broadcast_to(np.array([10, 20, 30], np.uint8), (9, 8, 8, 3))
    assert look("images of one colour", evidence(dataset=dataset_of(images))) is not None
    rows = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None, None], (9, 8, 8, 3))
    assert look("images of one colour", evidence(dataset=dataset_of(rows))) is None


def test_dark_on_white_is_remarked_on_where_models_of_mnist_are_meant():
    inverted = dataset_of(255 - images_of(50))
    remark = look("inverted digits", evidence(config_with(**PHOTOGRAPHS), dataset=inverted))
    assert "border has the mean brightness 1.00, the inside 0.50" in remark.evidence
    assert look("inverted digits", evidence(config_with(**PHOTOGRAPHS), dataset=dataset_of(images_of(50)))) is None
    larger = config_with(**{**PHOTOGRAPHS, "image_size": 32, "image_shape": [32, 32, 1]})
    assert look("inverted digits", evidence(larger, dataset=inverted)) is None
    assert look("inverted digits", evidence(dataset=inverted)) is None  # the data set's own images


def test_bright_photographs_are_not_inverted_digits():
    sky = np.full((50, *SHAPE), 250, np.uint8)
    sky[:, 1:-1, 1:-1] = 255
    assert look("inverted digits", evidence(config_with(**PHOTOGRAPHS), dataset=dataset_of(sky))) is None


@pytest.mark.parametrize("split", ["validation", "test"])
def test_copies_are_counted_in_each_split(split):
    train = images_of(300)
    held_out = {"validation": images_of(100, seed=1), "test": images_of(100, seed=2)}
    assert look("copies between splits", evidence(dataset=dataset_of(train, **held_out))) is None
    held_out[split][:3] = train[:3]
    remark = look("copies between splits", evidence(dataset=dataset_of(train, **held_out)))
    assert f"3 of 100 {split} images" in remark.evidence


def test_a_copy_differs_in_no_bit_and_one_in_a_thousand_is_none():
    train, test = images_of(300), images_of(1_000, seed=2)
    test[:10] = train[:10]
    test[:10, 5, 5] ^= 1
    test[10] = train[10]
    assert look("copies between splits", evidence(dataset=dataset_of(train, test=test))) is None


def test_sprites_look_the_same_after_a_quarter_turn():
    train = images_of(300)
    config = config_with(dataset="sprites", network="mlp", binarization="static")
    assert look("copies between splits", evidence(config, dataset=dataset_of(train, test=train))) is None


def test_few_training_images_and_what_makes_them_more():
    few = dataset_of(images_of(200))
    assert look("few training images", evidence(dataset=few)).flag == "more images"
    assert look("few training images", evidence(config_with(limit=200), dataset=few)).flag == "leave --limit out"
    assert "--horizontal_flip" in look("few training images", evidence(config_with(**PHOTOGRAPHS), dataset=few)).flag
    assert look("few training images", evidence()) is None
    for num_epochs in (0, 9):
        loaded = config_with(num_epochs=num_epochs, load_weights="somewhere")
        assert look("few training images", evidence(loaded, dataset=few)) is None
