"""Digests of settings, by which a state knows its run: whoever changes one leaves older runs that cannot be resumed."""

from pathlib import Path

import pytest

from experiment.files.names import load_config
from experiment.settings.combine import config_of, resolve, resolve_resumed
from experiment.settings.refusals import ConfigError

SHIPPED = Path(__file__).resolve().parents[2] / "model_ckpts"


@pytest.mark.parametrize("name, digest", [("vae_1l", 1911381845), ("cvae_1l", 1797942819), ("vae_2l", 133157323)])
def test_shipped_runs_keep_their_digest(name, digest):
    assert load_config(SHIPPED / name).digest == digest
    assert load_config(SHIPPED / name).precision == "float32", "there was no other"


@pytest.mark.parametrize(
    "given, digest",
    [
        ({}, 1193035754),
        ({"dataset": "ucmerced", "hierarchical": True, "hierarchy": "chain"}, 406565410),
        ({"dataset": "celeba", "is_cvae": True, "beta": 4.0}, 2683453003),
        ({"hierarchical": True, "objective": "iwae"}, 758671825),
    ],
)
def test_settings_keep_their_digest(given, digest):
    assert resolve(given).digest == digest
    assert resolve({**given, "precision": "float32"}).digest == digest
    assert resolve({**given, "precision": "mixed_bfloat16"}).digest != digest


def test_a_square_is_one_number_however_it_is_given():
    older = resolve({"dataset": "folder", "image_size": 32})
    for image_size in ((32,), (32, 32)):
        assert resolve({"dataset": "folder", "image_size": image_size}) == older
        assert resolve_resumed({"image_size": image_size}, older) == older
    assert '"image_size": 32,' in older.to_json() and config_of(older.to_json(), "config.json") == older
    other = resolve({"dataset": "folder", "image_size": (32, 64)})
    assert other.digest != older.digest and config_of(other.to_json(), "config.json") == other
    with pytest.raises(ConfigError, match="--image_size 32 64: a resumed run keeps --image_size 32;"):
        resolve_resumed({"image_size": (32, 64)}, older)


def test_where_the_labels_are_may_change():
    config = resolve({"dataset": "folder", "labels": "here.csv"})
    assert config.digest == resolve({"dataset": "folder"}).digest
    assert resolve_resumed({"labels": "there.csv"}, config).labels == "there.csv"
