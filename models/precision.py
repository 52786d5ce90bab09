"""The precision in which trunks compute. All weights, and all that is no trunk, are float32."""

from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import keras

_compute_dtype = ContextVar("compute_dtype", default="float32")


class TrunkPolicy(keras.DTypePolicy):
    """The Keras policy of the layers of a trunk: float32 weights, and computation in the dtype of `trunks_in`.

    So a model is one of float32, and may be trained in another precision: evaluation, pictures and files see float32.
    """

    def __init__(self):
        super().__init__("float32")

    @property
    def compute_dtype(self):
        return _compute_dtype.get()


@contextmanager
def trunks_in(precision):
    """Within the block, trunks compute in a precision: float32, mixed_bfloat16 or mixed_float16, as Keras names them.

    A compiled function keeps the precision in which it was traced.

    Reference: Micikevicius et al. (2018).
    """
    token = _compute_dtype.set(keras.DTypePolicy(precision).compute_dtype)
    try:
        yield
    finally:
        _compute_dtype.reset(token)


def of_trunk(make):
    """The layers that a function makes are those of a trunk, but for layers that name a dtype of their own."""

    @wraps(make)
    def make_with_policy(*arguments):
        others = keras.config.dtype_policy()
        keras.config.set_dtype_policy(TrunkPolicy())
        try:
            return make(*arguments)
        finally:
            keras.config.set_dtype_policy(others)

    return make_with_policy
