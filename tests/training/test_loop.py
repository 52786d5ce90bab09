"""The step does what the mathematics says, and a run is a function of its settings, to the bit."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from data_utils import batch_order
from experiment.training import loop
from experiment.training import step as training_step
from experiment.training.execution import Execution, plan_execution
from experiment.training.loop import Plan, TrainingError, compile_train_steps, fit, plan_steps
from experiment.training.preprocessing import binarize, flip_horizontally, make_batch
from experiment.training.state import TrainingState
from experiment.training.step import StepMetrics, has_usual_norm, train_step
from models.bounds import elbo_terms
from models.build import build_model
from models.noise import Stream, noise_seed
from models.objectives import Weights, loss_of

PLAN = Plan(batch_size=8, steps_per_epoch=5, num_steps=10, num_images=44)


def make_state(config):
    return TrainingState(build_model(config), config, num_steps=10)


def train(config, split, state=None, until=None):
    """Train to the end, or until a step; returns the state and all Progress."""
    state = state or make_state(config)
    seen = []
    for progress in fit(state, split, config):
        seen.append(progress)
        if progress.step == until:
            break
    return state, seen


def assert_same_bits(first, second):
    for name, variable in first.variables().items():
        np.testing.assert_array_equal(variable, second.variables()[name], err_msg=name)


def test_step_descends_the_gradient_of_the_negative_elbo(make_config, split):
    state = make_state(make_config())
    state.optimizer = keras.optimizers.SGD(0.01)
    state.optimizer.build(state.model.trainable_variables)
    batch, seed = make_batch(split.images[:8], None), noise_seed(0)
    before = [weight.numpy() for weight in state.model.trainable_weights]
    with tf.GradientTape() as tape:
        terms = elbo_terms(state.model(batch, seed), batch.images)
        expected_loss = tf.reduce_mean(terms.distortion + 2.0 * terms.rate[:, 0])
    gradients = tape.gradient(expected_loss, state.model.trainable_weights)

    metrics, is_made = train_step(state, batch, seed, make_config(), Weights(beta=2.0))
    assert is_made
    assert metrics.gradient_norm.numpy() == pytest.approx(
        np.sqrt(sum(np.sum(g.numpy() ** 2) for g in gradients)), rel=1e-4
    )
    assert metrics.loss.numpy() == pytest.approx(expected_loss.numpy(), rel=1e-6)
    assert metrics.distortion.numpy() == pytest.approx(np.mean(terms.distortion), rel=1e-6)
    np.testing.assert_allclose(metrics.rate_per_level, np.mean(terms.rate, axis=0), rtol=1e-5)
    assert state.step.numpy() == 1
    for weight, old, gradient in zip(state.model.trainable_weights, before, gradients, strict=True):
        np.testing.assert_allclose(weight, old - 0.01 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_compiled_program_makes_the_steps_of_an_eager_loop(make_config, split, jit_compile):
    config = make_config(is_cvae=True, batch_size=4)
    eager = make_state(config)
    losses = []
    for step in range(3):
        images = binarize(split.images[4 * step : 4 * step + 4], noise_seed(0, Stream.TRAIN_BINARIZATION, step))
        batch = make_batch(images, split.labels[4 * step : 4 * step + 4])
        seed = noise_seed(0, Stream.TRAIN_POSTERIOR, step)
        losses.append(train_step(eager, batch, seed, config, Weights())[0])

    compiled = make_state(config)
    program = compile_train_steps(compiled, config, PLAN, jit_compile, 1)
    images, labels = split.images[:16].reshape(4, 4, 8, 8, 1), split.labels[:16].reshape(4, 4, 3)
    num_made, means = program(images, labels, tf.constant(3))
    assert num_made == 3
    for name in StepMetrics._fields:
        expected = np.mean([getattr(each, name) for each in losses], axis=0)
        np.testing.assert_allclose(getattr(means, name), expected, rtol=1e-4, err_msg=name)
    assert compiled.step.numpy() == 3
    for a, b in zip(eager.model.weights, compiled.model.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("binarization", ["none", "dynamic"])
def test_images_are_mirrored_before_they_are_binarised(make_config, split, binarization, monkeypatch):
    """The images that the model is given, step by step, against the two functions by hand."""
    config = make_config(horizontal_flip=True, binarization=binarization)
    seen = []
    state = make_state(config)

    def record(state, batch, seed, config, weights):
        tf.numpy_function(lambda images: seen.append(images), [batch.images], [])
        state.step.assign_add(1)
        return StepMetrics(0.0, 0.0, 0.0, tf.zeros([1])), True

    monkeypatch.setattr(loop, "train_step", record)
    program = compile_train_steps(state, config, PLAN, False, 1)
    images = split.images[:24].reshape(3, 8, 8, 8, 1)
    program(images, None, tf.constant(3))
    assert len(seen) == 3
    for step, given in enumerate(seen):
        expected = flip_horizontally(images[step], noise_seed(0, Stream.TRAIN_FLIPS, step))
        if binarization == "dynamic":
            expected = binarize(expected, noise_seed(0, Stream.TRAIN_BINARIZATION, step))
        np.testing.assert_allclose(given, expected / 255, rtol=1e-6)


def test_batch_statistics_are_used_in_training_and_running_ones_in_evaluation(make_config, split):
    config = make_config(**CONV, likelihood="mse")
    state, _ = train(config, split)
    batch, seed = make_batch(split.images, None), noise_seed(0)
    in_training, evaluated = (state.model(batch, seed, training=flag).likelihood.mean for flag in (True, False))
    assert np.abs(in_training - evaluated).max() > 1e-4
    np.testing.assert_array_equal(state.model.reconstruct(batch, seed), state.model(batch, seed).likelihood.mean)
    counters = [weight for weight in state.model.non_trainable_weights if weight.name == "num_batches"]
    assert [counter.numpy() for counter in counters] == [11.0] * 3, "ten steps, and the pass in training above"


def test_the_number_of_steps_does_not_retrace(make_config, split):
    config = make_config()
    traces = []

    class Counting(TrainingState):
        def __init__(self, model):
            super().__init__(model, config, 10)
            call = model.call
            model.call = lambda *arguments, **options: (traces.append(1), call(*arguments, **options))[1]

    program = compile_train_steps(Counting(build_model(config)), config, PLAN, False, 1)
    images = split.images[:16].reshape(2, 8, 8, 8, 1)
    program(images, None, tf.constant(1))
    once = len(traces)
    program(images, None, tf.constant(2))
    assert len(traces) == once > 0


CONV = {"network": "conv", "hidden_sizes": (4, 8), "encoder_normalization": "batch", "decoder_normalization": "batch"}


HIERARCHY = {
    "hierarchical": True,
    "network": "conv",
    "hidden_sizes": (4, 6),
    "num_features": 5,
    "latent_size": ("4x4x1", 3),
    "beta_schedule": "cyclical",
}


@pytest.mark.parametrize(
    "given",
    [
        {"likelihood": "gaussian", "is_cvae": True},
        pytest.param({**CONV, "likelihood": "discretized_logistic", "horizontal_flip": True}, marks=pytest.mark.slow),
        pytest.param({**CONV, "decoder_normalization": "instance", "upsampling": "resize"}, marks=pytest.mark.slow),
        pytest.param(
            {**HIERARCHY, "is_cvae": True, "learning_rate_schedule": "cosine", "optimizer": "adamax"},
            marks=pytest.mark.slow,
        ),
        {"hierarchical": True, "latent_size": (3, 2)},
        {"hierarchical": True, "hierarchy": "chain", "latent_size": (4, 3)},
        pytest.param({**CONV, "precision": "mixed_bfloat16"}, marks=pytest.mark.slow),
        {"precision": "mixed_float16", "ema": 0.9},
    ],
)
def test_a_run_in_two_parts_ends_with_the_same_bits(make_config, split, given, monkeypatch):
    """The second part in objects of its own, which began with another seed: so two runs write the same bits, too."""
    config = make_config(**given)
    monkeypatch.setattr(loop, "plan_execution", lambda *_: Execution(False, 2))
    whole, seen, middle = make_state(config), [], {}
    for progress in fit(whole, split, config):
        seen.append(progress)
        if len(seen) == 2:
            assert not progress.is_epoch_end
            middle = {name: variable.numpy() for name, variable in whole.variables().items()}
    continued = make_state(replace(config, seed=1))
    assert not np.array_equal(continued.model.weights[0], middle["model/0"])
    for name, variable in continued.variables().items():
        variable.assign(middle[name])
    continued, rest = train(config, split, continued)
    assert_same_bits(whole, continued)
    assert [progress.loss for progress in rest] == [progress.loss for progress in seen[2:]]


def test_how_many_steps_a_call_makes_does_not_change_the_weights(make_config, split, monkeypatch):
    states = []
    for steps_per_call in (1, 3):
        plan = Execution(True, steps_per_call)
        monkeypatch.setattr(loop, "plan_execution", lambda *_, plan=plan: plan)
        states.append(train(make_config(), split)[0])
    assert_same_bits(*states)


def test_progress_counts_steps_epochs_and_images(make_config, split, monkeypatch):
    monkeypatch.setattr(loop, "plan_execution", lambda *_: Execution(False, 2))
    config = make_config(num_epochs=2)
    assert plan_steps(split, config) == (8, 5, 10, 44)
    assert plan_steps(split, make_config(batch_size=100)) == (44, 1, 2, 44)
    _, seen = train(config, split)
    assert [progress.step for progress in seen] == [2, 4, 5, 7, 9, 10]
    assert [progress.epoch for progress in seen] == [0, 0, 1, 1, 1, 2]
    assert [progress.is_epoch_end for progress in seen] == [False, False, True, False, False, True]
    assert [progress.num_images for progress in seen] == [16, 16, 8, 16, 16, 8]
    assert len(np.unique(batch_order(44, 8, 0, 0))) == 40


def test_training_lowers_the_loss(make_config, split):
    two_images = split._replace(images=np.tile(split.images[:2], (20, 1, 1, 1)) // 200 * 255)
    _, seen = train(make_config(num_epochs=60, learning_rate=0.01), two_images)
    assert seen[-1].loss < 10 < 30 < seen[0].loss


def test_a_loss_that_is_not_finite_stops_the_run(make_config, split):
    with pytest.raises(TrainingError, match="not finite in .*expected at most 0 .*with a lower --learning_rate"):
        train(make_config(likelihood="gaussian", learning_rate=1e25, num_epochs=20), split)


def test_a_gradient_that_is_not_finite_stops_the_run_although_the_loss_is(make_config, split, monkeypatch):
    def loss_of_infinite_slope(objective, forward, weights):
        return loss_of(objective, forward, weights) + tf.sqrt(tf.reduce_sum(forward.terms.rate) * 0.0)

    monkeypatch.setattr(training_step, "loss_of", loss_of_infinite_slope)
    monkeypatch.setattr(loop, "plan_execution", lambda *_: Execution(False, 1))
    with pytest.raises(TrainingError, match="the loss or its gradient was not finite in 1 steps up to step 1:"):
        train(make_config(), split)


@pytest.mark.parametrize("steps_per_call", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_a_step_that_is_not_finite_is_left_out_and_the_rest_go_on(make_config, split, monkeypatch, steps_per_call):
    """Every third step has a loss of NaN: weights, averages and statistics are those of the other seven."""
    config = make_config(**CONV, max_skipped_steps=3, num_epochs=2, ema=0.9)
    monkeypatch.setattr(loop, "plan_execution", lambda *_: Execution(False, steps_per_call))
    state = make_state(config)

    def sometimes_nan(*arguments):
        return tf.where(state.step % 3 == 2, np.nan, 1.0) * loss_of(*arguments)

    monkeypatch.setattr(training_step, "loss_of", sometimes_nan)
    _, seen = train(config, split, state)
    assert state.num_skipped.numpy() == 3 and state.step.numpy() == 10 and state.optimizer.iterations.numpy() == 7
    assert sum(progress.num_made for progress in seen) == 7
    assert all(np.isfinite(progress.loss) for progress in seen if progress.num_made)
    assert all(np.isfinite(weight).all() for weight in [*state.model.weights, *state.averages])
    counters = [weight.numpy() for weight in state.model.non_trainable_weights if weight.name == "num_batches"]
    assert counters == [7.0] * 3
    state = make_state(config)
    with pytest.raises(TrainingError, match=r"not finite in [23] steps up to step \d+: expected at most 1"):
        train(replace(config, max_skipped_steps=1), split, state)


def test_a_loss_scale_that_overflows_is_halved_and_no_step_counts_as_skipped_for_it(make_config, split):
    """At first the scaled gradients overflow in float16; at a scale of 1 it is the gradient itself that does."""
    config = make_config(precision="mixed_float16")
    state, batch = make_state(config), make_batch(split.images[:8], None)

    def step():
        return train_step(state, batch, noise_seed(0), config, Weights())

    reference = make_state(make_config(precision="float32"))
    expected, _ = train_step(reference, batch, noise_seed(0), config, Weights())
    assert state.loss_scale == 2.0**15
    state.optimizer.dynamic_scale.assign(2.0**24)
    weight, scales = state.model.trainable_weights[0].numpy(), []
    while not (made := step())[1]:
        np.testing.assert_array_equal(state.model.trainable_weights[0], weight)
        scales.append(float(state.loss_scale))
    assert scales == [2.0 ** (23 - index) for index in range(len(scales))] and len(scales) > 1
    assert made[0].gradient_norm.numpy() == pytest.approx(expected.gradient_norm.numpy(), rel=0.01)
    assert not np.array_equal(state.model.trainable_weights[0], weight)
    assert (state.num_skipped.numpy(), state.optimizer.iterations.numpy()) == (0, 1)
    state.optimizer.dynamic_scale.assign(2.0)
    state.model.trainable_weights[0].assign(np.full(weight.shape, np.nan))
    assert [(bool(step()[1]), float(state.loss_scale), int(state.num_skipped)) for _ in range(3)] == [
        (False, 1.0, 0),
        (False, 1.0, 1),
        (False, 1.0, 2),
    ]


def test_averages_are_those_of_the_weights_after_each_step(make_config, split, monkeypatch):
    config = make_config(ema=0.5, num_epochs=1)
    monkeypatch.setattr(loop, "plan_execution", lambda *_: Execution(False, 1))
    state = make_state(config)
    expected, step = state.model.trainable_weights[0].numpy(), 0
    for _ in fit(state, split, config):
        decay = min(0.5, step / (20 + step))
        weight = state.model.trainable_weights[0].numpy()
        expected, step = decay * expected + (1 - decay) * weight, step + 1
    np.testing.assert_allclose(state.averages[0], expected, rtol=1e-4, atol=1e-6)
    with state.averaged():
        np.testing.assert_array_equal(state.model.trainable_weights[0], state.averages[0])
    np.testing.assert_array_equal(state.model.trainable_weights[0], weight)
    assert not np.allclose(weight, expected)


def test_clipped_gradients_have_the_norm_that_is_allowed(make_config, split):
    """With plain gradient descent a step is as long as the clipped gradient; what is logged is the gradient itself."""
    config = make_config(clip_norm=2.0, learning_rate=0.5)
    state = make_state(config)
    state.optimizer = keras.optimizers.SGD(0.5, global_clipnorm=config.clip_norm)
    state.optimizer.build(state.model.trainable_variables)
    before = [weight.numpy() for weight in state.model.trainable_weights]
    metrics, _ = train_step(state, make_batch(split.images[:8], None), noise_seed(0), config, Weights())
    moved = np.sqrt(sum(np.sum((w - b) ** 2) for w, b in zip(state.model.trainable_weights, before, strict=True)))
    assert metrics.gradient_norm > 4.0
    assert moved == pytest.approx(1.0, rel=1e-3)


def test_fit_hands_each_step_its_images_and_their_labels(make_config, split, monkeypatch):
    """A program that records its arguments, in place of the compiled one."""
    config = make_config(is_cvae=True, num_epochs=2)
    seen = []

    def compile_recorder(state, config, plan, jit_compile, num_samples):
        def program(images, labels, num_steps):
            seen.extend((images[index], labels[index]) for index in range(int(num_steps)))
            return tf.constant(1.0), StepMetrics(*tf.ones(3), tf.ones(1))

        return program

    monkeypatch.setattr(loop, "compile_train_steps", compile_recorder)
    monkeypatch.setattr(loop, "plan_execution", lambda *_: Execution(False, 2))
    train(config, split)
    expected = np.concatenate([batch_order(44, 8, config.seed, epoch) for epoch in range(2)])
    assert len(seen) == len(expected) == 10
    for (images, labels), indices in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(images, split.images[indices])
        np.testing.assert_array_equal(labels, split.labels[indices])


@pytest.mark.parametrize("first_step, expected", [(0, [1, 2, 3]), (7, [2, 3])])
def test_each_epoch_has_its_number_of_samples_in_a_continued_run_too(
    make_config, split, monkeypatch, first_step, expected
):
    """Programs that record their number of samples: five steps an epoch, of which two are a call."""
    seen = []

    def compile_recorder(state, config, plan, jit_compile, num_samples):
        seen.append(num_samples)
        return lambda images, labels, num_steps: (tf.constant(1.0), StepMetrics(*tf.ones(3), tf.ones(1)))

    monkeypatch.setattr(loop, "compile_train_steps", compile_recorder)
    monkeypatch.setattr(loop, "plan_execution", lambda *_: Execution(False, 2))
    config = make_config(objective="iwae", num_importance_samples=3, growing_samples=True, num_epochs=3)
    state = make_state(config)
    state.step.assign(first_step)
    train(config, split, state)
    assert seen == expected


def test_the_variance_of_the_gaussian_becomes_the_mean_squared_error(make_config, split):
    dark = split._replace(images=split.images // 16)
    state, _ = train(make_config(likelihood="gaussian", num_epochs=150, learning_rate=3e-3), dark)
    batch = make_batch(dark.images, None)
    likelihood = state.model(batch, noise_seed(0)).likelihood
    mean_squared_error = np.mean((likelihood.mean - batch.images) ** 2)
    assert float(likelihood.log_var) == pytest.approx(np.log(mean_squared_error), abs=0.2)


@pytest.mark.xla
def test_xla_is_for_dense_networks_on_a_cpu(make_config):
    dense, convolutional = plan_execution(make_config()), plan_execution(make_config(network="conv"))
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    assert dense.jit_compile
    assert convolutional.jit_compile == on_gpu
    assert dense.steps_per_call > convolutional.steps_per_call >= 1


def test_an_unusual_gradient_is_skipped_and_usual_again_where_it_stays(make_config):
    config = make_config(skip_above=10.0)
    state = TrainingState(build_model(config), config, 10)
    state.step.assign(200)
    state.mean_log_norm.assign(np.log(2.0))
    assert [bool(has_usual_norm(tf.constant(norm), True, state, config)) for norm in (2.0, 19.0, 25.0)] == [1, 1, 0]
    state.mean_log_norm.assign(0.0)
    seen = [bool(has_usual_norm(tf.exp(10.0), True, state, config)) for _ in range(200)]
    assert seen.index(True) == pytest.approx(100 * np.log(10 / np.log(10.0)), abs=2) and all(seen[seen.index(True) :])
    before = float(state.mean_log_norm)
    has_usual_norm(tf.constant(np.nan), False, state, config)
    assert float(state.mean_log_norm) == before
    assert has_usual_norm(tf.constant(0.0), True, state, config) and np.isfinite(state.mean_log_norm)


def test_a_skipped_step_changes_no_weight_and_is_not_counted_against_the_run(make_config, split):
    config = make_config(skip_above=10.0, ema=0.9)
    state = TrainingState(build_model(config), config, 10)
    state.step.assign(200)
    state.mean_log_norm.assign(-10.0)
    before = [weight.numpy() for weight in state.model.weights]
    batch = make_batch(split.images[:8], None)
    _, is_made = train_step(state, batch, noise_seed(0), config, Weights())
    assert not is_made and state.num_skipped.numpy() == 0 and state.step.numpy() == 201
    for weight, value in zip(state.model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert "mean_log_norm" in state.variables()
