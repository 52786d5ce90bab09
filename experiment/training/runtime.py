"""TensorFlow, started without messages, and so that equal runs give equal bits; import it from here first."""

import logging
import os
import sys
from contextlib import contextmanager


def _open_closed_streams():
    """Lead streams that the user closed, as in `2>&-`, to nowhere: the next file opened would take their number."""
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # as the lowest number that is free
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115  open to the end


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


def _keep_order_of_sums():
    """Switch off the graph optimiser for memory, which sums large gradients in the order in which they are ready.

    It acts where it expects a graph to need more than 256 MiB, as at 256x256, and runs then differ in the last bits.
    TensorFlow 2.21 has no public switch; `tf.config.experimental.enable_op_determinism` does not prevent it.
    """
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.memory_optimization = rewriter_config_pb2.RewriterConfig.NO_MEM_OPT
    context.context()._config = config


# Failures raise exceptions. The log, even at level error, holds only remarks of the graph optimiser.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_open_closed_streams()
with _quiet_start():
    import tensorflow as tf
    from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
    from tensorflow.python.eager import context
_keep_order_of_sums()
# On GPUs since Ampere, TensorFlow rounds the factors of a float32 product to 10 bits; sums over pixels are products.
tf.config.experimental.enable_tensor_float_32_execution(False)
# Every new model traces its functions anew, as it has to.
logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())

__all__ = ["tf"]
