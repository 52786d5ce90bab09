"""The verbs from Python do what the command line does, and every listing of their page runs."""

import re

import numpy as np
import pytest
from conftest import PROJECT, QUICK

from data_utils import load_dataset
from experiment.api import load, train
from experiment.settings.refusals import ConfigError
from image_data.splits import DataError

LISTINGS = re.findall(r"<!-- run -->\n```python\n(.*?)```", (PROJECT / "docs/python.md").read_text(), re.S)


@pytest.fixture
def digits():
    return load_dataset("digits", limit=200)


@pytest.mark.slow
def test_every_listing_of_the_page_runs(undrawn, tmp_path, monkeypatch, digits):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("data_utils.load_dataset", lambda name: digits)
    names = {}
    for listing in LISTINGS:
        exec(listing, names)
    assert len(LISTINGS) == 7 and names["codes"].shape == (8, 10) and names["between"].shape == (4, 9, 28, 28, 1)
    assert names["longer"].config.num_epochs == 3 and names["longer"].name == "mine"
    assert names["scores"].iw_bound.mean() == pytest.approx(names["numbers"]["iw_bound"], rel=1e-6)
    assert names["hvae"].encode(digits.test.images).shape == (200, 8)
    assert (tmp_path / "samples.png").is_file()


def test_it_trains_the_run_of_the_command_line(cli, undrawn, tmp_path, digits):
    """The same images in the same splits and the same settings: the same weights, to the bit, and the same numbers."""
    flags = [*QUICK[4:], "--likelihood", "bernoulli", "--binarization", "dynamic", "--is_cvae"]
    np.savez(
        "all.npz",
        **{
            f"{letter}_{name}": getattr(getattr(digits, name), kind)
            for letter, kind in (("x", "images"), ("y", "labels"))
            for name in ("train", "validation", "test")
        },
    )
    assert cli("--dataset", "arrays", "--data_dir", "all.npz", "--run_name", "shell", *flags)[0] == 0
    pairs = [(split.images, split.labels.argmax(axis=1)) for split in digits[:3]]
    settings = {
        "num_epochs": np.int64(2),
        "hidden_sizes": np.array([16]),
        "likelihood": "bernoulli",
        "binarization": "dynamic",
    }
    mine = train(*pairs[0], validation=pairs[1], test=pairs[2], is_cvae=True, run_name="python", **settings)
    shell = load("shell")
    for one, other in zip(mine.model.weights, shell.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert mine.results["test"] == shell.results["test"]
    assert mine.score(*pairs[2]).elbo.mean() == pytest.approx(mine.results["test"]["elbo"], rel=1e-6)
    assert mine.evaluate(*pairs[2], iw_samples=2)["elbo"] == mine.results["test"]["elbo"]
    again = train(*pairs[0], validation=pairs[1], test=pairs[2], load_weights="shell", num_epochs=0)
    assert again.name == "shell_generated" and again.results["test"]["elbo"] == shell.results["test"]["elbo"]
    with pytest.raises(DataError, match="labels: expected none, since vae_1l is not conditional; leave them out"):
        load(PROJECT / "model_ckpts/vae_1l").encode(*pairs[2])
    np.testing.assert_array_equal(mine.encode(*pairs[2]), shell.encode(digits.test.images, digits.test.labels))
    np.savez("other.npz", x_train=digits.test.images, y_train=digits.test.labels)
    code, out, _ = cli("--load_weights", "shell", "--num_epochs", "0", "--data_dir", "other.npz")
    assert code == 0 and "WARNING: not the images that the weights were trained with" in out
    assert "WARNING" not in cli("--load_weights", "shell", "--num_epochs", "0")[1]
    code, _, err = cli("--load_weights", "shell", "--num_epochs", "0", "--data_dir", "gone.npz", "--anomalies")
    assert code == 2 and "--anomalies: it needs the images of the data set" in err
    assert "train(images, " in mine.results["protocol"]["command"]

    images, classes = pairs[2]
    ends = mine.interpolate(images[:2], images[2:4], 3, labels=classes[:2])
    np.testing.assert_allclose(ends[:, 0], mine.decode(mine.encode(images[:2], classes[:2]), classes[:2]), atol=1e-6)
    for wrong, message in {
        lambda: mine.encode(images): "labels: expected 200 for a conditional model, of 0, 1",
        lambda: mine.encode(images / 255, classes): "images float64 .*: expected uint8",
        lambda: mine.encode(images[:, :7], classes): r"images uint8 \[200, 7, 28, 1\]: expected \[N, 28, 28, 1\]",
        lambda: mine.interpolate(images[:2], images[:3], labels=classes[:2]): "2 and 3 images: expected pairs",
        lambda: mine.decode([[0.0], [0.0, 1.0]]): "codes of different lengths: expected an array",
        lambda: mine.decode(np.zeros((0, 15))): r"codes float64 \[0, 15\]: expected finite numbers \[N, 15\]",
        lambda: mine.encode(images[0], classes[:1]): r"images uint8 \[28, 28, 1\]: expected \[N, 28, 28, 1\], at least",
        lambda: mine.evaluate(*pairs[2], train=(images,)): "train: a tuple of 1; expected images, or a pair",
        lambda: mine.decode(
            np.zeros((2, 3)), classes[:2]
        ): r"codes float64 \[2, 3\]: expected finite numbers \[N, 15\]",
        lambda: mine.sample(2, labels=[3, 10]): "labels int64 .*: expected 2 class numbers from 0 to 9",
        lambda: mine.decode(np.full((2, 15), np.nan), classes[:2]): r"codes float64 \[2, 15\]: expected finite numbers",
    }.items():
        with pytest.raises(DataError, match=message):
            wrong()
    for wrong, message in {
        lambda: train(images, latent_dims=3): "latent_dims: no such setting; did you mean latent_size",
        lambda: mine.interpolate(images, images, path="bent", labels=classes): "path bent: expected straight or",
        lambda: load("nowhere"): "nowhere: expected a run",
        lambda: train(images, lr=0.1): "lr: no such setting; did you mean learning_rate",
        lambda: train(): "images None: expected an array, a path, or a data set by name",
        lambda: train("all.npz", labels=classes): "labels without an array of images: expected it in the folder or the",
        lambda: train(images, resume=True): "resume True: expected the name of a run",
        lambda: mine.sample(1, labels=[0], seed=2**32): "seed 4294967296: expected a whole number of at least 0",
        lambda: mine.sample(1, labels=[0], temperature="a"): "temperature 'a': expected a number from 0 to",
        lambda: train(images, validation_split=0.3): "with arrays: expected x_validation and x_test in the file, or",
        lambda: mine.sample(-1, labels=[]): "num_images -1: expected a whole number of at least 1",
        lambda: mine.sample(1, labels=[0], temperature=-1.0): "temperature -1.0: expected a number from 0 to",
        lambda: mine.score(images, classes, iw_samples=2.5): "iw_samples 2.5: expected a whole number of at least 0",
        lambda: mine.interpolate(images[:1], images[:1], 1, labels=[0]): "num_steps 1: expected a whole number",
        lambda: train(images, dataset="digits"): "dataset or data_dir beside images: expected one of them",
    }.items():
        with pytest.raises(ConfigError, match=message):
            wrong()
