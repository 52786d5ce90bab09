"""Commands on photographs, by running them."""

import io
import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from conftest import assert_refused, files
from PIL import Image

import assignment
from assignment import parse
from data_utils import load_dataset
from experiment.files.checkpoints import load_weights
from experiment.files.data import is_of, read_data
from experiment.files.names import load_config
from experiment.files.records import read_metrics
from experiment.run import run_experiment
from experiment.settings.combine import resolve
from experiment.training.preprocessing import make_batch
from image_data.photographs import Reading
from image_data.splits import DataMissing
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
DENSE = ["--image_size", "16", "--network", "mlp", "--hidden_sizes", "16", "--latent_size", "4", "--batch_size", "8"]


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return write_photographs(tmp_path / "photographs")


def test_a_folder_of_ones_own_images(cli, tmp_path, photographs):
    flags = ["--dataset", "folder", "--data_dir", photographs]
    code, out, err = cli(*flags, *SMALL, "--num_epochs", "20", "--learning_rate", "0.02")
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

    _, _, err = cli(*flags, *DENSE, "--num_epochs", "1", "--is_cvae")
    assert "reading images" not in err, "the second start reads the cache"
    assert (tmp_path / "outputs/folder_cvae/classes.png").is_file()


@pytest.mark.slow
def test_weights_and_samples_after_every_epoch_where_the_preset_says_so(cli, undrawn, tmp_path, photographs):
    quick = ["--data_dir", photographs, *DENSE, "--num_epochs", "2"]
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


def test_bits_per_dimension_of_8_bit_values(cli, undrawn, tmp_path, photographs):
    flags = ["--dataset", "ucmerced", "--data_dir", photographs, *DENSE, "--likelihood", "logistic_mixture"]
    code, out, _ = cli(*flags, "--num_epochs", "1", "--evaluate", "--iw_samples", "3")
    results = json.loads((tmp_path / "outputs/ucmerced_vae/results.json").read_text())["test"]
    assert code == 0 and "bits per dim" in out
    assert results["bits_per_dim"] == pytest.approx(-results["elbo"] / np.log(2) / (16 * 16 * 3))
    assert 0 < results["webp_bits_per_dim"] < 10 and 0 < results["png_bits_per_dim"] < 12 and "lossless WebP" in out
    assert results["rate_bits"] == pytest.approx(results["rate"] / np.log(2), rel=1e-5) and results["jpeg_psnr"] > 5
    assert results["frechet_distance"] > 0 < results["frechet_floor"]


@pytest.mark.slow
def test_a_deep_hierarchy_of_photographs_is_measured_beside_codecs(cli, tmp_path, photographs):
    flags = ["--dataset", "folder", "--data_dir", photographs, "--hierarchical", "--image_size", "32"]
    deep = ["--hidden_sizes", "8", "8", "--latent_size", "16x16x2*2", "8x8x2", "--quarter_turns", "--shift", "2"]
    code, out, _ = cli(*flags, *deep, "--num_epochs", "1", "--evaluate", "--iw_samples", "5", "--skip_above", "10")
    assert code == 0 and "HVAE, residual" in out and "z3 8x8x2, z2 to z1 16x16x2, each given those before it" in out
    run = tmp_path / "outputs/folder_hvae"
    found = json.loads((run / "results.json").read_text())
    test = found["test"]
    assert "training images turned by quarters, moved by up to 2 pixels" in found["protocol"]["training"]
    assert 0 < test["webp_bits_per_dim"] < 10 and 0 < test["png_bits_per_dim"] < 10 and test["ms_ssim_num_scales"] == 2
    assert test["rate_bits"] == pytest.approx(test["rate"] / np.log(2), rel=1e-5)
    assert test["frechet_num_images"] == 2 and 1 <= test["jpeg_quality"] <= 95 and "left_out" not in found
    for name in ("overview", "rate_maps", "resampled_z2", "top_levels"):
        assert (run / f"{name}.png").is_file(), name
    assert not (run / "resampled_z1.png").exists()


def test_unreadable_images_stop_a_run_before_it_begins_or_are_recorded(cli, undrawn, tmp_path, photographs):
    (photographs / "coast" / "3.png").write_bytes(b"")
    flags = ["--dataset", "folder", "--data_dir", photographs, *DENSE, "--num_epochs", "1"]
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
    assert_refused(cli(*flags, "--image_size", "50"), "images of 50x50 pixels: expected sides that 4 divides")
    flags += ["--image_size", "16", "--hierarchical", "--latent_size"]
    assert_refused(cli(*flags, "7x7x4", "4"), "7x7x4: this --network residual has maps of 8x8, 4x4; expected one")
    assert not (tmp_path / "keras").exists() and not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_rectangles_with_labels_from_a_file(cli, tmp_path, photographs):
    names = [path.relative_to(photographs) for path in sorted(photographs.rglob("*.png"))]
    (tmp_path / "labels.csv").write_text(
        "file,bright,blue\n" + "".join(f"{name},{index % 2},{index % 3 // 2}\n" for index, name in enumerate(names))
    )
    flags = ["--dataset", "folder", "--data_dir", photographs, *SMALL, "--image_size", "8", "16", "--num_epochs", "1"]
    code, out, err = cli(*flags, "--is_cvae", "--labels", "labels.csv", "--reconstruct", photographs / names[0])
    assert_refused((code, out, err.splitlines()[-1] + "\n"), "the model is given attributes, which a file does not say")
    code, out, _ = cli(*flags, "--is_cvae", "--labels", "labels.csv", "--reconstruct", "0")
    assert code == 0 and "in place of those of the folders; attributes: 2 (bright, blue)" in out
    assert "8 x 16 x 3 = 384 pixels" in out and "left out" not in out
    config = load_config(tmp_path / "model_ckpts/folder_cvae")
    assert (config.image_size, config.label_names, config.has_attributes) == ((8, 16), ("bright", "blue"), True)
    (tmp_path / "labels.csv").write_text("file,label\nother.png,x\n")
    result = cli("--resume", "folder_cvae", "--num_epochs", "2")
    assert_refused(result, "labels.csv: expected rows of images")


def test_a_run_is_not_started_within_its_images(cli, photographs, monkeypatch):
    monkeypatch.chdir(photographs)
    result = cli("--dataset", "folder", "--data_dir", ".", *SMALL, "--num_epochs", "1")
    assert_refused(
        result, "--data_dir .: the program was started within it, and what it writes would be taken for images"
    )


def test_a_user_without_a_home_is_given_one_before_others_ask_for_it(cli, tmp_path, without_home):
    """Matplotlib would not start, and Keras make a folder named ~."""
    code, out, err = cli("--dataset", "folder", "--data_dir", "nowhere")
    assert_refused((code, out, err), "nowhere: found nothing there")
    assert out.startswith("no home folder that can be written") and os.environ["HOME"] in out
    assert list(tmp_path.iterdir()) == []


def test_names_that_a_terminal_cannot_show_are_shown_otherwise(tmp_path, undrawn, photographs, monkeypatch):
    (photographs / "notes.\udce9").touch()
    photographs = photographs.rename(tmp_path / "\u5199\u771f")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict"))
    assert assignment.main(["--dataset", "folder", "--data_dir", str(photographs), *DENSE, "--num_epochs", "1"]) == 0
    sys.stdout.flush()
    assert b"\\u5199\\u771f" in sys.stdout.buffer.getvalue()


def test_folders_of_any_bytes(cli, tmp_path, photographs):
    """Of the data, of a class, of the cache, of a file that cannot be read and of one that is drawn."""
    odd = os.fsdecode(b"\xe9t\xe9")
    try:
        photographs = photographs.rename(tmp_path / odd)
    except OSError:
        pytest.skip("this file system takes only names that are text")
    (photographs / "coast").rename(photographs / odd)
    (photographs / odd / "0.png").rename(photographs / odd / f"{odd}.png")
    (photographs / "forest" / f"{odd}.png").touch()
    flags = ["--dataset", "folder", "--is_cvae", "--data_dir", photographs, "--cache_dir", tmp_path / f"cache {odd}"]
    drawn = ["--relabel", photographs / odd / f"{odd}.png"]
    code, out, err = cli(*flags, *SMALL, *drawn, "--num_epochs", "1", "--tensorboard", "--skip_unreadable")
    assert code == 0, err
    assert "left out: " not in out
    run, name = tmp_path / "outputs/folder_cvae", "\N{REPLACEMENT CHARACTER}t\N{REPLACEMENT CHARACTER}"
    assert json.loads((run / "unreadable_images.json").read_text()) == {f"forest/{odd}.png": "empty file"}
    assert f"classes: 2 (forest, {name})" in (run / "report.html").read_text(encoding="utf-8")
    assert load_config(tmp_path / "model_ckpts/folder_cvae").data_dir == str(photographs)
    assert (run / "relabelled.png").is_file() and (run / "results.json").is_file()


@pytest.mark.slow
def test_saved_weights_draw_without_their_data(cli, few_frames, tmp_path, photographs):
    flags = ["--dataset", "folder", "--data_dir", photographs, *DENSE, "--num_epochs", "1", "--is_cvae"]
    assert cli(*flags)[0] == 0
    trained = tmp_path / "outputs/folder_cvae"
    photographs.rename(tmp_path / "elsewhere")
    generate = ["--load_weights", "folder_cvae", "--num_epochs", "0"]
    ends = [str(tmp_path / "elsewhere" / name) for name in ("coast/0.png", "forest/0.png")]
    code, out, _ = cli(*generate, "--interpolate", *ends, "--traverse", ends[0])
    assert code == 0 and "no data: --data_dir" in out and "found nothing there" in out
    drawn = tmp_path / "outputs/folder_cvae_generated"
    assert files(drawn) == [
        "chosen_interpolation.png",
        "chosen_interpolation_moving.gif",
        "classes.png",
        "samples.png",
        "traversal_0.png",
        "traversal_0_moving.gif",
    ]
    for name in ("samples.png", "classes.png"):
        assert (drawn / name).read_bytes() == (trained / name).read_bytes()
    for asked, message in {
        ("--interpolate", "0", "1"): "--interpolate 0: there are no test images; expected --data_dir, or paths",
        ("--embed",): "--embed: it needs the images of the data set, and there are none",
        ("--evaluate",): "found nothing there",
    }.items():
        assert_refused(cli(*generate, *asked), message)


def test_other_data_are_no_advice_to_those_who_load_weights(make_config, tmp_path):
    given = {"dataset": "binarized_mnist", "data_dir": str(tmp_path), "num_epochs": 1}
    with pytest.raises(DataMissing, match="in --data_dir; --dataset digits needs no file"):
        run_experiment(make_config(**given))
    with pytest.raises(DataMissing, match="of 0 and 1, there or in --data_dir$"):
        run_experiment(make_config(**given, load_weights="model_ckpts/vae.weights.h5"))


def test_weights_of_photographs_go_to_another_folder_of_any_size(cli, undrawn, tmp_path, photographs):
    assert cli("--dataset", "ucmerced", "--data_dir", photographs, *DENSE, "--num_epochs", "1")[0] == 0
    results = json.loads((tmp_path / "outputs/ucmerced_vae/results.json").read_text())["test"]
    assert "bits_per_dim" not in results, "densities have none"
    other = write_photographs(tmp_path / "other", num_images=4, size=40)
    arguments = ["--load_weights", "ucmerced_vae", "--dataset", "folder", "--data_dir", other]
    assert cli(*arguments, "--num_epochs", "1")[0] == 0
    result = cli(*arguments, "--num_epochs", "0", "--image_size", "32")
    assert "the saved weights expect images (16, 16, 3)" in result[2].splitlines()[-1]


def test_a_resumed_run_must_see_the_same_photographs(cli, undrawn, photographs):
    flags = ["--dataset", "folder", *DENSE, "--data_dir"]
    assert cli(*flags, photographs, "--num_epochs", "1", "--horizontal_flip")[0] == 0
    photographs = photographs.rename(photographs.with_name("moved"))
    assert cli("--dataset", "folder", "--resume", "--data_dir", photographs, "--num_epochs", "2")[0] == 0
    for path in photographs.rglob("*.png"):
        Image.open(path).rotate(180).save(path)
    result = cli("--dataset", "folder", "--resume", "--data_dir", photographs, "--num_epochs", "3")
    assert result[0] == 2 and "the images are not those that it began with" in result[2].splitlines()[-1]


def test_a_run_with_a_limit_may_know_the_checksum_of_the_whole_folder(photographs):
    """Such runs are there: all images used to be read, whatever the limit."""
    config = resolve({"dataset": "folder", "data_dir": str(photographs), "limit": 2})
    some, whole = read_data(config), read_data(replace(config, limit=None))
    assert is_of(some, config, some.fingerprint) and is_of(some, config, whole.fingerprint)
    assert not is_of(some, config, "0") and not is_of(whole, replace(config, limit=None), some.fingerprint)


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


@pytest.mark.slow
def test_a_model_of_few_labels_learns_from_class_folders(cli, undrawn, tmp_path):
    for index in range(30):
        folder = tmp_path / "photographs" / ("bright" if index % 2 else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.full((12, 12, 3), 200 if index % 2 else 30, np.uint8) + np.uint8(index)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    flags = ["--dataset", "folder", "--data_dir", "photographs", "--image_size", "8", "--num_epochs", "1", "--is_cvae"]
    code, _, err = cli(*flags, "--hidden_sizes", "4", "8", "--labelled", "4")
    assert code == 0, err
    assert_refused(
        cli(*flags, "--hidden_sizes", "4", "8", "--labelled", "1"), "--labelled 1: expected at least one for"
    )
