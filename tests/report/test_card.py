"""Model cards: what hubs read, what people read, and the listing that is run."""

import json
import re
import shlex
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import assignment
from benchmarks import results as shipped
from experiment.files.names import load_config
from experiment.plan.run import configure
from experiment.report.card import model_card
from experiment.settings.combine import flags_of, resolve
from experiment.settings.config import DATA, MODEL, TRAINING, names_in

RESULTS = {
    "test": {
        "elbo": -12.25,
        "distortion": 10.0,
        "rate": 2.25,
        "rate_per_level": [2.25],
        "elbo_standard_error": 0.5,
        "active_units": [3],
        "num_images": 44,
        "marginal_kl": 1.5,
    },
    "protocol": {
        "unit": "nats per image: words: of colons",
        "split": 'first "44" images',
        "command": "python assignment.py --data_dir /home/ada",
        "weights": "/home/ada/model_ckpts/vae.weights.h5",
        "seed": 3,
        "limit": None,
        "versions": {"keras": "3.15.1"},
    },
}


def card_of(config, results=RESULTS, name="digits_vae"):
    return model_card(name, config, results)


def parse_yaml(text):
    """YAML as an independent reader takes it, which comes with the packages for tests."""
    return pytest.importorskip("yaml").safe_load(text)


def header_of(card):
    opening, header, body = re.fullmatch(r"(---\n)(.*?\n)---\n\n(# .*)", card, re.DOTALL).groups()
    return header, body


@pytest.mark.parametrize("name", shipped.SHIPPED)
def test_shipped_cards_are_what_their_records_say(name):
    folder = shipped.PROJECT / "model_ckpts" / name
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == shipped.card_of(folder), "python -m benchmarks.results writes them"
    record = json.loads((folder / "results.json").read_text())
    assert f"python assignment.py --preset {name}\n" in card
    assert f"| IW bound | {record['test']['iw_bound']:.2f} |" in card
    assert record["protocol"]["weights_sha256"] in card


@pytest.mark.parametrize("name", shipped.SHIPPED)
def test_hubs_read_the_header(name):
    folder = shipped.PROJECT / "model_ckpts" / name
    header = parse_yaml(header_of((folder / "README.md").read_text(encoding="utf-8"))[0])
    test = json.loads((folder / "results.json").read_text())["test"]
    assert (header["license"], header["library_name"], header["datasets"]) == ("mit", "keras", ["mnist"])
    assert {"vae", load_config(folder).model} <= set(header["tags"])
    (entry,) = header["model-index"]
    (result,) = entry["results"]
    assert entry["name"] == name and result["dataset"]["split"] == "test" and result["task"]["type"]
    values = {each["type"]: each["value"] for each in result["metrics"]}
    assert list(values) == header["metrics"]
    assert values["active_units"] == sum(test["active_units"])
    assert all(values[key] == test[key] for key in values.keys() - {"active_units"})


def test_the_header_holds_whatever_a_run_is_called(make_config):
    name = "a: 'b' #c"
    header = parse_yaml(header_of(card_of(make_config(dataset="folder", network="mlp"), name=name))[0])
    assert header["model-index"][0]["name"] == name
    assert header["model-index"][0]["results"][0]["dataset"]["split"] == 'first "44" images'
    assert "datasets" not in header, "the images are a user's own"


def test_a_card_names_no_folder_of_the_machine(make_config):
    config = make_config(data_dir="/home/ada/images", load_weights="/home/ada/model_ckpts/first/vae.weights.h5")
    card = card_of(config)
    assert "/home" not in card
    assert "--load_weights first --data_dir DIR\n" in card


def test_numbers_with_bars_stay_in_their_cells(make_config):
    _, body = header_of(card_of(make_config()))
    rows = [re.split(r"(?<!\\)\|", line) for line in body.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {5}
    assert any(row[1].strip() == r"KL(q(z)\|\|p(z))" for row in rows)


def test_what_limits_a_model_is_said(make_config):
    left_out = {**RESULTS, "protocol": RESULTS["protocol"] | {"unreadable_images_left_out": 2}}
    card = card_of(make_config(likelihood="mse", limit=7), left_out)
    assert "first 7 images alone" in card and "2 images that could not be read" in card
    assert "--likelihood gaussian learns the variance." in card
    assert "Its images are 8 x 8 pixels" in card


@pytest.mark.parametrize("name", ["vae_1l", "cvae_1l"])
def test_the_listing_of_a_card_draws_samples(name, tmp_path, monkeypatch):
    card = (shipped.PROJECT / f"model_ckpts/{name}/README.md").read_text(encoding="utf-8")
    (listing,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    (tmp_path / "model_ckpts").symlink_to(shipped.PROJECT / "model_ckpts")
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(compile(listing, "README.md", "exec"), found)
    assert str(list(found["images"].shape)) in listing
    drawn = plt.imread("samples.png")
    assert drawn.shape[:2] == (28, 280)
    np.testing.assert_allclose(drawn[:, 28:56, 0], found["images"][1, :, :, 0], atol=0.01)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"dataset": "digits", "beta": 4.0, "hidden_sizes": (32,)},
        {"is_cvae": True, "hierarchical": True, "latent_size": ("4x4x4", 8), "network": "conv"},
        {"hierarchical": True, "hierarchy": "chain", "learning_rate": 1e-4},
        {"likelihood": "gaussian"},
        {"objective": "iwae", "num_importance_samples": 9},
        {"dataset": "animals", "image_size": (64, 96), "skip_unreadable": True, "data_dir": ".", "seed": 3},
        {"preset": "sprites_beta_vae_4", "seed": 2},
        {"dataset": "ucmerced", "hierarchical": True},
    ],
)
def test_the_command_of_a_card_gives_the_same_run(given):
    config, _ = configure(dict(given))
    words = shlex.split(" ".join(flags_of(config)).replace(" DIR", " ."))
    again, _ = configure(assignment.parse(words))
    same = names_in(MODEL, DATA, TRAINING)
    assert {name: getattr(again, name) for name in same} == {name: getattr(config, name) for name in same}


def test_the_command_of_a_run_that_began_with_weights_keeps_its_settings(tmp_path, monkeypatch):
    """Settings of the first run that the second gave up are named, though they are defaults."""
    monkeypatch.chdir(tmp_path)
    first = replace(resolve({"beta": 4.0, "ema": 0.9}), image_shape=(28, 28, 1))
    (tmp_path / "model_ckpts/first").mkdir(parents=True)
    (tmp_path / "model_ckpts/first/config.json").write_text(first.to_json())
    config, _ = configure({"load_weights": "first", "beta": 1.0})
    again, _ = configure(assignment.parse(shlex.split(" ".join(flags_of(config)))))
    assert again == config and config.beta == 1.0 and config.ema == 0.9


def test_names_of_labels_are_code_and_no_markup(make_config):
    names = ("<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "a`b```|c|", "it's")
    config = replace(make_config(is_cvae=True), label_names=names)
    _, body = header_of(card_of(config))
    (block,) = re.findall(r"^Labels, in order:\n\n```json\n(.*)\n```$", body, re.MULTILINE)
    assert tuple(json.loads(block)) == names
    assert not any(name in body.replace(block, "") for name in names)
