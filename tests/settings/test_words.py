"""Settings in words: losses, priors and remarks, of every entry of the catalog."""

import pytest

from experiment.pictures.captions import prior_of
from experiment.settings.words import describe_loss, remarks_on
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
