"""--export, by running it: after training, and from saved weights where there are no images."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import PROJECT, QUICK, assert_refused, files

from experiment.export.listings import javascript_listing, python_listing
from experiment.export.programs import programs_of
from experiment.export.write import write_export
from experiment.files.checkpoints import load_weights, save_model_weights
from experiment.settings import formats
from experiment.settings.formats import FORMATS
from models.build import build_model

SHIPPED = PROJECT / "model_ckpts"


def test_a_run_is_exported_after_training_and_the_next_one_only_if_asked(cli, undrawn, tmp_path):
    code, out, err = cli(*QUICK, "--export", "savedmodel")
    assert code == 0, err
    folder = tmp_path / "outputs/digits_vae/export"
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "savedmodel"]
    assert "for other programs: outputs/digits_vae/export/\n" in out
    code, _, err = cli("--load_weights", "digits_vae", "--num_epochs", "0", "--dataset", "digits")
    assert code == 0, err
    assert not (tmp_path / "outputs/digits_vae_generated/export").exists()


def test_saved_weights_are_exported_without_data(cli, tmp_path):
    weights = SHIPPED / "cvae_1l"
    code, out, err = cli("--load_weights", weights, "--num_epochs", "0", "--data_dir", "nowhere", "--export", "litert")
    assert code == 0, err
    folder = tmp_path / "outputs/cvae_1l_generated/export"
    assert (
        files(folder) == ["README.md", "decoder.tflite", "encoder.tflite"] and f"{folder.relative_to(tmp_path)}/" in out
    )
    card = (folder / "README.md").read_text()
    sums = re.findall(r"^([0-9a-f]{64})  (.+)$", card, re.M)
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for _, name in sums} == {
        name: checksum for checksum, name in sums
    }
    assert {name for _, name in sums} == {"decoder.tflite", "encoder.tflite"}
    labels, protocol = map(json.loads, re.findall(r"```json\n(.*?)```", card, re.S))
    assert labels == [str(digit) for digit in range(10)]
    assert protocol["weights"] == "cvae_1l/cvae.weights.h5" and protocol["epochs"] == 150
    assert protocol["weights_sha256"] == (weights / "cvae.weights.h5.sha256").read_text().split()[0]
    assert "each drawn with its grey value as the probability" in card
    assert str(PROJECT) not in card and str(Path.cwd()) not in card


def test_a_missing_package_is_named_before_training(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    message = (
        "--export onnx: expected the package tf2onnx, which is not installed; pip install -r requirements-export.txt"
    )
    assert_refused(cli(*QUICK, "--export", "savedmodel", "onnx"), message)
    assert files(tmp_path) == []


def test_required_packages_are_in_the_requirements():
    required = (PROJECT / formats.REQUIREMENTS).read_text()
    assert {name for entry in FORMATS.values() for name in entry.packages} <= {
        *re.findall(r"^([\w-]+)==", required, re.M)
    }


@pytest.mark.parametrize("given", [["onnx", "onnx"], ["keras"]])
def test_other_formats_are_refused(cli, given):
    expected = f"--export {' '.join(given)}: expected one or more of savedmodel, onnx, litert"
    assert_refused(cli("--export", *given), expected)


def test_an_export_that_fails_costs_nothing_else(cli, undrawn, tmp_path, monkeypatch):
    def fail(programs, folder):
        (folder / "half").touch()
        raise ValueError("no such operation")

    monkeypatch.setattr("experiment.export.formats.write_litert", fail)
    code, out, _ = cli(*QUICK, "--export", "litert")
    assert code == 0 and "left out: export (ValueError: no such operation)" in out
    outputs = tmp_path / "outputs/digits_vae"
    assert json.loads((outputs / "results.json").read_text())["left_out"].keys() == {"export"}
    assert (outputs / "report.html").is_file() and not [name for name in files(outputs) if "export" in name]


def test_the_listings_of_the_page_are_those_of_the_card():
    model, config = load_weights(SHIPPED / "cvae_1l")
    programs = programs_of(model, config)
    page = (PROJECT / "docs/export.md").read_text()
    shown = re.findall(r"```python\n(.*?)\n```", page, re.S)
    assert shown == [python_listing(name, programs, config).rstrip() for name in FORMATS]
    assert re.findall(r"```javascript\n(.*?)\n```", page, re.S) == [javascript_listing(programs[1])]


def test_a_model_that_finds_labels_exports_its_classifier(make_config, tmp_path):
    settings = {"is_cvae": True, "labelled": 3, "export": ("savedmodel",), "binarization": "none"}
    config = make_config(**settings)
    model = build_model(config)
    weights = save_model_weights(model, config, tmp_path / "model_ckpts/few")
    folder = write_export(model, config, weights, tmp_path)
    signatures = tf.saved_model.load(folder / "savedmodel").signatures
    assert set(signatures) == {"encoder", "decoder", "classifier"}
    images = tf.random.stateless_uniform((4, 8, 8, 1), seed=(0, 0))
    found = signatures["classifier"](images=images)["probabilities"]
    np.testing.assert_allclose(found, np.exp(model.log_label_posterior(images)), rtol=1e-5)
    card = (folder / "README.md").read_text()
    assert "## classifier: images to the probabilities of labels" in card
    assert "| out | `probabilities` | [N, 3] | of each label, see Labels |" in card
