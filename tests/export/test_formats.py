"""Exported files, each in its own runtime, against the Keras model: numbers, and the listings of their card."""

import re
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from experiment.export.programs import programs_of
from experiment.export.write import write_export
from experiment.files.checkpoints import save_model_weights
from experiment.settings.formats import FORMATS
from experiment.settings.words import level_names
from models.build import build_model
from models.distributions import Batch

CONV = {"network": "conv", "hidden_sizes": (4, 6), "num_features": 8, "activation": "leaky_relu"}
# Together: every model, network, normalisation, upsampling and likelihood, residual blocks, and a level that is a map.
KINDS = {
    "vae": {"activation": "tanh", "num_blocks": 1},
    "cvae": {
        **CONV,
        "is_cvae": True,
        "image_shape": (16, 8, 3),
        "likelihood": "gaussian",
        "encoder_normalization": "batch",
        "decoder_normalization": "batch",
        "num_blocks": 1,
    },
    "hvae": {
        **CONV,
        "hierarchical": True,
        "latent_size": ("4x4x2", 3),
        "likelihood": "discretized_logistic",
        "encoder_normalization": "instance",
        "decoder_normalization": "instance",
        "upsampling": "resize",
    },
    "chvae": {"hierarchical": True, "is_cvae": True, "latent_size": (4, 3), "likelihood": "mse"},
    "chain": {**CONV, "activation": "silu", "hierarchical": True, "hierarchy": "chain", "latent_size": (4, 3)},
}


class Exported(NamedTuple):
    """A model with weights that are all random, and its files."""

    model: Any
    config: Any
    folder: Any


@pytest.fixture(scope="module")
def made():
    """The Exported of each kind that was asked for, by its name."""
    return {}


@pytest.fixture
def exported(request, made, make_config, tmp_path_factory):
    if request.param not in made:
        config = make_config(**KINDS[request.param], export=tuple(FORMATS))
        model = build_model(config)
        generator = np.random.default_rng(0)
        for weight in model.weights:  # those that begin at zero or one too: blocks, biases, running statistics
            weight.assign(weight + generator.uniform(0.0, 0.2, weight.shape))
        folder = tmp_path_factory.mktemp(request.param)
        weights = save_model_weights(model, config, folder)
        made[request.param] = Exported(model, config, write_export(model, config, weights, folder))
    return made[request.param]


def runtimes_of(folder, monkeypatch):
    """Name of each format -> what the listings load: "encoder" and "decoder", functions from named arrays to a dict."""
    monkeypatch.chdir(folder)
    runtimes = {name: {} for name in FORMATS}
    for name, values in runtimes.items():
        exec(FORMATS[name].start, values)
    return runtimes


def drawn(model, config, num_images):
    """Random images and labels, and what the model draws for them from a seed: (images, labels, VAEOutput)."""
    generator = np.random.default_rng(num_images)
    images = generator.random((num_images, *config.image_shape), dtype=np.float32)
    labels = np.eye(3, dtype=np.float32)[generator.integers(0, 3, num_images)] if config.is_cvae else None
    batch = Batch(tf.constant(images), None if labels is None else tf.constant(labels))
    return images, labels, model.infer(model.bottom_up(batch), batch.labels, (1, 2))


def noise_of(z, gaussian):
    """What z = mean + stddev * noise was made of."""
    return ((z - gaussian.mean) / gaussian.stddev).numpy()


def assert_same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


BY_KIND = [pytest.param(kind, marks=[pytest.mark.slow] if kind == "hvae" else []) for kind in KINDS]


@pytest.mark.parametrize("exported", BY_KIND, indirect=True)
def test_every_runtime_computes_what_keras_computes(exported, monkeypatch):
    """The codes and their noise are those that the model draws from a seed, of which the files know nothing."""
    model, config, folder = exported
    runtimes, names = runtimes_of(folder, monkeypatch), level_names(model.num_levels)
    is_top_down = config.traits.is_top_down
    for num_images in (1, 3):
        images, labels, output = drawn(model, config, num_images)
        latents = dict(zip(names, output.latents, strict=True))
        label = {} if labels is None else {"labels": labels}
        *conditions, last = names if is_top_down else names[::-1]
        noise = {f"noise_{name}": noise_of(latents[name].z, latents[name].posterior) for name in conditions}
        codes = {name: latents[name].z for name in names} | {last: latents[last].posterior.mean}
        means = model.encode(Batch(tf.constant(images), labels))
        lower = names[1:] if is_top_down else []
        decoder_noise = {f"noise_{name}": noise_of(latents[name].z, latents[name].prior) for name in lower}
        image = model.decode(tuple(latents[name].z for name in names), labels).mean
        reconstruction = model.decode(tuple(codes[name] for name in names), labels).mean
        for runtime in runtimes.values():
            encoded = runtime["encoder"](images=images, **label, **noise)
            for name, latent in latents.items():
                assert_same(encoded[f"mean_{name}"], latent.posterior.mean)
                assert_same(encoded[f"log_var_{name}"], latent.posterior.log_var)
            at_means = runtime["encoder"](images=images, **label, **{name: 0 * noise[name] for name in noise})
            for name, mean in zip(names, means, strict=True):
                assert_same(at_means[f"mean_{name}"], mean)
            top = {names[0]: latents[names[0]].z.numpy(), **label}
            assert_same(runtime["decoder"](**top, **decoder_noise)["images"], image)
            if is_top_down:
                carried = {f"noise_{name}": np.asarray(encoded[f"decoder_noise_{name}"]) for name in lower}
                assert_same(
                    runtime["decoder"](**{**top, names[0]: codes[names[0]].numpy()}, **carried)["images"],
                    reconstruction,
                )


@pytest.mark.parametrize("exported", BY_KIND, indirect=True)
def test_listings_of_the_card_run_and_agree(exported, monkeypatch):
    monkeypatch.chdir(exported.folder)
    listings = re.findall(r"```python\n(.*?)```", (exported.folder / "README.md").read_text(), re.S)
    assert len(listings) == len(FORMATS)
    made = []
    for listing in listings:
        values = {}
        exec(listing, values)
        made.append([np.asarray(values[name]) for name in ("samples", "reconstructions")])
        samples, reconstructions = made[-1]
        assert samples.shape == reconstructions.shape == (3, *exported.config.image_shape)
        shown = np.asarray(Image.open(exported.folder / "sample.png"), float).reshape(exported.config.image_shape)
        assert np.abs(shown - 255 * samples[0]).max() <= 0.501
        assert_same(samples, made[0][0])
    assert np.isfinite(np.stack([each[1] for each in made])).all()


@pytest.mark.parametrize("exported", BY_KIND, indirect=True)
def test_programs_are_what_they_declare_and_draw_no_noise(exported):
    for program in programs_of(exported.model, exported.config):
        rows = {name: tf.ones((2, *shape)) for name, shape in program.inputs.items()}
        returned = program.function(*rows.values())
        assert {name: tuple(tensor.shape) for name, tensor in returned.items()} == {
            name: (2, *shape) for name, shape in program.outputs.items()
        }
        operations = program.function.get_concrete_function().graph.get_operations()
        assert not [each.type for each in operations if "Random" in each.type or "Rng" in each.type]
