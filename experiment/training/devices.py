"""The devices that share every training step: on this machine, or with other machines.

A device takes its share of each batch and of its noise. What an objective compares across images is gathered from all
devices, so that the loss is that of the whole batch. The gradients are summed, and every device makes the same update.
"""

import json
import os
import re
import signal
import threading
import zlib
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from experiment.settings.refusals import ConfigError
from experiment.training.execution import compiled
from models.catalog import OBJECTIVES


class WorkerLost(RuntimeError):
    """Another worker ended during training. One line: what happened, and what to do."""


class Devices(NamedTuple):
    """A strategy of TensorFlow, and the place of this process in it."""

    strategy: Any
    worker: int = 0
    num_workers: int = 1

    @property
    def count(self):
        """The number of devices of all workers together."""
        return self.strategy.num_replicas_in_sync

    @property
    def is_chief(self):
        """Whether this process writes files. The others only train."""
        return self.worker == 0

    def refuse_unequal_shares(self, batch_size):
        """Raise ConfigError for a batch that the devices cannot share equally."""
        if batch_size % self.count:
            raise ConfigError(
                f"batches of {batch_size} images: expected a multiple of {self.count}, the number of devices that "
                "share them; give another --batch_size"
            )

    def shares_of(self, array, batches):
        """The images or labels of a stack of batches, of each device of this process its own part.

        Args:
            array: [N, ...], of which only these parts are read; or None.
            batches: indices [S, B]; the number of devices divides B.
        """
        if array is None:
            return None
        if self.count == 1:
            return array[batches]
        columns = batches.reshape(len(batches), self.count, -1)
        return self.strategy.experimental_distribute_values_from_function(
            lambda device: tf.constant(array[columns[:, device.replica_id_in_sync_group]])
        )

    def agree(self, is_wanted):
        """Whether any worker wants something. All workers ask at the same time."""
        return bool(self.of_all_workers([is_wanted]).any())

    def of_all_workers(self, numbers):
        """The numbers of every worker, whole ones below 2^24: [workers, N]. All workers ask at the same time."""
        everyone = np.zeros((self.num_workers, len(numbers)), np.float32)
        everyone[self.worker] = numbers
        if self.num_workers == 1:
            return everyone
        with self.together():
            of_devices = compile_sum(self.strategy)(tf.constant(everyone)).numpy()
        return of_devices * self.num_workers / self.count

    def refuse_differences(self, values):
        """Raise ConfigError, at every worker, where a worker has another value than the others.

        Args:
            values: a dict of words and values; all workers have the same words.
        """
        sums = [zlib.crc32(repr(value).encode()) for value in values.values()]
        everyone = self.of_all_workers([half for each in sums for half in divmod(each, 1 << 16)])
        is_other = (everyone != everyone[0]).any(axis=0).reshape(len(values), 2).any(axis=1)
        if is_other.any():
            words = [
                f"{word} ({value})" for (word, value), other in zip(values.items(), is_other, strict=True) if other
            ]
            raise ConfigError(
                f"worker {self.worker} of {self.num_workers}: has {', '.join(words)}, another worker has something "
                "else; expected the same command, images and saved run at all of them"
            )

    @contextmanager
    def together(self):
        """A context of what all workers do at the same time. Raises WorkerLost where another one ends."""
        try:
            with self.strategy.scope():
                yield
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            if self.num_workers == 1:
                raise
            raise WorkerLost(
                f"worker {self.worker} of {self.num_workers}: another worker ended or cannot be reached; start all "
                "again with --resume, which continues from the last save"
            ) from error


@cache
def compile_sum(strategy):
    """A compiled program: a scalar of every worker -> their sum."""
    return compiled(lambda value: strategy.reduce("sum", strategy.run(lambda: value), axis=None))


ONE_DEVICE = Devices(tf.distribute.get_strategy())


def find_devices(config):
    """The Devices that --strategy names.

    `auto` is multi_worker where the environment's TF_CONFIG names several workers, mirrored where this machine has
    several GPUs, and otherwise one device. What trains nothing uses one.

    Raises:
        ConfigError: there are no such devices, or they cannot do what the Config says.
    """
    name = config.strategy
    if config.num_epochs == 0:
        if name in ("auto", "multi_worker"):
            refuse_several_workers("with --num_epochs 0 a saved run is only evaluated, by one process")
        return ONE_DEVICE
    task, workers = workers_named() if name in ("auto", "multi_worker") else (0, [])
    if name == "auto" and config.traits.finds_labels:
        name = "one"
    if name == "auto":
        has_gpus = len(tf.config.list_physical_devices("GPU")) > 1
        name = "multi_worker" if len(workers) > 1 else "mirrored" if has_gpus else "one"
    shares = name in ("multi_worker", "mirrored")
    if config.xla == "on" and shares:
        raise ConfigError(
            "--xla on: it compiles no program that several devices share; leave it out, or use --strategy one"
        )
    if config.traits.finds_labels and shares:
        raise ConfigError("--labelled: several devices do not share its batches; use --strategy one")
    if config.precision == "mixed_float16" and shares:
        raise ConfigError("--precision mixed_float16: several devices do not share its scale; use mixed_bfloat16")
    if name == "multi_worker":
        if len(workers) < 2:
            raise ConfigError(
                "--strategy multi_worker: expected the addresses of two or more workers in the environment variable "
                "TF_CONFIG, see docs/scale.md; use --strategy one"
            )
        devices = Devices(meet(task, workers), task, len(workers))
    elif name == "mirrored":
        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        names = [device.name for device in tf.config.list_logical_devices(kind)]
        if len(names) < 2:
            raise ConfigError("--strategy mirrored: expected several GPUs on this machine; use --strategy one")
        reduction = tf.distribute.ReductionToOneDevice() if kind == "CPU" else None
        devices = Devices(tf.distribute.MirroredStrategy(names, reduction))
    else:
        devices = ONE_DEVICE
    return devices


def meet(task, workers):
    """The strategy of several workers, once all of them are there. A signal ends a worker that waits for them.

    Raises:
        ConfigError: this worker cannot work at its address, or the others do not come.
    """
    print(f"worker {task} of {len(workers)}: waits for the others of {', '.join(workers)}", flush=True)
    is_main = threading.current_thread() is threading.main_thread()
    # TensorFlow waits where Python cannot look after a signal; there is nothing to save yet.
    before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGTERM) if is_main}
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise ConfigError(
            f"TF_CONFIG: worker {task} cannot work at {workers[task]} ({error.message.splitlines()[0]}); expected an "
            "address of this machine with a free port, and workers that all begin at about the same time"
        ) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def refuse_several_workers(what):
    """Raise ConfigError if the environment's TF_CONFIG names several workers; `what` cannot be shared by them."""
    if len(workers_named()[1]) > 1:
        raise ConfigError(
            f"TF_CONFIG names several workers: {what}; expected it unset here, and assignment.py at every worker for a "
            "run that they share, see docs/scale.md"
        )


def workers_named():
    """The number of this worker, and the addresses of all, as the environment's TF_CONFIG names them; or 0 and none.

    Raises:
        ConfigError: the text is not what TensorFlow reads.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        return 0, []
    try:
        described = json.loads(text)
        workers, task = described["cluster"]["worker"], described["task"]
        index = task["index"]
        are_addresses = type(workers) is list and all(map(is_address, workers)) and len({*workers}) == len(workers) > 0
        if not are_addresses or type(index) is not int or task["type"] != "worker":
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"TF_CONFIG {text[:200]}: expected "
            '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}, no address twice'
        ) from None
    if not 0 <= index < len(workers):
        raise ConfigError(f"TF_CONFIG: index {index} of {len(workers)} workers; expected 0 to {len(workers) - 1}")
    return index, workers


def is_address(value):
    """Whether a value is a text such as 'host:2222'."""
    found = isinstance(value, str) and re.fullmatch(r"\S+:([0-9]{1,5})", value)
    return bool(found) and 0 < int(found[1]) < 65_536


def of_all_devices(passed, objective):
    """The Forward of the images of all devices. Only the rows of this device carry gradients.

    Every device computes the same loss from it, so the sum of their gradients is the gradient of the whole batch.

    Args:
        passed: the Forward of this device.
        objective: its codes are gathered only where the objective compares codes of different images.
    """
    device = tf.distribute.get_replica_context()
    if device.num_replicas_in_sync == 1:
        return passed

    def gathered(rows):
        everything = tf.stop_gradient(device.all_gather(rows, axis=0))
        size = tf.shape(rows)[0]
        first = tf.cast(device.replica_id_in_sync_group, tf.int32) * size
        return tf.concat([everything[:first], rows, everything[first + size :]], axis=0)

    if not OBJECTIVES[objective].compares_codes:
        passed = passed._replace(latents=())
    return tf.nest.map_structure(lambda each: gathered(each) if tf.is_tensor(each) else each, passed)


def summed_over_devices(gradients):
    """The sum over devices of each gradient in a list; every device gets it."""
    device = tf.distribute.get_replica_context()
    return gradients if device.num_replicas_in_sync == 1 else device.all_reduce("sum", gradients)
