"""Settings: what wins over what, and what is refused with which words."""

from dataclasses import replace

from data_utils import ARRAYS, PHOTOGRAPHS, RENDERED
from experiment.settings.combine import resolve
from experiment.settings.config import flags
from experiment.settings.datasets import DATASETS
from experiment.settings.words import nats_of
from models.catalog import LIKELIHOODS, MODELS, NETWORKS


def test_tables_and_settings_name_the_same_things():
    rules = {each.name: each.metadata["rule"] for each in flags()}
    assert set(DATASETS) == {*ARRAYS, *RENDERED, *PHOTOGRAPHS}
    assert set(rules["likelihood"].expected.removeprefix("one of ").split(", ")) == set(LIKELIHOODS)
    assert set(rules["network"].expected.removeprefix("one of ").split(", ")) == set(NETWORKS)
    for likelihood in LIKELIHOODS:
        assert nats_of(resolve({"likelihood": likelihood}))
    choices = [{}, {"is_cvae": True}, {"hierarchical": True}, {"hierarchical": True, "is_cvae": True}]
    choices += [{"hierarchical": True, "hierarchy": "chain"}, {"is_cvae": True, "labelled": 100}]
    assert {resolve(given).model for given in choices} == set(MODELS)
    for name, entry in DATASETS.items():
        for given in choices:
            resolve({"dataset": name, **given})
        assert entry.source and {*entry.settings, *entry.hierarchical, *(entry.deep or {})} <= {*rules, "length"}


def test_digest_is_of_what_decides_the_bits():
    config = resolve({})
    assert config.digest == replace(config, num_epochs=99, data_dir="elsewhere", grid=3).digest
    assert len({replace(config, **change).digest for change in ({}, {"beta": 2.0}, {"seed": 1}, {"limit": 3})}) == 4
