"""Nothing that fails late costs the report: a run whose parts fail one after the other."""

import json

import numpy as np
import pytest
from conftest import QUICK
from PIL import Image

from experiment.evaluation import measures
from experiment.evaluation.measures import Measure


def test_a_run_whose_late_parts_fail_has_its_report(cli, few_frames, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("not for this <data>")

    monkeypatch.setitem(measures.MEASURES, "linear probe", Measure(fail))
    monkeypatch.setattr("experiment.pictures.always.draw_interpolation", fail)
    monkeypatch.setattr("experiment.pictures.requested.draw_traversals", fail)
    monkeypatch.setattr("experiment.run.explorer_data", fail)
    code, out, _ = cli(*QUICK, "--evaluate", "--iw_samples", "2", "--traverse", "0")
    assert code == 0
    folder = tmp_path / "outputs/digits_vae"
    results = json.loads((folder / "results.json").read_text())
    reason = "ValueError: not for this <data>"
    parts = ["picture interpolation", "--traverse", "linear probe", "latent explorer"]
    assert results["left_out"] == dict.fromkeys(parts, reason)
    assert {"elbo", "iw_bound", "mutual_information"} <= results["test"].keys(), "the rest is measured"
    assert (folder / "samples.png").is_file() and not (folder / "interpolation.png").exists(), "and drawn"
    report = (folder / "report.html").read_text()
    for part in parts:
        assert out.count(f"left out: {part} ({reason})") == 2, "when it fails, and at the end"
        assert f"left out: {part} (ValueError: not for this &lt;data&gt;)" in report


@pytest.mark.slow
def test_constant_images_of_one_class_have_their_report(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    folder = tmp_path / "black/only"
    folder.mkdir(parents=True)
    for index in range(3):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / f"{index}.png")
    flags = ["--dataset", "folder", "--data_dir", folder.parent, "--network", "mlp", "--hidden_sizes", "8"]
    flags += ["--image_size", "8", "--latent_size", "2", "--num_epochs", "1", "--iw_samples", "2", "--is_cvae"]
    code, _, err = cli(*flags, "--evaluate")
    assert code == 0, err
    outputs = tmp_path / "outputs/folder_cvae"
    results = json.loads((outputs / "results.json").read_text())
    assert np.isfinite([value for value in results["test"].values() if isinstance(value, float)]).all()
    assert {"Bayes' rule", "recognition", "SSIM"} <= results["left_out"].keys()
    assert "recognised" not in results["test"] and (outputs / "report.html").is_file()
