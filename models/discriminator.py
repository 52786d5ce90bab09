"""The discriminator of the FactorVAE: it tells codes from codes whose units are independent."""

import tensorflow as tf
from keras import layers

NUM_LAYERS, NUM_UNITS, SLOPE = 6, 1000, 0.2  # Kim & Mnih (2018), appendix


class Discriminator(layers.Layer):
    """D(z), a network that learns the log density ratio log q(z) - sum_j log q(z_j).

    Its sigmoid is the probability that z is a code, and not one whose units were drawn independently. At the best such
    classifier D is the log density ratio. Dense layers with leaky ReLU, and one output: the difference of the two
    logits of the paper.

    Reference: Kim & Mnih (2018), eq. 3; Nguyen, Wainwright & Jordan (2010) for density ratios.
    """

    def build(self, input_shape):
        sizes = (input_shape[-1], *[NUM_UNITS] * NUM_LAYERS, 1)
        shapes = list(zip(sizes[:-1], sizes[1:], strict=True))
        self.kernels = [self.add_weight(shape=shape, name=f"kernel_{at}") for at, shape in enumerate(shapes)]
        self.biases = [self.add_weight(shape=shape[1:], initializer="zeros") for shape in shapes]

    def call(self, z, is_fixed=False):
        """D of codes [B, L]: nats [B]. Where it is fixed, only the codes have gradients, not its weights."""
        weight = tf.stop_gradient if is_fixed else tf.convert_to_tensor
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            z = tf.nn.leaky_relu(z @ weight(kernel) + weight(bias), SLOPE)
        return (z @ weight(self.kernels[-1]) + weight(self.biases[-1]))[:, 0]
