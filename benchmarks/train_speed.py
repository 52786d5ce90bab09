"""Images per second in training: our compiled loop, the eager loop of student projects, and Keras fit.

    python -m benchmarks.train_speed            # three networks, about ten minutes on 2 cores

All three train the same model on the same random images with the same batch size, binarisation and Adam. They take
turns, A B C A B C ..., so that changes in the machine's speed affect all of them. Keras fit gets its best settings:
binarisation in parallel in its tf.data pipeline, and the fastest of three ways to execute its step. The eager loop and
Keras fit use Keras's own normalisation layer, as their users would.
"""

import argparse
import os
import time
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import numpy as np
import tensorflow as tf

from experiment.settings.combine import resolve
from experiment.training.loop import fit
from experiment.training.preprocessing import binarize, make_batch
from experiment.training.state import TrainingState
from image_data.splits import Split
from models import networks
from models.bounds import elbo_terms
from models.build import build_model
from models.noise import Stream, noise_seed

SETTINGS = {
    "mlp": {"network": "mlp", "hidden_sizes": (200, 200), "latent_size": 50, "batch_size": 100},
    "conv": {"network": "conv"},
    "celeba": {"dataset": "celeba"},
}
IMAGE_SHAPES = {"mlp": (28, 28, 1), "conv": (28, 28, 1), "celeba": (64, 64, 3)}
NUM_IMAGES = {"mlp": 20_000, "conv": 5_120, "celeba": 1_280}
NUM_EAGER_STEPS = 40
FIT_WAYS = {
    "fit, graph": {"jit_compile": False, "steps_per_execution": 1},
    "fit, graph, many steps": {"jit_compile": False, "steps_per_execution": 50},
    "fit, XLA, many steps": {"jit_compile": True, "steps_per_execution": 50},
}


@contextmanager
def keras_normalization():
    """A context in which networks use Keras's batch normalisation instead of ours."""
    ours, networks.BatchNormalization = networks.BatchNormalization, keras.layers.BatchNormalization
    try:
        yield
    finally:
        networks.BatchNormalization = ours


class FitModel(keras.Model):
    """Our model as a user of Keras fit would write it."""

    def __init__(self, config):
        super().__init__()
        self.vae = build_model(config)

    def train_step(self, images):
        batch = make_batch(images, None)
        seed = noise_seed(0, Stream.TRAIN_POSTERIOR, self.optimizer.iterations)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(elbo_terms(self.vae(batch, seed, training=True), batch.images).elbo)
        weights = self.vae.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


def time_ours(config, images):
    """A function that trains one epoch with our loop. It returns images per second."""
    state = TrainingState(build_model(config), config, num_steps=1)
    training = fit(state, Split(images, None), replace(config, num_epochs=10_000))

    def epoch():
        started, num_images, is_epoch_end = time.perf_counter(), 0, False
        while not is_epoch_end:
            progress = next(training)
            num_images, is_epoch_end = num_images + progress.num_images, progress.is_epoch_end
        return num_images / (time.perf_counter() - started)

    return epoch


def time_eager(config, images):
    """A function that runs some steps of the eager loop of student projects. It returns images per second."""
    with keras_normalization():
        vae = build_model(config)
    optimizer = keras.optimizers.Adam(config.learning_rate)
    images = images[: NUM_EAGER_STEPS * config.batch_size].astype(np.float32) / 255.0
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(config.batch_size)

    def steps():
        started = time.perf_counter()
        for x in data:
            if config.binarization == "dynamic":
                x = tf.cast(tf.random.uniform(x.shape) < x, tf.float32)
            with tf.GradientTape() as tape:
                mean, log_var = tf.split(vae.posterior(vae.encoder(x, training=True)), 2, axis=-1)
                z = mean + tf.exp(0.5 * log_var) * tf.random.normal(mean.shape)
                logits = vae.decoder(z, training=True)
                cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
                reconstruction = tf.reduce_sum(cross_entropy, axis=(1, 2, 3))
                kl = -0.5 * tf.reduce_sum(1.0 + log_var - tf.square(mean) - tf.exp(log_var), axis=-1)
                loss = tf.reduce_mean(reconstruction + kl)
            gradients = tape.gradient(loss, vae.trainable_variables)
            optimizer.apply_gradients(zip(gradients, vae.trainable_variables, strict=True))
            loss.numpy()
        return NUM_EAGER_STEPS * config.batch_size / (time.perf_counter() - started)

    return steps


def time_fit(config, images, way):
    """A function that trains one epoch with Keras fit. It returns images per second."""
    with keras_normalization():
        model = FitModel(config)
    model.compile(optimizer=keras.optimizers.Adam(config.learning_rate), **way)
    counter = tf.data.Dataset.counter()
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(config.batch_size, drop_remainder=True)
    data = tf.data.Dataset.zip(data, counter).map(
        lambda batch, step: (
            binarize(batch, noise_seed(0, Stream.TRAIN_BINARIZATION, step))
            if config.binarization == "dynamic"
            else batch
        ),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    data = data.prefetch(tf.data.AUTOTUNE)

    def epoch():
        started = time.perf_counter()
        model.fit(data, epochs=1, verbose=0)
        return len(images) // config.batch_size * config.batch_size / (time.perf_counter() - started)

    return epoch


def measure(network, rounds):
    """Name -> images per second, one value for each round."""
    config = replace(resolve(SETTINGS[network]), image_shape=IMAGE_SHAPES[network])
    images = np.random.default_rng(0).integers(0, 256, (NUM_IMAGES[network], *IMAGE_SHAPES[network]), dtype=np.uint8)
    timers = {"ours": time_ours(config, images), "eager loop": time_eager(config, images)}
    timers |= {name: time_fit(config, images, way) for name, way in FIT_WAYS.items()}
    for timer in timers.values():
        timer()  # tracing, compiling, first touch of memory
    speeds = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            speeds[name].append(timer())
    return speeds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    for network in arguments.networks:
        speeds = measure(network, arguments.rounds)
        print(f"\n{network}, images per second over {arguments.rounds} interleaved rounds, {os.cpu_count()} cores")
        for name, values in speeds.items():
            ratio = median(a / b for a, b in zip(speeds["ours"], values, strict=True))
            print(f"  {name:<24} median {median(values):>9,.0f}   ours / this {ratio:>6.2f}")


if __name__ == "__main__":
    main()
