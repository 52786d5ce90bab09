"""The audit states the numbers that a reader would otherwise have to work out."""

import pytest

from experiment.audit import audit
from experiment.files.names import Run
from experiment.settings.words import beta_norm, nats_of
from image_data.splits import Dataset
from models.build import build_model


def test_beta_norm_is_beta_times_units_over_pixels(make_config):
    assert beta_norm(make_config(beta=4.0)) == pytest.approx(4.0 * 3 / 64)


def test_audit_says_what_is_trained_and_where_it_goes(make_config, split):
    config = make_config(is_cvae=True, beta=4.0, precision="float32")
    model = build_model(config)
    lines = dict(
        audit(config, model, Dataset(split, split, split, config.label_names, notes=("found it",)), Run("trial"))
    )
    assert f"{model.count_params():,} parameters, given 3 labels" in lines["model"]
    assert lines["model"].startswith("CVAE, mlp (16, relu), ")
    assert "44 / 44 / 44 images" in lines["data"] and lines[""] == "found it"
    assert "8 x 8 x 1 = 64 pixels, 3 latent units" in lines["dimensions"]
    assert lines["likelihood"] == "bernoulli, binarisation dynamic"
    assert lines["loss"].startswith("distortion + beta rate; beta 4 (beta_norm 0.188")
    assert lines["device"].endswith(", float32")
    assert "model_ckpts/trial/" in lines["writes to"] and "outputs/trial/" in lines["writes to"]


def test_audit_says_in_which_precision_a_run_is_trained(make_config, split, monkeypatch):
    monkeypatch.setattr("experiment.audit.has_units_for", lambda precision: precision == "mixed_bfloat16")
    said = {}
    for precision in ("mixed_bfloat16", "mixed_float16"):
        config = make_config(precision=precision)
        lines = audit(config, build_model(config), Dataset(split, split, split), Run("trial"))
        assert dict(lines)["device"].endswith(f", trained in {precision}, evaluated in float32")
        said[precision] = [text for name, text in lines if name == "remark"]
    assert said["mixed_bfloat16"] == []
    assert said["mixed_float16"][0].startswith("this machine has no units for mixed_float16, so it is slow;")


def test_audit_of_saved_weights_says_nothing_of_training(make_config, split):
    config = make_config(num_epochs=0, load_weights="model_ckpts/trial/vae.weights.h5")
    lines = dict(audit(config, build_model(config), Dataset(split, split, split), Run("drawn")))
    assert not lines.keys() & {"loss", "training"}
    assert lines["weights"] == "model_ckpts/trial/vae.weights.h5"


def test_audit_says_what_convolutions_are_made_of(make_config, split):
    config = make_config(network="conv", encoder_normalization="batch", upsampling="resize")
    lines = dict(audit(config, build_model(config), Dataset(split, split, split), Run("trial")))
    assert lines["model"].startswith("VAE, conv (16, silu, normalisation batch / none, resize), ")


def test_grey_cross_entropy_is_not_called_a_likelihood(make_config):
    assert "no log-likelihood" in nats_of(make_config(binarization="none"))
    assert "log-probability of binary pixels" in nats_of(make_config())
    for likelihood in ("mse", "gaussian"):
        assert "log-density" in nats_of(make_config(likelihood=likelihood))
    assert "log-probability of the 8-bit values" in nats_of(make_config(likelihood="discretized_logistic"))
