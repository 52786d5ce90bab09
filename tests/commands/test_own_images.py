"""Commands on photographs, by running them."""

import json
import os

import numpy as np
import pytest
import tifffile
from conftest import assert_refused
from PIL import Image

from assignment import parse
from data_utils import load_dataset
from experiment.files.checkpoints import load_weights
from experiment.files.records import read_metrics
from experiment.run import read_data
from experiment.settings.combine import resolve
from experiment.training.preprocessing import make_batch
from image_data.photographs import Reading
from models.noise import noise_seed


def write_photographs(root, num_images=12, size=24):
    """Class folders of images of a colour each, brighter below than above."""
    generator = np.random.default_rng(0)
    for name, colour in (("coast", (40, 90, 220)), ("forest", (20, 160, 40))):
        (root / name).mkdir(parents=True)
        for index in range(num_images):
            pixels = np.linspace(0.3, 1.0, size)[:, None, None] * np.array(colour) * generator.uniform(0.8, 1.0)
            Image.fromarray(np.uint8(np.broadcast_to(pixels, (size, size, 3)))).save(root / name / f"{index}.png")
    return root


SMALL = ["--image_size", "16", "--hidden_sizes", "8", "16", "--latent_size", "4", "--batch_size", "8"]


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return write_photographs(tmp_path / "photographs")


def test_a_folder_of_ones_own_images(cli, tmp_path, photographs):
    flags = ["--dataset", "folder", "--data_dir", photographs, *SMALL]
    code, out, err = cli(*flags, "--num_epochs", "60", "--learning_rate", "0.005")
    assert code == 0 and "reading images: 100%" in err
    assert "17 / 5 / 2 images to train / validate / test" in out and "classes: 2" in out
    rows = read_metrics(tmp_path / "outputs/folder_vae/metrics.jsonl")
    elbos = [row["elbo"] for row in rows if row["split"] == "validation"]
    assert elbos[-1] > elbos[0] + 100
    model, config = load_weights(tmp_path / "model_ckpts/folder_vae")
    dataset = load_dataset("folder", photographs, reading=Reading(image_size=16))
    batch = make_batch(dataset.test.images, None)
    reconstructions = model.reconstruct(batch, noise_seed(0)).numpy()
    error = np.abs(reconstructions - batch.images).mean()
    assert error < 0.15
    assert error < 0.8 * np.abs(reconstructions - batch.images[:, ::-1]).mean(), "right side up"
    assert error < 0.8 * np.abs(reconstructions - batch.images[..., ::-1]).mean(), "in true colours"

    _, _, err = cli(*flags, "--num_epochs", "1", "--is_cvae")
    assert "reading images" not in err, "the second start reads the cache"
    assert (tmp_path / "outputs/folder_cvae/classes.png").is_file()


def test_weights_and_samples_after_every_epoch_where_the_preset_says_so(cli, tmp_path, photographs):
    quick = ["--data_dir", photographs, *SMALL, "--num_epochs", "2"]
    assert cli("--dataset", "landscape", *quick)[0] == 0
    checkpoints, outputs = tmp_path / "model_ckpts/landscape_vae", tmp_path / "outputs/landscape_vae"
    for epoch in (1, 2):
        assert (checkpoints / f"vae.epoch_{epoch:03}.weights.h5").is_file()
        assert (outputs / f"epochs/epoch_{epoch:03}_samples.png").is_file()
        assert (outputs / f"epochs/epoch_{epoch:03}_reconstructions.png").is_file()
    last, second = (checkpoints / f"vae.{tag}.weights.h5" for tag in ("last", "epoch_002"))
    for one, other in zip(load_weights(last)[0].weights, load_weights(second)[0].weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert cli("--load_weights", str(checkpoints / "vae.epoch_001.weights.h5"), "--num_epochs", "0")[0] == 0
    assert cli("--dataset", "landscape", *quick, "--no-every_epoch", "--run_name", "without")[0] == 0
    assert not (tmp_path / "outputs/without/epochs").exists()


def test_bits_per_dimension_of_8_bit_values(cli, tmp_path, photographs):
    code, out, _ = cli(
        "--dataset",
        "ucmerced",
        "--data_dir",
        photographs,
        *SMALL,
        "--num_epochs",
        "2",
        "--likelihood",
        "discretized_logistic",
    )
    results = json.loads((tmp_path / "outputs/ucmerced_vae/results.json").read_text())["test"]
    assert code == 0 and "bits per dim" in out
    assert results["bits_per_dim"] == pytest.approx(-results["elbo"] / np.log(2) / (16 * 16 * 3))
    cli("--dataset", "ucmerced", "--data_dir", photographs, *SMALL, "--num_epochs", "1")
    assert "bits_per_dim" not in json.loads((tmp_path / "outputs/ucmerced_vae_2/results.json").read_text())["test"]


def test_unreadable_images_stop_a_run_before_it_begins_or_are_recorded(cli, tmp_path, photographs):
    (photographs / "coast" / "3.png").write_bytes(b"")
    flags = ["--dataset", "folder", "--data_dir", photographs, *SMALL, "--num_epochs", "1"]
    code, _, err = cli(*flags)
    assert code == 2 and "1 of 24 files cannot be read as images: coast/3.png (empty file)" in err.splitlines()[-1]
    assert not (tmp_path / "outputs").exists()
    assert cli(*flags, "--skip_unreadable")[0] == 0
    run = tmp_path / "outputs/folder_vae"
    assert json.loads((run / "unreadable_images.json").read_text()) == {"coast/3.png": "empty file"}
    assert json.loads((run / "results.json").read_text())["protocol"]["unreadable_images_left_out"] == 1


def test_satellite_images_are_read_by_their_bands(cli, photographs):
    """Twelve bits in thirteen bands of sixteen."""
    generator = np.random.default_rng(0)
    for index in range(6):
        bands = generator.integers(0, 4096, (24, 24, 13), dtype=np.uint16)
        tifffile.imwrite(photographs / "coast" / f"{index}.tif", bands, photometric="minisblack", planarconfig="contig")
    for path in photographs.rglob("*.png"):
        path.unlink()
    flags = ["--dataset", "folder", "--data_dir", str(photographs), *SMALL]
    assert_last_line_says(cli(*flags), "coast/0.tif (TIFF of 13 bands of 16 bits, black is 0, compression 1; expected")
    assert_last_line_says(cli(*flags, "--bands", "4", "3", "14"), "--bands 4 3 14 expects at least 14 bands")
    dark = read_data(resolve(parse([*flags, "--bands", "4", "3", "2"])))
    assert dark.train.images.max() < 17
    assert "6 files, such as coast/" in dark.notes[-1] and "--white_level 4095" in dark.notes[-1]
    bright = read_data(resolve(parse([*flags, "--bands", "4", "3", "2", "--white_level", "4095"])))
    assert bright.train.images.max() > 200 and not any("--white_level" in note for note in bright.notes)


def assert_last_line_says(result, message):
    code, _, err = result
    assert code == 2 and message in err.splitlines()[-1]


def test_a_size_that_the_network_cannot_make_is_refused_before_any_image_is_read(cli, tmp_path, photographs):
    flags = ["--dataset", "folder", "--data_dir", photographs, "--hidden_sizes", "8", "16"]
    assert_refused(cli(*flags, "--image_size", "50"), "images of 50x50 pixels: 2 convolutions of stride 2 expected")
    assert not (tmp_path / "keras").exists() and not (tmp_path / "outputs").exists()


def test_a_run_is_not_started_within_its_images(cli, photographs, monkeypatch):
    monkeypatch.chdir(photographs)
    result = cli("--dataset", "folder", "--data_dir", ".", *SMALL, "--num_epochs", "1")
    assert_refused(
        result, "--data_dir .: the program was started within it, and what it writes would be taken for images"
    )


def test_names_that_a_terminal_cannot_show_are_shown_otherwise(run_cli, tmp_path, photographs):
    (photographs / "notes.\udce9").touch()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "KERAS_HOME": str(tmp_path / "keras")}
    photographs = photographs.rename(tmp_path / "\u5199\u771f")
    finished = run_cli("--dataset", "folder", "--data_dir", photographs, *SMALL, "--num_epochs", "1", env=environment)
    assert finished.returncode == 0 and "\\u5199\\u771f" in finished.stdout


def test_weights_of_photographs_go_to_another_folder_of_any_size(cli, tmp_path, photographs):
    assert cli("--dataset", "ucmerced", "--data_dir", photographs, *SMALL, "--num_epochs", "1")[0] == 0
    other = write_photographs(tmp_path / "other", num_images=4, size=40)
    arguments = ["--load_weights", "ucmerced_vae", "--dataset", "folder", "--data_dir", other]
    assert cli(*arguments, "--num_epochs", "1")[0] == 0
    result = cli(*arguments, "--num_epochs", "0", "--image_size", "32")
    assert "the saved weights expect images (16, 16, 3)" in result[2].splitlines()[-1]


def test_a_resumed_run_must_see_the_same_photographs(cli, photographs):
    flags = ["--dataset", "folder", *SMALL, "--data_dir"]
    assert cli(*flags, photographs, "--num_epochs", "1", "--horizontal_flip")[0] == 0
    photographs = photographs.rename(photographs.with_name("moved"))
    assert cli("--dataset", "folder", "--resume", "--data_dir", photographs, "--num_epochs", "2")[0] == 0
    for path in photographs.rglob("*.png"):
        Image.open(path).rotate(180).save(path)
    result = cli("--dataset", "folder", "--resume", "--data_dir", photographs, "--num_epochs", "3")
    assert result[0] == 2 and "the images are not those that it began with" in result[2].splitlines()[-1]


@pytest.mark.slow
def test_two_runs_on_large_images_write_the_same_bits(run_cli, tmp_path):
    photographs = write_photographs(tmp_path / "photographs", num_images=24, size=256)
    environment = {**os.environ, "KERAS_HOME": str(tmp_path / "keras")}
    weights = []
    for name in ("a", "b", "c"):
        flags = ["--data_dir", photographs, "--num_epochs", "2", "--no-every_epoch", "--run_name", name]
        assert run_cli("--dataset", "landscape", *flags, env=environment).returncode == 0
        weights.append((tmp_path / f"model_ckpts/{name}/vae.last.weights.h5").read_bytes())
    assert weights[0] == weights[1] == weights[2]
