"""TensorFlow, imported without the messages of its start; whoever imports from here imports it first."""

import os
import sys
from contextlib import contextmanager


@contextmanager
def _quiet_start():
    """A context in which nothing reaches standard error, not even from TensorFlow's own code."""
    sys.stderr.flush()
    stderr, silence = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(silence)


# Failures raise exceptions. The log, even at level error, holds only remarks of the graph optimiser.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _quiet_start():
    import tensorflow as tf

__all__ = ["tf"]
