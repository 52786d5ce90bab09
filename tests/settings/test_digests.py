"""Digests of settings, by which a state knows its run: whoever changes one leaves older runs that cannot be resumed."""

from pathlib import Path

import pytest

from experiment.files.names import load_config
from experiment.settings.combine import resolve

SHIPPED = Path(__file__).resolve().parents[2] / "model_ckpts"


@pytest.mark.parametrize("name, digest", [("vae_1l", 3744974300), ("cvae_1l", 1797942819), ("vae_2l", 3899672138)])
def test_shipped_runs_keep_their_digest(name, digest):
    assert load_config(SHIPPED / name).digest == digest


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
