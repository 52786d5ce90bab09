"""Images of many codes: means of p(x|z), a few at a time, in a memory that does not grow with their number."""

import numpy as np
import tensorflow as tf

AT_ONCE = 32


def decode_means(model, codes, labels=None):
    """Codes, top level first, of N rows each, and labels [N, Y] or None -> means of p(x|z): [N, H, W, C]."""

    def of(start):
        rows = slice(start, start + AT_ONCE)
        some = tuple(tf.constant(each[rows], tf.float32) for each in codes)
        return model.decode(some, None if labels is None else tf.constant(labels[rows], tf.float32)).mean.numpy()

    return np.concatenate([of(start) for start in range(0, len(codes[0]), AT_ONCE)])
