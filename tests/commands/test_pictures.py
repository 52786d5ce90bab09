"""Pictures of the latent space and the report, on the command line."""

import re

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files
from PIL import Image

ASKED = ["--reconstruct", "0", "own.png", "--interpolate", "0", "own.png", "--traverse", "1", "--embed"]
DRAWN = [
    "chosen_interpolation.png",
    "chosen_interpolation_moving.gif",
    "chosen_reconstructions.png",
    "codes_pca.png",
    "codes_tsne.png",
    "traversal_0.png",
    "traversal_0_moving.gif",
]


def save_image(path, side=28):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)).save(path)


@pytest.mark.slow
def test_pictures_come_from_saved_weights_and_after_training_alike(cli, undrawn, few_frames, tmp_path):
    save_image(tmp_path / "own.png")
    assert cli(*QUICK, *ASKED)[0] == 0
    trained = tmp_path / "outputs/digits_vae"
    assert set(DRAWN) <= set(files(trained))
    code, out, _ = cli("--dataset", "digits", "--load_weights", "--num_epochs", "0", *ASKED)
    assert code == 0 and {f"outputs/digits_vae_generated/{name}" for name in DRAWN} <= set(out.splitlines())
    generated = tmp_path / "outputs/digits_vae_generated"
    for name in DRAWN:
        assert (generated / name).read_bytes() == (trained / name).read_bytes(), name
    # What was asked for once is not asked for again.
    assert cli("--dataset", "digits", "--load_weights", "--num_epochs", "0")[0] == 0
    assert not set(DRAWN) & set(files(tmp_path / "outputs/digits_vae_generated_2"))


def test_wrong_uses_are_one_line(cli, tmp_path):
    save_image(tmp_path / "large.png", 64)
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert_refused(cli(*QUICK, "--num_epochs", "0", "--interpolate", "0", "1"), "--num_epochs 0 trains nothing")
    for flags, message in {
        ("--interpolate", "0", "large.png"): "large.png: cannot be shown to the model: 64x64 pixels; expected 28x28",
        ("--traverse", "99999"): "--traverse 99999: there are 200 test images; expected 0 to 199",
        ("--reconstruct", "nowhere.png"): "--reconstruct nowhere.png: no such file",
        ("--reconstruct", "broken.png"): "--reconstruct broken.png:",
        ("--traverse", "0", "--traverse_units", "15"): "15 units reach the image; expected 0 to 14",
    }.items():
        assert_refused(cli(*QUICK, *flags), message)
    assert files(tmp_path) == ["broken.png", "large.png"]


def test_the_report_holds_audit_protocol_numbers_curves_and_pictures(trained, tmp_path):
    trained(*QUICK, "--is_cvae")
    outputs = tmp_path / "outputs/digits_cvae"
    report = (outputs / "report.html").read_text(encoding="utf-8")
    titles = re.findall("<h2>(.*?)</h2>", report)
    first, last = ["Look into the latent space", "Numbers", "Advice"], ["Rates and curves", "Pictures"]
    assert titles == [*first, *last, "Protocol", "Run"]
    assert report.count("<svg") == 2
    charts = {"loss_curve.png", "unit_rates.png"}
    pictures = [name for name in files(outputs) if name.endswith(".png") and name not in charts]
    assert sorted(re.findall("<figcaption>(.*?)</figcaption>", report)) == pictures
    numbers = (outputs / "results.txt").read_text()
    (elbo,) = re.findall(r"ELBO +(\S+)", numbers)
    assert f'<td class="number">{elbo}</td>' in report
    assert "weights_sha256" in report and "handwritten digits" in report
    assert not re.findall(r"(?:src|href)=[\"']?(?!data:|#)[^\"' >]+", report.replace("http://www.w3.org", ""))


def test_reports_are_written_from_presets_pictures_too(cli, undrawn, few_frames, tmp_path):
    flags = ["--dataset", "sprites", "--limit", "60", "--num_epochs", "1", "--network", "mlp", "--hidden_sizes", "16"]
    assert cli(*flags)[0] == 0
    outputs = tmp_path / "outputs/sprites_vae"
    assert {"traversal_0.png", "traversal_0_moving.gif"} <= set(files(outputs))
    assert "<figcaption>traversal_0_moving.gif</figcaption>" in (outputs / "report.html").read_text()
