"""Combinations of settings that cannot be run, refused before anything is read."""

import pytest

from experiment.settings.combine import resolve
from experiment.settings.refusals import ConfigError


@pytest.mark.parametrize(
    "given, message",
    [
        ({"dataset": "mnits"}, "--dataset mnits: expected one of mnist, binarized_mnist, fashion_mnist, digits"),
        ({"latent_size": 0}, "--latent_size 0: expected whole numbers of at least 1"),
        ({"latent_size": 1.5}, "--latent_size 1.5: expected whole numbers"),
        ({"latent_size": True}, "--latent_size True: expected whole numbers"),
        ({"seed": 2**31}, "--seed 2147483648: expected a whole number from 0 to 2147483647"),
        ({"beta": 1e39}, "--beta 1e+39: expected a number of at least 0"),
        ({"beta": 10**400}, "expected a number of at least 0"),
        ({"hidden_sizes": (10**20,)}, "expected whole numbers of at least 1"),
        ({"grid": 10**6}, "expected a whole number from 1 to 10000"),
        (
            {"labelled": 100},
            "--labelled 100: these choose no model; expected --is_cvae --labelled N, or none of them",
        ),
        ({"labelled": 100, "is_cvae": True, "hierarchical": True}, "these choose no model"),
        ({"labelled": 0, "is_cvae": True}, "--labelled 0: expected a whole number of at least 1"),
        (
            {"labelled": 100, "is_cvae": True, "objective": "iwae"},
            "--objective iwae with --is_cvae --labelled 100: it has no such loss; expected --objective elbo",
        ),
        (
            {"labelled": 100, "is_cvae": True, "network": "conv", "encoder_normalization": "batch"},
            "--labelled 100 with batch normalisation: it would see each image with every label, most of them wrong",
        ),
        ({"label_weight": 2.0}, "--label_weight 2.0: expected --labelled N with it, or leave the flag out"),
        ({"beta": -1.0}, "--beta -1.0: expected a number of at least 0"),
        ({"beta": float("nan")}, "--beta nan: expected"),
        ({"learning_rate": 0.0}, "--learning_rate 0.0: expected a number above 0"),
        ({"learning_rate": float("inf")}, "--learning_rate inf: expected a number above 0"),
        ({"network": "vit"}, "--network vit: expected one of mlp, gated, conv"),
        ({"hidden_sizes": ()}, "--hidden_sizes : expected whole numbers of at least 1"),
        ({"hidden_sizes": (400, 0)}, "--hidden_sizes 400 0: expected whole numbers"),
        ({"run_name": "../other"}, "--run_name ../other: expected the name of a folder"),
        ({"run_name": ".."}, "--run_name ..: expected the name of a folder"),
        ({"limit": 0}, "--limit 0: expected a whole number of at least 1"),
        ({"num_epochs": 0}, "--num_epochs 0 trains nothing: expected at least 1, or --load_weights"),
        ({"run_name": "newest"}, "--run_name newest: expected the name of a folder"),
        ({"run_name": "a" * 101}, "expected the name of a folder"),
        (
            {"likelihood": "mse", "binarization": "dynamic"},
            "--likelihood mse with --binarization dynamic: it is no distribution of binary pixels",
        ),
        ({"dataset": "binarized_mnist", "likelihood": "gaussian"}, "--likelihood gaussian with --binarization static"),
        ({"binarization": "static"}, "--binarization static with --dataset mnist: expected dynamic or none"),
        ({"dataset": "binarized_mnist", "binarization": "dynamic"}, "binarized_mnist: expected static"),
        ({"upsampling": "resize"}, "--upsampling resize with --network mlp: expected --network conv"),
        ({"network": "gated", "activation": "tanh"}, "--activation tanh with --network gated: its layers have none"),
        ({"growing_samples": True}, "--growing_samples with --objective elbo: its loss does not use it"),
        ({"dataset": "celeba", "objective": "dreg"}, "--objective dreg with --decoder_normalization batch"),
        ({"dataset": "celeba", "network": "mlp", "num_features": 9}, "--num_features 9 with --network mlp"),
        (
            {"crop": "none"},
            "--crop none with --dataset mnist: its images are as they are; expected a data set of image",
        ),
        (
            {"dataset": "folder", "image_size": (1, 2, 3)},
            "--image_size 1 2 3: expected a whole number from 1 to 4096, or",
        ),
        (
            {"dataset": "folder", "image_size": (0, 9)},
            "--image_size 0 9: expected a whole number from 1 to 4096, or two",
        ),
        ({"labels": "a.csv"}, "--labels a.csv with --dataset mnist: its images are as they are"),
        ({"dataset": "folder", "image_size": 0}, "--image_size 0: expected a whole number from 1 to 4096"),
        ({"dataset": "folder", "validation_split": 1.0}, "--validation_split 1.0: expected a number between 0 and 1"),
        ({"dataset": "folder", "validation_split": 0.9}, "leave nothing to train on: expected a sum below 1"),
        (
            {"dataset": "folder", "bands": (4, 3)},
            "--bands 4 3: expected the number of one band or of three, counted from",
        ),
        ({"dataset": "folder", "bands": (0,)}, "--bands 0: expected the number of one band or of three"),
        ({"bands": (4, 3, 2)}, "--bands 4 3 2 with --dataset mnist: its images are as they are"),
        ({"white_level": 4095.0}, "--white_level 4095.0 with --dataset mnist: its images are as they are"),
        ({"max_megapixels": 200.0}, "--max_megapixels 200.0 with --dataset mnist: its images are as they are"),
        ({"dataset": "folder", "max_megapixels": 0.0}, "--max_megapixels 0.0: expected a number above 0"),
        ({"activation": "gelu"}, "--activation gelu: expected one of relu"),
        ({"shift": -1}, "--shift -1: expected a whole number of at least 0"),
        ({"skip_above": 0.5}, "--skip_above 0.5: expected 0, or a number above 1"),
        (
            {"hierarchical": True, "latent_size": ("4*0", 2)},
            "--latent_size 4*0 2: expected whole numbers of at least 1",
        ),
        ({"hierarchical": True, "latent_size": ("4*9999", 2)}, "--latent_size 4*9999 2: expected whole numbers"),
        ({"hierarchical": True, "latent_size": ("4*x", 2)}, "--latent_size 4*x 2: expected whole numbers"),
        ({"latent_size": "4*2"}, "--latent_size 4*2: expected one whole number, or --hierarchical for levels"),
        ({"network": "residual", "upsampling": "resize"}, "--upsampling resize with --network residual: expected"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(ConfigError) as error:
        resolve(given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"objective": "iwae", "beta": 4.0}, "--beta 4.0 with --objective iwae: its loss does not use it"),
        (
            {"num_importance_samples": 5},
            "--num_importance_samples 5 with --objective elbo: .* expected --objective iwae",
        ),
        (
            {"objective": "iwae", "num_importance_samples": 1},
            "--num_importance_samples 1 with --objective iwae: expected at least 2",
        ),
        (
            {"objective": "iwae", "num_importance_samples": 50, "growing_samples": True, "num_epochs": 6},
            "--num_epochs 6 with --growing_samples: .* 50 samples need an epoch each; expected at least 7 epochs",
        ),
        ({"objective": "beta_tc", "hierarchical": True}, "it is for models of one level"),
        ({"objective": "mmd", "hierarchical": True}, "it is for models of one level"),
        ({"capacity": 5.0}, "--capacity 5.0 with --objective elbo"),
        ({"objective": "capacity", "free_nats": 1.0}, "--free_nats 1.0 with --objective capacity"),
    ],
)
def test_objectives_refuse_what_they_would_not_look_at(given, message):
    with pytest.raises(ConfigError, match=message):
        resolve(given)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"interpolate": ("0", "1", "2")}, "--interpolate 0 1 2: expected pairs, an even number of images"),
        ({"traverse_units": (1,)}, "--traverse_units 1: expected --traverse IMAGE with it"),
        ({"traverse_range": 5.0}, "--traverse_range 5.0: expected --traverse IMAGE with it"),
        (
            {"traverse": ("0",), "traverse_units": (1, 3)},
            r"--traverse_units 1 3: 3 units reach the image; expected 0 to 2",
        ),
        ({"manifold": True}, "--manifold with --latent_size 3: only a model of two units has a plane of codes"),
        ({"embed": True, "latent_size": 1}, "--embed with --latent_size 1: one unit has no plane"),
        ({"relabel": ("0",)}, "--relabel 0: this model knows no labels; expected one trained with --is_cvae"),
        ({"traverse_range": 0.0}, r"--traverse_range 0.0: expected a number above 0"),
    ],
)
def test_pictures_that_cannot_be_drawn_are_refused(make_config, settings, message):
    with pytest.raises(ConfigError, match=message):
        make_config(**settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"quarter_turns": True, "image_shape": (8, 4, 1)},
            "--quarter_turns with images of 8x4 pixels: expected square",
        ),
        ({"shift": 9, "image_shape": (8, 16, 1)}, "--shift 9 with images of 8x16 pixels: expected at most 8"),
    ],
)
def test_augmentation_that_images_do_not_allow_is_refused(make_config, settings, message):
    with pytest.raises(ConfigError, match=message):
        make_config(**settings)
