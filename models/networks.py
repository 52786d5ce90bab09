"""Encoder and decoder trunks: images -> features, codes -> parameters of the likelihood. No probability, no loss.

A trunk leads from the image up to the codes and back, through stages. Stage 0 is the image. Each higher stage holds
features of one shape: a map of half the resolution of the stage below, or a vector at the top. Each level of a
hierarchy branches off at the stage of its shape. Steps lead from level to level.
"""

from math import prod

import tensorflow as tf
from keras import Sequential, layers

from models.catalog import NETWORKS, code_of
from models.precision import of_trunk

KERNEL = 4  # of strided convolutions; a multiple of the stride, so all pixels are covered equally often
STRIDE_1_KERNEL = 3
MOMENTUM = 0.9  # of running statistics


class NetworkError(ValueError):
    """A network that cannot be built for images of this size. One line: received, expected, what to do."""


class BatchNormalization(layers.BatchNormalization):
    """Keras's batch normalisation for images [B, H, W, C], on TensorFlow's fused kernel.

    Keras 3 composes the layer of about ten element-wise kernels, which take 30 % of a training step on a CPU. The
    running variance is that of the batch, as in Keras, not the unbiased estimate. All statistics are float32, whatever
    the precision of the images is.

    The running statistics start as those of the first batch. They then average over about a tenth of the steps so far,
    until that window is as long as the momentum says. Early in training the weights change fast, so statistics of older
    batches belong to another network. A small data set has few steps an epoch, and would be evaluated with such
    statistics for many epochs.

    Reference: Ioffe & Szegedy (2015), algorithms 1 and 2.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.num_batches = self.add_weight(
            shape=(), initializer="zeros", trainable=False, autocast=False, name="num_batches"
        )

    def call(self, inputs, training=None):
        if not training:
            return self._normalize(inputs, self.moving_mean, self.moving_variance, is_training=False)[0]
        device = tf.distribute.get_replica_context()
        if device.num_replicas_in_sync > 1:
            outputs, mean, variance = self._normalize_together(inputs, device)
        else:
            outputs, mean, unbiased_variance = self._normalize(inputs, None, None, is_training=True)
            num_values = tf.cast(tf.size(inputs[..., 0]), tf.float32)
            variance = unbiased_variance * (num_values - 1.0) / num_values
        self.num_batches.assign_add(1.0)
        share = tf.maximum(1.0 - self.momentum, 10.0 / (self.num_batches + 9.0))
        self.moving_mean.assign_add(share * (mean - self.moving_mean))
        self.moving_variance.assign_add(share * (variance - self.moving_variance))
        return outputs

    def _normalize(self, inputs, mean, variance, is_training):
        """The normalised images, and the mean and unbiased variance of every channel."""
        return tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, mean, variance, epsilon=self.epsilon, is_training=is_training
        )[:3]

    def _normalize_together(self, inputs, device):
        """The same, with the mean and the variance of the images of all devices that share a batch."""
        values = tf.cast(inputs, tf.float32)
        mean = device.all_reduce("mean", tf.reduce_mean(values, axis=(0, 1, 2)))
        variance = device.all_reduce("mean", tf.reduce_mean(tf.square(values - mean), axis=(0, 1, 2)))
        outputs = tf.nn.batch_normalization(values, mean, variance, self.beta, self.gamma, self.epsilon)
        return tf.cast(outputs, inputs.dtype), mean, variance


def normalized(layer, normalization, activation):
    """A linear layer, its normalisation if it has one, and its activation: a list."""
    after = {
        "none": [],
        "batch": [BatchNormalization(momentum=MOMENTUM)],
        "instance": [layers.GroupNormalization(groups=-1)],  # Ulyanov, Vedaldi & Lempitsky (2016)
    }
    return [layer, *after[normalization], layers.Activation(activation)]


class ResidualBlock(layers.Layer):
    """x + branch(x): features of a stage -> features of the same stage.

    The last layer of the branch starts at zero, so the block starts as the identity. This lets deep stacks train.

    Reference: He, Zhang, Ren & Sun (2016).
    """

    def __init__(self, branch):
        super().__init__()
        self.branch = Sequential(branch)

    def call(self, features):
        return features + self.branch(features)

    def compute_output_shape(self, input_shape):
        return input_shape


class GatedDense(layers.Layer):
    """Linear units, each times a gate: (W x + b) sigmoid(V x + c).

    Reference: Dauphin, Fan, Auli & Grangier (2017), eq. 1; in VAEs Tomczak & Welling (2018), section 5.
    """

    def __init__(self, size):
        super().__init__()
        self.value, self.gate = layers.Dense(size), layers.Dense(size, activation="sigmoid")

    def call(self, features):
        return self.value(features) * self.gate(features)

    def compute_output_shape(self, input_shape):
        return self.value.compute_output_shape(input_shape)


class Trunk:
    """Lists of layers that lead from stage to stage.

    A subclass defines
    - top: the highest stage;
    - shape(stage): the shape of its features;
    - up(stage): layers from the stage below to this stage;
    - down(stage): layers from this stage to the stage below, or to the parameters of the likelihood;
    - lift(stage): layers from codes to features;
    - blocks(stage, normalization): the residual blocks of a stage.
    It may also redefine prior_head and posterior_head.

    Its layers compute in the precision of `trunks_in`, but for those that make the parameters of the likelihood: these
    are float32.
    """

    def __init__(self, config, num_parameters=int):
        height, width, channels = config.image_shape
        self.config = config
        self.output_shape = (height, width, num_parameters(channels))

    @of_trunk
    def climb(self, start, end):
        """Layers from a stage up to another; the residual blocks of the stage where both are the same."""
        normalization = self.config.encoder_normalization
        if start == end:
            return self.blocks(end, normalization)
        stages = range(start + 1, end + 1)
        return [layer for at in stages for layer in (*self.up(at), *self.blocks(at, normalization))]

    @of_trunk
    def descend(self, start, end):
        """Layers from a stage down to another; the residual blocks of the stage where both are the same."""
        normalization = self.config.decoder_normalization
        if start == end:
            return self.blocks(end, normalization)
        # The initial weights of a seed depend on this order of creation, which is not the order of the stages.
        downs = {stage: self.down(stage) for stage in (start, *range(end + 1, start))}
        stages = range(start, end, -1)
        return [layer for at in stages for layer in (*self.blocks(at, normalization), *downs[at])]

    def prior_head(self, stage, size):
        """Layers from the state above a level of this stage to the `size` parameters of its prior."""
        return [layers.Activation(self.config.activation), layers.Dense(size)]

    def posterior_head(self, stage, size):
        """Layers from a level's features, joined with that state, to the `size` parameters of its posterior.

        They act on the last axis. On maps they are convolutions of one pixel.
        """
        return [layers.Activation(self.config.activation), self._dense(self.shape(stage)[-1]), layers.Dense(size)]

    def stage_of(self, level_shape):
        """The stage of a level: for maps the stage of their resolution, for vectors the highest.

        Raises:
            NetworkError: the network has no maps of this resolution.
        """
        if len(level_shape) == 1:
            return self.top
        for stage in range(1, self.top):
            if self.shape(stage)[:-1] == level_shape[:-1]:
                return stage
        resolutions = ["{}x{}".format(*self.shape(stage)) for stage in range(1, self.top)]
        maps = (
            f"maps of {', '.join(resolutions)}; expected one of them"
            if resolutions
            else "no maps; expected conv or residual"
        )
        raise NetworkError(
            f"--latent_size {'x'.join(map(str, level_shape))}: this --network {self.config.network} has {maps}, or a "
            "whole number for a vector"
        )

    def stages_of(self, level_shapes):
        """The stage of each level, the level next to the image first.

        Raises:
            NetworkError: from the image up, a level is finer than the one before it. Vectors come last.
        """
        stages = [self.stage_of(shape) for shape in level_shapes]
        if stages != sorted(stages):
            sizes = " ".join("x".join(map(str, shape)) for shape in level_shapes)
            raise NetworkError(
                f"--latent_size {sizes}: expected levels from the image up, each as coarse as the one before it or "
                "coarser, vectors last"
            )
        return stages

    def _dense(self, size):
        return layers.Dense(size, activation=self.config.activation)

    def _dense_blocks(self, size):
        return [
            ResidualBlock(
                [
                    layers.Activation(self.config.activation),
                    self._dense(size),
                    layers.Dense(size, kernel_initializer="zeros"),
                ]
            )
            for _ in range(self.config.num_blocks)
        ]


class MLP(Trunk):
    """Dense layers on the flattened image. The only stage, stage 1, is a vector of hidden_sizes[-1] units."""

    top = 1

    def shape(self, stage):
        return (self.config.hidden_sizes[-1],)

    def up(self, stage):
        return [layers.Flatten(), *map(self._dense, self.config.hidden_sizes)]

    @of_trunk
    def lift(self, stage):
        return [self._dense(self.config.hidden_sizes[-1])]

    def down(self, stage):
        return [
            *map(self._dense, reversed(self.config.hidden_sizes[:-1])),
            layers.Dense(prod(self.output_shape), dtype="float32"),
            layers.Reshape(self.output_shape, dtype="float32"),
        ]

    def blocks(self, stage, normalization):
        return self._dense_blocks(*self.shape(stage))


class GatedMLP(MLP):
    """An MLP of gated layers. The activation is the first layer of residual blocks and of the heads of lower levels."""

    def _dense(self, size):
        return GatedDense(size)


class Conv(Trunk):
    """Convolutions of stride 2, each with a stage of maps; above them a dense layer, a vector of num_features units.

    With num_features = 0 there is no dense layer, and the highest stage is the flattened map.

    Raises:
        NetworkError: the strides together do not divide the sides of the image.
    """

    def __init__(self, config, num_parameters=int):
        super().__init__(config, num_parameters)
        self.top = len(config.hidden_sizes) + 1
        height, width, _ = config.image_shape
        stride = 2 ** len(config.hidden_sizes)
        if height % stride or width % stride:
            sizes = " ".join(map(str, config.hidden_sizes))
            below = max(1, min(height, width) // stride) * stride
            raise NetworkError(
                f"images of {height}x{width} pixels: expected sides that {stride} divides, because each of "
                f"--hidden_sizes {sizes} halves them; give --image_size {below} or {below + stride}, fewer "
                "--hidden_sizes, or --network mlp"
            )

    def shape(self, stage):
        if stage == self.top:
            return (self.config.num_features or prod(self.shape(stage - 1)),)
        height, width, _ = self.config.image_shape
        return (height // 2**stage, width // 2**stage, self.config.hidden_sizes[stage - 1])

    def up(self, stage):
        if stage == self.top:
            return [layers.Flatten(), *self.lift(stage)]
        convolution = layers.Conv2D(self.config.hidden_sizes[stage - 1], KERNEL, strides=2, padding="same")
        return normalized(convolution, self.config.encoder_normalization, self.config.activation)

    @of_trunk
    def lift(self, stage):
        if stage == self.top:
            return [self._dense(self.config.num_features)] if self.config.num_features else []
        return [self._dense(self.config.hidden_sizes[stage - 1])]

    def down(self, stage):
        """Layers from the vector to a map, to a map of twice the resolution, or to the parameters of the likelihood."""
        if stage == self.top:
            coarsest = self.shape(stage - 1)
            return [self._dense(prod(coarsest)), layers.Reshape(coarsest)]
        if stage == 1:
            return self._doubling(self.output_shape[-1], dtype="float32")
        *resizing, convolution = self._doubling(self.config.hidden_sizes[stage - 2])
        return [*resizing, *normalized(convolution, self.config.decoder_normalization, self.config.activation)]

    def _doubling(self, num_channels, dtype=None):
        """Linear layers that double the resolution: a transposed convolution, or resizing and a convolution.

        The first can draw checkerboards: Odena, Dumoulin & Olah (2016). The convolution may have a dtype of its own.
        """
        if self.config.upsampling == "transposed":
            return [layers.Conv2DTranspose(num_channels, KERNEL, strides=2, padding="same", dtype=dtype)]
        return [layers.UpSampling2D(), layers.Conv2D(num_channels, STRIDE_1_KERNEL, padding="same", dtype=dtype)]

    def blocks(self, stage, normalization):
        if stage == self.top:
            return self._dense_blocks(*self.shape(stage))
        size, activation = self.config.hidden_sizes[stage - 1], self.config.activation
        return [
            ResidualBlock(
                [
                    layers.Activation(activation),
                    *normalized(layers.Conv2D(size, STRIDE_1_KERNEL, padding="same"), normalization, activation),
                    layers.Conv2D(size, STRIDE_1_KERNEL, padding="same", kernel_initializer="zeros"),
                ]
            )
            for _ in range(self.config.num_blocks)
        ]


def build_trunk(config, num_parameters=int):
    """The trunk that a Config describes, for a likelihood of num_parameters(C) at each pixel.

    Raises: NetworkError for images that it cannot make.
    """
    return code_of(NETWORKS[config.network].trunk)(config, num_parameters)


def build_encoder(config):
    """Images [B, H, W, C] -> features [B, F]."""
    trunk = build_trunk(config)
    return Sequential(trunk.climb(0, trunk.top))


def build_decoder(config, num_parameters):
    """Codes [B, L] -> parameters of the likelihood [B, H, W, num_parameters(C)]."""
    trunk = build_trunk(config, num_parameters)
    return Sequential([*trunk.lift(trunk.top), *trunk.descend(trunk.top, 0)])


def build_label_channel(config):
    """A learned linear map: labels [B, Y] -> one more channel of the images, [B, H, W, 1]."""
    height, width, _ = config.image_shape
    return Sequential([layers.Dense(height * width, use_bias=False), layers.Reshape((height, width, 1))])
