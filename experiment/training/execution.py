"""How programs are compiled, how many steps a call makes, and in which precision. Nothing else decides this."""

import os
from functools import partial, wraps
from math import prod
from typing import NamedTuple

import tensorflow as tf

from experiment.files.environment import cpu_flags
from models.catalog import NETWORKS
from models.graphs import custom_gradients_let_go


def compiled(function=None, **options):
    """Compile a function as tf.function does, which takes the options.

    The code writes loops and branches on tensors as tf.while_loop and tf.cond, so it needs no AutoGraph. AutoGraph
    rewrites the source of every function; without it a program is traced in half the time.
    """
    if function is None:
        return partial(compiled, **options)

    @wraps(function)
    def traced(*arguments):
        with custom_gradients_let_go():
            return function(*arguments)

    return tf.function(traced, autograph=False, **options)


def compiled_for_any_batch(function):
    """Compile a function of (images [B, ...], labels [B, Y] or None, seed). It is traced once, whatever B is."""
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
    """Whether XLA compiles the steps, and how many steps a call of the compiled program makes."""

    jit_compile: bool
    steps_per_call: int


def plan_execution(config, num_devices=1):
    """The Execution for a Config on this machine: what --xla and --steps_per_call say, or what suits it.

    On a CPU, XLA fuses dense networks into fewer passes over memory, but its convolutions are slower than oneDNN's. On
    a GPU, XLA compiles both. It compiles no program that several devices share. A call takes about half a second on 2
    cores: long enough to hide Python's overhead, short enough for the progress bar to move.
    """
    is_dense = NETWORKS[config.network].is_dense
    gains_by_xla = num_devices == 1 and (is_dense or bool(tf.config.list_physical_devices("GPU")))
    pixels_per_call = 10_000_000 if is_dense else 1_500_000
    num_labels = len(config.label_names) if config.traits.finds_labels else 1  # each image is decoded with all of them
    num_rows = config.batch_size * config.num_importance_samples * num_labels
    pixels_per_step = num_rows * prod(config.image_shape[:2])
    return Execution(
        jit_compile={"auto": gains_by_xla, "on": True, "off": False}[config.xla],
        steps_per_call=config.steps_per_call or max(1, pixels_per_call // pixels_per_step),
    )


def precision_of(config):
    """The precision in which a Config trains: the one that it names, or what `auto` means on this machine.

    `auto` is float32 on all of them. In bfloat16 convolutions train faster where there are units for it, but end at an
    ELBO that is lower by a little more than its noise; docs/speed.md has the numbers.
    """
    return "float32" if config.precision == "auto" else config.precision


def has_units_for(precision):
    """Whether the hardware that computes, all GPUs or else the CPU, has units for products in a mixed precision."""
    if gpus := tf.config.list_physical_devices("GPU"):
        least = {"mixed_bfloat16": (8, 0), "mixed_float16": (7, 0)}[precision]
        details = map(tf.config.experimental.get_device_details, gpus)
        return all(each.get("compute_capability", (0, 0)) >= least for each in details)
    is_one_dnn_on = os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
    return precision == "mixed_bfloat16" and is_one_dnn_on and "amx_bf16" in cpu_flags()
