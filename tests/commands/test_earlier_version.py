"""Weights and states that commit b07e667 of this project wrote, in the folder earlier_version, still load."""

import json
import shutil
from pathlib import Path

import pytest

from experiment.files.records import read_metrics

EARLIER = Path(__file__).with_name("earlier_version")


@pytest.fixture
def earlier(tmp_path):
    shutil.copytree(EARLIER, tmp_path, dirs_exist_ok=True)


def test_weights_of_an_earlier_version_have_the_elbo_that_it_measured(cli, undrawn, earlier, tmp_path):
    assert cli("--load_weights", "earlier_cvae", "--num_epochs", "0")[0] == 0
    results = json.loads((tmp_path / "outputs/earlier_cvae_generated/results.json").read_text())
    assert results["test"]["elbo"] == pytest.approx(-542.085192, rel=1e-6)


def test_a_run_of_an_earlier_version_is_continued_as_it_would_have_been(cli, undrawn, earlier, tmp_path):
    code, out, _ = cli("--resume", "earlier_hvae", "--num_epochs", "3")
    assert code == 0 and "continues at step 2 of 3" in out and "WARNING" not in out
    *_, last = read_metrics(tmp_path / "outputs/earlier_hvae/metrics.jsonl")
    assert (last["step"], last["split"]) == (3, "validation")
    assert last["elbo"] == pytest.approx(-543.579063, rel=1e-5)
    assert last["rate_per_level"] == pytest.approx([0.00190858, 0.61004239], rel=1e-3)
