"""The contestant in JAX: the dense networks, many steps in one program by `lax.scan`, the images resident.

A function of a Workload that builds and returns (train, number of parameters); `train()` runs the program once and
returns the number of images.
"""

from itertools import pairwise
from math import log, pi

import jax
import optax
from jax import numpy as jnp

STEPS = 100
LOG_VAR_BOUND = 10.0


def dense(key, sizes):
    keys = jax.random.split(key, len(sizes) - 1)
    glorot = jax.nn.initializers.glorot_uniform()
    return [(glorot(key, size), jnp.zeros(size[1])) for key, size in zip(keys, pairwise(sizes), strict=True)]


def apply(layers, x, is_last_linear):
    for index, (kernel, bias) in enumerate(layers):
        x = x @ kernel + bias
        if not is_last_linear or index < len(layers) - 1:
            x = jax.nn.relu(x)
    return x


def log_normal(z, mean, log_var):
    return -0.5 * (log(2 * pi) + log_var + (z - mean) ** 2 * jnp.exp(-log_var)).sum(-1)


def jax_scan(workload):
    config = workload.config
    (num_units,), sizes, num_samples = config.latent_size, config.hidden_sizes, config.num_importance_samples
    images = jnp.asarray(workload.images.reshape(workload.num_images, -1))
    num_pixels = images.shape[1]
    keys = jax.random.split(jax.random.key(0), 2)
    parameters = {
        "encoder": dense(keys[0], [num_pixels, *sizes, 2 * num_units]),
        "decoder": dense(keys[1], [num_units, *sizes[::-1], num_pixels]),
    }
    optimizer = optax.adam(config.learning_rate, eps=1e-7)

    def loss(parameters, x, key):
        mean, log_var = jnp.split(apply(parameters["encoder"], x, True), 2, axis=-1)
        log_var = LOG_VAR_BOUND * jnp.tanh(log_var / LOG_VAR_BOUND)
        noise = jax.random.normal(key, (num_samples, *mean.shape))
        z = mean + jnp.exp(0.5 * log_var) * noise
        logits = apply(parameters["decoder"], z, True)
        distortion = optax.sigmoid_binary_cross_entropy(logits, x).sum(-1)  # [K, B]
        if num_samples == 1:
            rate = 0.5 * (jnp.expm1(log_var) - log_var + mean**2).sum(-1)
            return (distortion + rate).mean()
        log_w = log_normal(z, 0.0, jnp.zeros_like(z)) - log_normal(z, mean, log_var) - distortion
        return (log(num_samples) - jax.nn.logsumexp(log_w, axis=0)).mean()

    def step(carry, key):
        parameters, state = carry
        of_rows, of_pixels, of_codes = jax.random.split(key, 3)
        x = images[jax.random.randint(of_rows, (config.batch_size,), 0, len(images))] / 255.0
        x = (jax.random.uniform(of_pixels, x.shape) < x).astype(jnp.float32)
        value, gradients = jax.value_and_grad(loss)(parameters, x, of_codes)
        updates, state = optimizer.update(gradients, state)
        return (optax.apply_updates(parameters, updates), state), value

    @jax.jit
    def steps(carry, key):
        return jax.lax.scan(step, carry, jax.random.split(key, STEPS))

    carry, number = (parameters, optimizer.init(parameters)), 0

    def train():
        nonlocal carry, number
        number += 1
        carry, values = steps(carry, jax.random.key(number))
        values.block_until_ready()
        return STEPS * config.batch_size

    return train, sum(each.size for each in jax.tree.leaves(parameters))


CONTESTANTS = {"JAX scan": jax_scan}
