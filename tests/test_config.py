"""Settings: what wins over what, and what is refused with which words."""

from dataclasses import replace

from data_utils import ARRAYS, PHOTOGRAPHS
from experiment import config as settings
from experiment.audit import nats_of
from experiment.config import flags
from experiment.presets import HIERARCHICAL, PRESETS, TOP_DOWN
from experiment.resolution import resolve
from models import MODELS
from models.distributions import LIKELIHOODS
from models.networks import TRUNKS


def test_tables_and_settings_name_the_same_things():
    rules = {each.name: each.metadata["rule"] for each in flags()}
    assert set(PRESETS) == {*ARRAYS, *PHOTOGRAPHS}
    assert set(rules["likelihood"].expected.removeprefix("one of ").split(", ")) == set(LIKELIHOODS)
    assert set(rules["network"].expected.removeprefix("one of ").split(", ")) == set(TRUNKS) == set(settings.NETWORKS)
    for likelihood in LIKELIHOODS:
        assert nats_of(resolve({"likelihood": likelihood}))
    choices = [{}, {"is_cvae": True}, {"hierarchical": True}, {"hierarchical": True, "is_cvae": True}]
    choices.append({"hierarchical": True, "hierarchy": "chain"})
    assert {resolve(given).model for given in choices} == set(MODELS)
    for name, preset in PRESETS.items():
        for given in choices:
            resolve({"dataset": name, **given})
        assert (
            preset.source
            and {*preset.settings, *preset.hierarchical, *preset.top_down, *HIERARCHICAL, *TOP_DOWN} <= rules.keys()
        )


def test_digest_is_of_what_decides_the_bits():
    config = resolve({})
    assert config.digest == replace(config, num_epochs=99, data_dir="elsewhere", grid=3).digest
    assert len({replace(config, **change).digest for change in ({}, {"beta": 2.0}, {"seed": 1}, {"limit": 3})}) == 4
