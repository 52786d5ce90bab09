"""Signs in the course of training: curves that have the illness, and curves that are near it."""

import numpy as np
import pytest
from evidences import FLAT, config_with, dataset_of, evidence, images_of, look, rows_of

from experiment.advice.signs import not_looked_at

FALLS, HEART, GAP = "a validation loss that still falls", "overfitting", "a gap between training and validation"


def test_a_loss_that_falls_to_the_last_epoch():
    falling = [200.0, 160.0, 140.0, 125.0, 115.0, 110.0, 107.0, 105.0, 103.0, 101.0]
    remark = look(FALLS, evidence(rows=rows_of(falling)))
    assert "by 4.0 nats in the last 2 of 10 validations, of 99.0 nats in all" in remark.evidence
    assert remark.flag == "--num_epochs 20, with --resume from here"
    annealed = config_with(learning_rate_schedule="cosine")
    assert look(FALLS, evidence(annealed, rows=rows_of(falling))).flag == "--num_epochs 20"


def test_a_loss_that_is_level_or_trembles_does_not_fall():
    assert look(FALLS, evidence(rows=rows_of(FLAT))) is None
    trembling = 100 + 200 * np.exp(-np.arange(60)) + np.random.default_rng(0).normal(0, 0.3, 60)
    assert look(FALLS, evidence(rows=rows_of(trembling.tolist()))) is None
    assert look(FALLS, evidence(rows=rows_of([10.0, 9.0, 8.9, 8.8, 8.4]))) is None  # below half a nat
    assert look(FALLS, evidence(rows=rows_of([-5000.0, -9000.0, -9500.0, -9600.0, -9620.0]))) is None


def test_densities_of_negative_loss_fall_as_others_do():
    assert look(FALLS, evidence(rows=rows_of([-5000.0, -8000.0, -9000.0, -9500.0, -9800.0]))) is not None


def test_validation_that_rises_while_training_falls():
    rising, falling = [200.0, 120.0, 110.0, 112.0, 114.0, 117.0], [190.0, 115.0, 100.0, 95.0, 90.0, 85.0]
    remark = look(HEART, evidence(rows=rows_of(rising, falling)))
    assert "since epoch 3 of 6 validation rose by at least 4.0 nats and training fell by 15.0" in remark.evidence
    assert "weights of epoch 3 are kept" in remark.evidence
    assert remark.flag == "more training images"
    limited = evidence(config_with(limit=50), rows=rows_of(rising, falling), dataset=dataset_of(images_of(50)))
    assert look(HEART, limited).flag == "leave --limit out"
    photographs = config_with(dataset="folder", network="mlp", image_size=28)
    assert look(HEART, evidence(photographs, rows=rows_of(rising, falling))).flag.startswith("--horizontal_flip")


def test_a_run_that_gets_worse_altogether_is_not_overfit():
    rising = [200.0, 120.0, 110.0, 112.0, 114.0, 117.0]
    assert look(HEART, evidence(rows=rows_of(rising, [190.0, 115.0, 100.0, 101.0, 105.0, 108.0]))) is None


def test_a_loss_that_falls_by_its_penalty_alone_learns_nothing_by_heart():
    """As that of an MMD with idle units: the reconstructions of training images do not improve."""
    rows = rows_of([200.0, 120.0, 110.0, 112.0, 114.0, 117.0], [190.0, 115.0, 100.0, 95.0, 90.0, 85.0])
    assert look(HEART, evidence(rows=[row | {"distortion": 80.0} for row in rows])) is None


@pytest.mark.parametrize("last", [[110.2, 110.4, 110.3], [114.0, 115.0, 110.1]])
def test_a_rise_that_is_small_or_over_is_not_overfitting(last):
    falling = [190.0, 115.0, 100.0, 95.0, 90.0, 85.0]
    assert look(HEART, evidence(rows=rows_of([200.0, 120.0, 110.0, *last], falling))) is None


def test_a_gap_is_measured_at_the_weights_that_are_kept():
    losses = [200.0, 130.0, 115.0, 110.0, 110.0]
    remark = look(GAP, evidence(rows=rows_of(losses, [195.0, 120.0, 100.0, 90.0, 60.0])))
    assert "ELBO -90.0 nats in training and -110.0 in validation after epoch 4, with a rate of 20.0" in remark.evidence
    assert look(GAP, evidence(rows=rows_of(losses, [195.0, 125.0, 112.0, 101.0, 60.0]))) is None


def test_a_beta_that_rises_and_falls_is_not_judged_by_the_course():
    cyclical = config_with(beta_schedule="cyclical", beta_epochs=2.0)
    (reason,) = not_looked_at(evidence(cyclical))
    assert "beta rises and falls" in reason and not_looked_at(evidence(cyclical))[reason] == [HEART, FALLS, GAP]


def test_hundreds_of_steps_are_few():
    remark = look("too few steps", evidence(config_with(num_epochs=5), rows=rows_of([3.0] * 5, steps=50)))
    assert remark.evidence == "250 steps of 128 images in 5 epochs" and remark.flag == "--num_epochs 40"
    assert look("too few steps", evidence(config_with(num_epochs=5), rows=rows_of([3.0] * 5, steps=200))) is None
    goes_on = config_with(load_weights="somewhere")
    assert look("too few steps", evidence(goes_on, rows=rows_of([3.0] * 5, steps=50))) is None


def test_a_model_that_learns_by_heart_needs_no_more_steps():
    rows = rows_of([200.0, 120.0, 110.0, 112.0, 114.0, 117.0], [190.0, 115.0, 100.0, 95.0, 90.0, 85.0], steps=50)
    assert look("too few steps", evidence(rows=rows)) is None


def test_steps_are_worked_out_from_the_protocol_where_the_rows_are_lost():
    protocol = {"training_images": 1_290, "batch_size": 128, "epochs": 10}
    assert look("too few steps", evidence(rows=[], protocol=protocol)).evidence.startswith("100 steps")
    assert look("too few steps", evidence(rows=[], protocol={**protocol, "training_images": 55_000})) is None


def test_training_that_was_never_better_than_the_weights_it_began_with():
    illness, config = "no epoch better than the first weights", config_with(learning_rate=0.003, load_weights="other")
    protocol = {"first_weights": "other", "first_weights_sha256": "aa", "weights_sha256": "aa"}
    remark = look(illness, evidence(config, protocol=protocol))
    assert remark.evidence == "the kept weights have the checksum of other" and remark.flag == "--learning_rate 0.001"
    assert look(illness, evidence(config, protocol=protocol | {"weights_sha256": "bb"})) is None
    assert look(illness, evidence(protocol={"weights_sha256": "bb"})) is None
    assert "no results yet" in "".join(not_looked_at(evidence()._replace(results={})))
