"""How programs are compiled, and how the loop over training steps is executed: the one place that decides it."""

from functools import partial
from math import prod
from typing import NamedTuple

import tensorflow as tf

from models.catalog import NETWORKS

# Loops and branches on tensors are written as such here (tf.while_loop, tf.cond). Without AutoGraph, which rewrites the
# source of every function on the way, a program is traced in half the time.
compiled = partial(tf.function, autograph=False)


def compiled_for_any_batch(function):
    """A program of images [B, ...], labels [B, Y] or None, and a seed that is traced once, whatever B."""
    programs = {}

    def of_any_size(array):
        return None if array is None else tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    def call(images, labels, seed):
        specs = of_any_size(images), of_any_size(labels), tf.TensorSpec((2,), tf.int32)
        if specs not in programs:
            programs[specs] = compiled(function).get_concrete_function(*specs)
        return programs[specs](*(tf.constant(each) for each in (images, labels, seed) if each is not None))

    return call


class Execution(NamedTuple):
    """XLA or not, and how many steps a call of the compiled program makes."""

    jit_compile: bool
    steps_per_call: int


def plan_execution(config):
    """The Execution for a Config on this machine.

    On a CPU, XLA fuses dense networks into fewer passes over memory, but its convolutions are slower than oneDNN's; on
    a GPU it serves both. A call lasts about half a second on 2 cores, so that Python is out of the loop and the
    progress bar moves.
    """
    is_dense = NETWORKS[config.network].is_dense
    pixels_per_call = 10_000_000 if is_dense else 1_500_000
    pixels_per_step = config.batch_size * config.num_importance_samples * prod(config.image_shape[:2])
    jit_compile = is_dense or bool(tf.config.list_physical_devices("GPU"))
    return Execution(jit_compile, max(1, pixels_per_call // pixels_per_step))
