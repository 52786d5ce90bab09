"""Tables say of each image what the evaluation says of all."""

import csv

import numpy as np
import pytest
from conftest import infer

from experiment.evaluation.inference import Inference
from experiment.evaluation.likelihood import excess
from experiment.tables.of_splits import write_codes
from experiment.tables.rows import rows_of, unit_columns
from experiment.tables.writing import write_table
from image_data.splits import Dataset
from models.build import build_model


@pytest.fixture
def few_at_once(monkeypatch):
    """Batches of 8 images."""
    monkeypatch.setattr("experiment.evaluation.inference.evaluation_batch_size", lambda shape: 8)


@pytest.mark.parametrize("given", [{}, {"hierarchical": True, "latent_size": (3, 2), "is_cvae": True}])
def test_scores_are_those_of_the_evaluation_image_by_image(make_config, split, few_at_once, given):
    config = make_config(**given)
    model = build_model(config)
    rows = list(rows_of(Inference(model, config.seed), config, split, num_samples=2))
    expected = infer(model, config, split)
    assert [row.at.start for row in rows] == [0, 8, 16, 24, 32, 40] and rows[-1].at.stop == 44
    together = {name: np.concatenate([getattr(row.scores, name) for row in rows]) for name in rows[0].scores._fields}
    np.testing.assert_allclose(together["elbo"], expected.elbo, rtol=1e-6)
    np.testing.assert_allclose(together["rate"], expected.rate, rtol=1e-6)
    np.testing.assert_allclose(together["elbo"], -together["distortion"] - together["rate"].sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(together["excess"], -together["iw_bound"] - together["code_length"], rtol=1e-6)
    np.testing.assert_array_equal(np.concatenate([row.codes for row in rows]), expected.codes)
    assert np.mean(together["iw_bound"]) > np.mean(together["elbo"]) - 5.0


def test_excess_is_what_the_model_needs_beyond_a_lossless_code(make_config):
    bounds, lengths = np.array([-100.0, -50.0]), np.array([30.0, 60.0])
    np.testing.assert_array_equal(excess(bounds, lengths, make_config()), [70.0, -10.0])
    density = excess(bounds, lengths, make_config(likelihood="gaussian"))
    np.testing.assert_allclose(density, np.array([70.0, -10.0]) + 64 * np.log(255), rtol=1e-12)


def test_a_table_holds_every_image_of_every_split(make_config, split, few_at_once, tmp_path):
    names = np.array([f"class, one/{index}\udcff.png" for index in range(44)], dtype=object)
    dataset = Dataset(split, split._replace(names=names), split, label_names=("a", "b", "c"))
    config = make_config(hierarchical=True, latent_size=(3, 2))
    paths = write_codes(Inference(build_model(config), 0), config, dataset, tmp_path)
    assert [path.name for path in paths] == ["codes.csv", "codes.npz"]
    with open(paths[0], encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    arrays = np.load(paths[1])
    assert arrays["codes"].shape == (132, 5) and arrays["elbo"].dtype == np.float32
    assert unit_columns(config) == ["z2_0", "z2_1", "z1_0", "z1_1", "z1_2"]
    assert [row["split"] for row in rows] == ["train"] * 44 + ["validation"] * 44 + ["test"] * 44
    assert rows[3]["image"] == "3" and rows[47]["image"] == names[3] and str(arrays["image"][47]) == names[3]
    for row, elbo, codes, label in zip(rows, arrays["elbo"], arrays["codes"], arrays["label"], strict=True):
        assert float(row["elbo"]) == pytest.approx(elbo, rel=1e-5) and row["label"] == label
        assert float(row["z1_2"]) == pytest.approx(codes[4], rel=1e-5, abs=1e-6)
    assert [row["label"] for row in rows[:44]] == ["abc"[index] for index in split.labels.argmax(axis=1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codes.csv", "codes.npz"]


def test_a_failing_table_leaves_the_older_one(tmp_path):
    def batches(fails):
        yield {"elbo": np.ones(3, np.float32), "codes": np.zeros((3, 2), np.float32)}
        if fails:
            raise ValueError("half of it")

    table, arrays = write_table(tmp_path, "codes", batches(False), ["z_0", "z_1"])
    before = table.read_bytes(), arrays.read_bytes()
    with pytest.raises(ValueError, match="half of it"):
        write_table(tmp_path, "codes", batches(True), ["z_0", "z_1"])
    assert (table.read_bytes(), arrays.read_bytes()) == before and len(list(tmp_path.iterdir())) == 2
