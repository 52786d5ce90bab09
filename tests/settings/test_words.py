"""Settings in words: losses, priors and remarks, of every entry of the catalog."""

import pytest

from experiment.pictures.captions import prior_of
from experiment.settings.words import describe_levels, describe_loss, describe_training, groups_of, remarks_on
from models.catalog import OBJECTIVES

KINDS = {
    "vae": ({}, "N(0, I)"),
    "cvae": ({"is_cvae": True}, "N(0, I)"),
    "hvae": ({"hierarchical": True, "latent_size": (4, 2)}, "p(z)"),
    "chvae": ({"hierarchical": True, "latent_size": (4, 2), "is_cvae": True}, "p(z|y)"),
    "chain": ({"hierarchical": True, "latent_size": (4, 2), "hierarchy": "chain"}, "N(0, I) at every level"),
}


@pytest.mark.parametrize("name", KINDS)
def test_captions_name_the_prior_of_the_model(make_config, name):
    given, prior = KINDS[name]
    config = make_config(**given)
    assert (config.model, prior_of(config)) == (name, prior)


def test_levels_of_one_shape_are_named_together(make_config):
    deep = {"hierarchical": True, "network": "conv", "hidden_sizes": (4, 4)}
    config = make_config(**deep, latent_size=("4x4x2*3", "2x2x1", 5))
    assert config.level_shapes == 3 * ((4, 4, 2),) + ((2, 2, 1), (5,))
    groups = [(group.first, group.last, group.name, group.shape) for group in groups_of(config)]
    assert groups == [(0, 0, "z5", (5,)), (1, 1, "z4", (2, 2, 1)), (2, 4, "z3 to z1", (4, 4, 2))]
    assert describe_levels(config) == "z5 5, z4 2x2x1, z3 to z1 4x4x2, each given those before it"
    assert make_config(hierarchical=True, latent_size=("4*2", 3)).level_sizes == (4, 4, 3)
    alike = groups_of(make_config(hierarchical=True, latent_size=("4*3",)))
    assert [(group.first, group.last, group.name) for group in alike] == [(0, 0, "z3"), (1, 2, "z2 to z1")]


def test_what_is_done_to_training_images_is_said(make_config):
    config = make_config(horizontal_flip=True, quarter_turns=True, shift=2, skip_above=8.0)
    words = describe_training(config)
    assert words.endswith("training images mirrored, turned by quarters, moved by up to 2 pixels")
    assert "steps of more than 8 times the usual gradient norm skipped" in words
    assert "training images" not in describe_training(make_config())
    assert describe_training(make_config(input_noise=0.05)).endswith("the encoder sees 5.0% of the pixels inverted")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_loss_is_described_by_its_formula_and_what_it_reads(make_config, objective):
    words = describe_loss(make_config(objective=objective))
    assert words.startswith(OBJECTIVES[objective].formula)
    assert ("beta " in words.split(";")[1]) == ("beta" in OBJECTIVES[objective].reads)
    assert "{" not in words


def test_what_a_projects_choices_cost_is_said_with_the_flag_that_mends_it(make_config):
    assert remarks_on(make_config()) == []
    (unit_variance,) = remarks_on(make_config(likelihood="mse"))
    assert "--likelihood gaussian" in unit_variance
    conv = {"network": "conv", "hidden_sizes": (4,), "decoder_normalization": "instance"}
    (instance,) = remarks_on(make_config(**conv))
    assert "--decoder_normalization batch" in instance
