"""The contestants in TensorFlow: our compiled loop, the eager loop of student projects, and Keras fit.

A contestant is a function of a Workload that builds and returns (train, number of parameters); `train()` trains for a
while and returns the number of images. The eager loop and fit use Keras's own normalisation, as their users would.
"""

from dataclasses import replace

from experiment.training.runtime import tf

# isort: split
import keras

from experiment.training.loop import fit
from experiment.training.preprocessing import binarize, make_batch
from experiment.training.state import TrainingState
from image_data.splits import Split
from models import networks
from models.bounds import forward
from models.build import build_model
from models.distributions import Batch
from models.noise import Stream, noise_seed
from models.objectives import Weights, loss_of


def ours_in(precision):
    """The loop of this project in a precision, a call of its compiled program at a time."""

    def contestant(workload):
        config = replace(workload.config, num_epochs=100_000, precision=precision)
        state = TrainingState(build_model(config), config, num_steps=1)
        training = fit(state, Split(workload.images, None), config)
        return lambda: next(training).num_images, count(state.model)

    return contestant


def eager(workload):
    """A step at a time in Python, as in a tutorial: tf.GradientTape without tf.function."""
    config, model = workload.config, with_keras_normalization(workload.config)
    optimizer = keras.optimizers.Adam(config.learning_rate)
    images = workload.images.astype("float32") / 255.0
    data = iter(tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).repeat().batch(config.batch_size))
    step = step_of(model, config, optimizer)

    def train():
        x = next(data)
        if config.binarization == "dynamic":
            x = tf.cast(tf.random.uniform(x.shape) < x, tf.float32)
        step(x).numpy()
        return config.batch_size

    return train, count(model)


def fit_of(**way):
    """Keras fit, executed in one of its ways; binarisation runs in parallel in its tf.data pipeline."""

    def contestant(workload):
        config = workload.config
        model = FitModel(config)
        model.compile(optimizer=keras.optimizers.Adam(config.learning_rate), **way)
        data = tf.data.Dataset.from_tensor_slices(workload.images).shuffle(workload.num_images)
        data = data.batch(config.batch_size, drop_remainder=True).enumerate()
        data = data.map(
            lambda step, images: (
                binarize(images, noise_seed(0, Stream.TRAIN_BINARIZATION, step))
                if config.binarization == "dynamic"
                else images
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(tf.data.AUTOTUNE)

        def train():
            model.fit(data, epochs=1, shuffle=False, verbose=0)
            return workload.num_images // config.batch_size * config.batch_size

        return train, count(model.vae)

    return contestant


class FitModel(keras.Model):
    """Our model as a user of Keras fit would write it."""

    def __init__(self, config):
        super().__init__()
        self.vae, self.config = with_keras_normalization(config), config

    def train_step(self, images):
        step = step_of(self.vae, self.config, self.optimizer, noise_step=self.optimizer.iterations)
        return {"loss": step(make_batch(images, None).images)}


def step_of(model, config, optimizer, noise_step=0):
    """A training step: images [B, H, W, C] in [0, 1] -> the loss."""
    weights = Weights(beta=config.beta, num_samples=config.num_importance_samples)

    def step(images):
        seed = noise_seed(0, Stream.TRAIN_POSTERIOR, noise_step)
        with tf.GradientTape() as tape:
            passed = forward(model, Batch(images), seed, weights.num_samples, training=True)
            loss = loss_of(config.objective, passed, weights)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return step


def with_keras_normalization(config):
    """The model of a Config, with Keras's batch normalisation in place of ours."""
    ours, networks.BatchNormalization = networks.BatchNormalization, keras.layers.BatchNormalization
    try:
        return build_model(config)
    finally:
        networks.BatchNormalization = ours


def count(model):
    """The number of trained parameters."""
    return sum(weight.shape.num_elements() for weight in model.trainable_variables)


def flops_per_image(workload):
    """Floating-point operations of a training step for an image: three times those of the forward pass.

    The gradients with respect to inputs and to weights each take as many as the forward pass.
    """
    model, num_samples = build_model(workload.config), workload.config.num_importance_samples

    @tf.function(autograph=False)
    def terms(images):
        return forward(model, Batch(images), noise_seed(0), num_samples).terms

    graph = terms.get_concrete_function(tf.TensorSpec((1, *workload.image_shape))).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    return 3 * tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


CONTESTANTS = {
    "ours": ours_in("float32"),
    "ours, bf16": ours_in("mixed_bfloat16"),
    "eager loop": eager,
    "fit": fit_of(jit_compile=False, steps_per_execution=50),
    "fit, XLA": fit_of(jit_compile=True, steps_per_execution=50),
}
