"""Tables and pictures of images, by running their commands."""

import csv
import json

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files
from PIL import Image


def test_codes_and_scores_of_the_same_images_agree(cli, undrawn, trained, tmp_path):
    """New images that are the test images, in their order, score as these do."""
    trained(*QUICK, "--codes", "--anomalies")
    outputs = tmp_path / "outputs/digits_vae"
    arrays, results = np.load(outputs / "codes.npz"), json.loads((outputs / "results.json").read_text())
    is_test = arrays["split"] == "test"
    assert len(is_test) == 580 and np.isclose(arrays["elbo"][is_test].mean(), results["test"]["elbo"], rtol=1e-6)
    assert {"unusual_by_elbo.png", "unusual_by_excess.png"} <= set(files(outputs))

    from data_utils import load_dataset

    (tmp_path / "new").mkdir()
    for index, image in enumerate(load_dataset("digits", limit=200).test.images):
        Image.fromarray(image[..., 0]).save(tmp_path / f"new/{index:03}.png")
    code, out, err = cli("--load_weights", "digits_vae", "--score", "new", "--anomalies")
    assert code == 0, err
    scored = tmp_path / "outputs/digits_vae_scores"
    names = ["scores.csv", "scores.json", "scores.npz", "unusual_by_elbo.png", "unusual_by_excess.png"]
    assert files(scored) == names and "scores.csv" in out
    new = np.load(scored / "scores.npz")
    order = np.argsort(new["image"])
    assert new["image"][order][7] == "007.png" and set(new["split"]) == {"new"}
    np.testing.assert_allclose(new["code_length"][order], arrays["code_length"][is_test], rtol=0.2)
    with open(scored / "scores.csv") as file:
        assert len(list(csv.DictReader(file))) == 200
    assert len(json.loads((scored / "scores.json").read_text())["weights_sha256"]) == 64

    (tmp_path / "new/007.png").write_bytes(b"no image")
    code, _, err = cli("--load_weights", "digits_vae", "--score", "new")  # behind the bar of reading
    assert code == 2 and "error: --score new: 1 of 200 files cannot be read as images: 007.png" in err
    assert cli("--load_weights", "digits_vae", "--score", "new", "--skip_unreadable")[0] == 0
    left_out = json.loads((tmp_path / "outputs/digits_vae_scores_2/unreadable_images.json").read_text())
    assert list(left_out) == ["007.png"]
    assert_refused(cli("--load_weights", "digits_vae", "--score", "nowhere"), "--score nowhere: found no such folder")
    assert_refused(cli("--load_weights", "digits_vae", "--score", "a.npz"), "from Python: load(RUN).score(images)")
    assert_refused(cli("--load_weights", "digits_vae", "--score", "new/000.png"), "--score new/000.png: is a file;")
    for flags in (["--num_epochs", "3"], ["--codes"], ["--image_size", "64"], ["--dataset", "mnist"]):
        assert_refused(
            cli("--load_weights", "digits_vae", "--score", "new", *flags), f"--score with {flags[0]}: it only"
        )
    assert_refused(cli("--score", "new"), "--score new: expected --load_weights RUN as well, the model that scores")


@pytest.mark.slow
def test_a_model_of_few_labels_labels_images(cli, undrawn, trained, tmp_path):
    few = ["--is_cvae", "--labelled", "60", "--hidden_sizes", "64", "--batch_size", "10", "--learning_rate", "0.003"]
    trained(*QUICK, *few, "--num_epochs", "8", "--codes")
    outputs = tmp_path / "outputs/digits_m2"
    results = json.loads((outputs / "results.json").read_text())
    assert "labels of 60 training images" in results["protocol"]["training"]
    arrays = np.load(outputs / "codes.npz")
    is_test = arrays["split"] == "test"
    found = arrays["label_found"][is_test]
    accuracy = np.mean(found == arrays["label"][is_test])
    assert accuracy == results["test"]["label_accuracy"] > 0.4  # one in ten by chance

    from data_utils import load_dataset
    from experiment.api import load

    images = load_dataset("digits", limit=200).test.images
    (tmp_path / "new").mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(tmp_path / f"new/{index:03}.png")
    assert cli("--load_weights", "digits_m2", "--score", "new")[0] == 0
    new = np.load(tmp_path / "outputs/digits_m2_scores/scores.npz")
    order = np.argsort(new["image"])
    assert (new["label"] == "").all() and np.mean(new["label_found"][order] == found) > 0.7  # other pixels
    probabilities = load("digits_m2").classify(images)
    assert probabilities.shape == (200, 10) and np.allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities.argmax(axis=1).astype(str) == found).all()
    assert_refused(
        cli(*QUICK, "--is_cvae", "--labelled", "9"), "--labelled 9: expected at least one for each of the 10"
    )
