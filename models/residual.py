"""The trunk of deep hierarchies of maps: bottleneck blocks without normalisation."""

import tensorflow as tf
from keras import Sequential, layers
from keras.initializers import VarianceScaling

from models.networks import KERNEL, STRIDE_1_KERNEL, Conv, ResidualBlock
from models.precision import of_trunk

BOTTLENECK = 2  # how much smaller the width is within a block


class Residual(Conv):
    """Bottleneck blocks at every resolution, and as the heads of every level: the network of the very deep VAE.

    Its stages are those of `Conv`. The finest is made of patches of the image, and gives patches of the parameters of
    the likelihood. Coarser ones are means of 2x2 pixels on the way up, and repeated on the way down. Nothing is
    normalised: the last layer of a block starts at a scale of 1 / sqrt(number of levels), so deep stacks train.

    Reference: Child (2021), section 3 and figure 3; Shi et al. (2016) for the patches of the last layer.
    """

    def up(self, stage):
        if stage == self.top:
            return super().up(stage)
        width = self.config.hidden_sizes[stage - 1]
        if stage == 1:
            return [layers.Conv2D(width, KERNEL, strides=2, padding="same")]
        return [layers.AveragePooling2D(2), *self._to_width(stage - 1, stage)]

    def down(self, stage):
        if stage == self.top:
            return super().down(stage)
        if stage == 1:
            num_parameters = self.output_shape[-1]
            return [layers.Dense(4 * num_parameters, dtype="float32"), Unfold(dtype="float32")]
        return [*self._to_width(stage, stage - 1), layers.UpSampling2D()]

    def blocks(self, stage, normalization):
        if stage == self.top:
            return super().blocks(stage, normalization)
        width, num_levels = self.shape(stage)[-1], len(self.config.level_shapes)

        def last():  # each with an initialiser of its own: one that is used again draws the same numbers
            return layers.Dense(width, kernel_initializer=VarianceScaling(1 / num_levels, "fan_avg", "uniform"))

        return [ResidualBlock([*self._bottleneck(width), last()]) for _ in range(self.config.num_blocks)]

    def prior_head(self, stage, size):
        """A `Head` on maps. The prior starts as N(0, I)."""
        return super().prior_head(stage, size) if stage == self.top else self._head(stage, size, "zeros")

    def posterior_head(self, stage, size):
        """A `Head` on maps. It starts as a linear map of features and state."""
        return super().posterior_head(stage, size) if stage == self.top else self._head(stage, size, "glorot_uniform")

    @of_trunk
    def _head(self, stage, size, initializer):
        linear = layers.Dense(size, kernel_initializer=initializer, dtype="float32")
        last = layers.Dense(size, kernel_initializer="zeros", dtype="float32")
        return [Head(linear, [*self._bottleneck(self.shape(stage)[-1]), last])]

    def _bottleneck(self, width):
        """Layers to features of a smaller width, which see 5x5 pixels; the block's last layer follows."""
        middle = max(1, width // BOTTLENECK)
        convolutions = [
            layer
            for _ in range(2)
            for layer in (layers.Conv2D(middle, STRIDE_1_KERNEL, padding="same"), self._activation())
        ]
        return [self._activation(), layers.Dense(middle), self._activation(), *convolutions]

    def _to_width(self, start, end):
        """A layer from the width of a stage to that of another, where they differ."""
        width = self.shape(end)[-1]
        return [] if self.shape(start)[-1] == width else [layers.Dense(width)]

    def _activation(self):
        return layers.Activation(self.config.activation)


class Head(layers.Layer):
    """A linear map plus a bottleneck, features -> the parameters of a level's prior or posterior.

    By the linear map an image reaches its codes, and they the image, from the first step on. Through bottlenecks alone
    little of it arrives at first, and fine levels, which then are noise, are soon ignored.
    """

    def __init__(self, linear, branch):
        super().__init__(dtype="float32")
        self.linear, self.branch = linear, Sequential(branch)

    def call(self, features):
        return self.linear(features) + self.branch(features)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.linear.units)


class Unfold(layers.Layer):
    """The 2x2 pixels that every pixel's channels hold: [B, H, W, 4 C] -> [B, 2 H, 2 W, C]."""

    def call(self, patches):
        return tf.nn.depth_to_space(patches, 2)

    def compute_output_shape(self, input_shape):
        num_images, height, width, channels = input_shape
        return (num_images, 2 * height, 2 * width, channels // 4)
