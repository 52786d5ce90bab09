"""Schedules are functions of the step, and give their ends."""

import numpy as np
import pytest
import tensorflow as tf

from experiment.training.schedules import beta_at, ema_decay_at, make_optimizer, num_samples_in


def betas(config, steps):
    return [np.asarray(beta_at(tf.constant(step, tf.int64), config, steps_per_epoch=10)).tolist() for step in steps]


def test_beta_is_constant_unless_it_is_told_to_rise(make_config):
    assert betas(make_config(beta=4.0), [0, 7, 1000]) == [4.0, 4.0, 4.0]


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ("linear", [0.0, 1.0, 2.0, 4.0, 4.0, 4.0]),
        ("cosine", [0.0, 2 - 2 * np.cos(np.pi / 4), 2.0, 4.0, 4.0, 4.0]),
        ("cyclical", [0.0, 2.0, 4.0, 0.0, 2.0, 4.0]),
    ],
)
def test_beta_rises_over_its_epochs(make_config, schedule, expected):
    """Over two epochs of ten steps: at the steps 0, 5, 10, 20, 25 and 30."""
    config = make_config(beta=4.0, beta_schedule=schedule, beta_epochs=2.0)
    np.testing.assert_allclose(betas(config, [0, 5, 10, 20, 25, 30]), expected, atol=1e-6)


@pytest.mark.parametrize(
    "most, expected", [(2, [1, 1, 1, 1, 2, 2, 2, 2]), (5, [1, 1, 2, 2, 4, 4, 5, 5]), (8, [1, 1, 2, 2, 4, 4, 8, 8])]
)
def test_samples_double_in_equal_parts_of_the_training(make_config, most, expected):
    given = {"objective": "iwae", "num_importance_samples": most, "num_epochs": 8}
    assert [num_samples_in(epoch, make_config(**given, growing_samples=True)) for epoch in range(8)] == expected
    assert {num_samples_in(epoch, make_config(**given)) for epoch in range(8)} == {most}


def test_each_level_has_its_weight_top_first(make_config):
    config = make_config(hierarchical=True, latent_size=(4, 3, 2), beta=2.0, beta_schedule="constant")
    assert betas(config, [5]) == [2.0]
    weighted = make_config(
        hierarchical=True, latent_size=(4, 3, 2), beta=2.0, level_betas=(1.0, 0.5, 0.25), beta_schedule="constant"
    )
    assert betas(weighted, [5]) == [[0.5, 1.0, 2.0]]


def test_averages_forget_the_beginning_and_then_have_their_decay(make_config):
    decays = [float(ema_decay_at(tf.constant(step), make_config(ema=0.99))) for step in (0, 180, 10_000)]
    assert decays == pytest.approx([0.0, 0.9, 0.99])


def test_the_optimizer_is_the_one_that_was_asked_for(make_config):
    adam = make_optimizer(make_config(), num_steps=100)
    assert type(adam).__name__ == "Adam" and float(adam.learning_rate) == pytest.approx(1e-3)
    assert adam.global_clipnorm is None
    adamax = make_optimizer(make_config(optimizer="adamax", clip_norm=5.0, learning_rate_schedule="cosine"), 100)
    assert type(adamax).__name__ == "Adamax" and adamax.global_clipnorm == 5.0
    weight = tf.Variable(1.0)
    adamax.build([weight])
    rates = []
    for _ in range(101):
        rates.append(float(adamax.learning_rate))
        adamax.apply([tf.constant(0.1)], [weight])
    np.testing.assert_allclose(rates, [5e-4 * (1 + np.cos(np.pi * step / 100)) for step in range(101)], atol=1e-8)


def test_weight_decay_is_decoupled_from_the_gradient(make_config):
    optimizer = make_optimizer(make_config(learning_rate=0.1, weight_decay=0.5), 100)
    weight = tf.Variable(3.0)
    optimizer.build([weight])
    optimizer.apply([tf.constant(0.0)], [weight])
    assert float(weight) == pytest.approx(3.0 * (1 - 0.1 * 0.5))
