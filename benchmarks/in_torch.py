"""The contestants in PyTorch: the same networks, written as its users write them, eager, compiled and in bf16.

A contestant is a function of a Workload that builds and returns (train, number of parameters); `train()` makes a step
and returns the number of images.
"""

from itertools import pairwise
from math import log, pi

import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "leaky_relu": lambda: nn.LeakyReLU(0.2)}
LOG_VAR_BOUND = 10.0


class Residual(nn.Module):
    def __init__(self, *branch):
        super().__init__()
        self.branch = nn.Sequential(*branch)

    def forward(self, x):
        return x + self.branch(x)


class Layers:
    """Lists of modules, as in models/networks.py."""

    def __init__(self, config):
        self.config, self.activation = config, ACTIVATIONS[config.activation]
        self.sizes, self.num_features = config.hidden_sizes, config.num_features
        self.is_dense = config.network == "mlp"
        height, width, self.num_channels = config.image_shape
        self.top = len(self.sizes) + 1
        halvings = 2 ** len(self.sizes)
        self.coarsest = (self.sizes[-1], height // halvings, width // halvings)
        self.num_coarsest = self.sizes[-1] * self.coarsest[1] * self.coarsest[2]
        self.width = self.num_features or self.num_coarsest  # of the vector at the top

    def normalized(self, layer, size):
        norm = [nn.BatchNorm2d(size)] if self.config.encoder_normalization == "batch" else []
        return [layer, *norm, self.activation()]

    def up(self, stage):
        if stage == self.top:
            dense = [nn.Linear(self.num_coarsest, self.num_features), self.activation()] if self.num_features else []
            return [nn.Flatten(), *dense]
        size = self.sizes[stage - 1]
        before = self.sizes[stage - 2] if stage > 1 else self.num_channels
        return self.normalized(nn.Conv2d(before, size, 4, stride=2, padding=1), size)

    def blocks(self, stage):
        if stage == self.top:
            return [self.dense_block() for _ in range(self.config.num_blocks)]
        return [self.map_block(self.sizes[stage - 1]) for _ in range(self.config.num_blocks)]

    def dense_block(self):
        first = [nn.Linear(self.width, self.width), self.activation()]
        return Residual(self.activation(), *first, nn.Linear(self.width, self.width))

    def map_block(self, size):
        first = self.normalized(nn.Conv2d(size, size, 3, padding=1), size)
        return Residual(self.activation(), *first, nn.Conv2d(size, size, 3, padding=1))

    def down(self, stage):
        if stage == self.top:
            return [nn.LazyLinear(self.num_coarsest), self.activation(), nn.Unflatten(1, self.coarsest)]
        after = self.sizes[stage - 2] if stage > 1 else self.num_channels
        layer = nn.ConvTranspose2d(self.sizes[stage - 1], after, 4, stride=2, padding=1)
        return self.normalized(layer, after) if stage > 1 else [layer]

    def climb(self, start, end):
        return nn.Sequential(*(m for at in range(start + 1, end + 1) for m in (*self.up(at), *self.blocks(at))))

    def descend(self, start, end):
        return nn.Sequential(*(m for at in range(start, end, -1) for m in (*self.blocks(at), *self.down(at))))

    def encoder(self):
        if not self.is_dense:
            return self.climb(0, self.top)
        sizes = [self.config.image_shape[0] * self.config.image_shape[1] * self.num_channels, *self.sizes]
        return nn.Sequential(nn.Flatten(), *self.dense(sizes))

    def decoder(self, num_units):
        if not self.is_dense:
            return nn.Sequential(*self.lift(num_units), self.descend(self.top, 0))
        height, width, channels = self.config.image_shape
        out = [nn.Linear(self.sizes[0], height * width * channels), nn.Unflatten(1, (channels, height, width))]
        return nn.Sequential(*self.dense([num_units, *self.sizes[::-1]]), *out)

    def lift(self, num_units):
        return [nn.Linear(num_units, self.num_features), self.activation()] if self.num_features else []

    def dense(self, sizes):
        return [module for size in pairwise(sizes) for module in (nn.Linear(*size), self.activation())]


def split(parameters, dim):
    mean, log_var = parameters.chunk(2, dim)
    return mean, LOG_VAR_BOUND * torch.tanh(log_var / LOG_VAR_BOUND)


def draw(mean, log_var):
    return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)


def kl(mean, log_var, prior_mean, prior_log_var):
    ratio = log_var - prior_log_var
    each = 0.5 * (torch.expm1(ratio) - ratio + (mean - prior_mean) ** 2 * torch.exp(-prior_log_var))
    return each.flatten(1).sum(1)


def log_normal(z, mean, log_var):
    return -0.5 * (log(2 * pi) + log_var + (z - mean) ** 2 * torch.exp(-log_var)).sum(1)


def cross_entropy(logits, images):
    return F.binary_cross_entropy_with_logits(logits.float(), images, reduction="none").flatten(1).sum(1)


class VAE(nn.Module):
    def __init__(self, config):
        super().__init__()
        layers, (num_units,) = Layers(config), config.latent_size
        self.num_samples = config.num_importance_samples
        self.encoder, self.decoder = layers.encoder(), layers.decoder(num_units)
        self.posterior = nn.Linear(layers.sizes[-1] if layers.is_dense else layers.width, 2 * num_units)

    def loss(self, images):
        mean, log_var = split(self.posterior(self.encoder(images)).float(), 1)
        if self.num_samples == 1:
            z = draw(mean, log_var)
            zeros = torch.zeros_like(mean)
            return (cross_entropy(self.decoder(z), images) + kl(mean, log_var, zeros, zeros)).mean()
        mean, log_var, images = (each.repeat_interleave(self.num_samples, 0) for each in (mean, log_var, images))
        z = draw(mean, log_var)
        zeros = torch.zeros_like(mean)
        log_w = log_normal(z, zeros, zeros) - log_normal(z, mean, log_var) - cross_entropy(self.decoder(z), images)
        return (log(self.num_samples) - log_w.view(-1, self.num_samples).logsumexp(1)).mean()


class HVAE(nn.Module):
    """Two levels: a map, and a vector above it."""

    def __init__(self, config):
        super().__init__()
        layers = Layers(config)
        (height, _, channels), (num_units,) = config.level_shapes
        stage = (config.image_shape[0] // height).bit_length() - 1
        width, act = layers.sizes[stage - 1], layers.activation
        self.up_to_map, self.up_to_top = layers.climb(0, stage), layers.climb(stage, layers.top)
        self.top_posterior = nn.Linear(layers.width, 2 * num_units)
        self.lift, self.down_to_map = nn.Sequential(*layers.lift(num_units)), layers.descend(layers.top, stage)
        self.map_prior = nn.Sequential(act(), nn.Conv2d(width, 2 * channels, 1))
        self.map_posterior = nn.Sequential(
            act(), nn.Conv2d(2 * width, width, 1), act(), nn.Conv2d(width, 2 * channels, 1)
        )
        self.embed, self.down_to_image = nn.Conv2d(channels, width, 1), layers.descend(stage, 0)

    def loss(self, images):
        features = self.up_to_map(images)
        mean, log_var = split(self.top_posterior(self.up_to_top(features)).float(), 1)
        zeros = torch.zeros_like(mean)
        rate = kl(mean, log_var, zeros, zeros)
        state = self.down_to_map(self.lift(draw(mean, log_var)))
        prior = split(self.map_prior(state).float(), 1)
        change = split(self.map_posterior(torch.cat([features, state], 1)).float(), 1)
        posterior = prior[0] + change[0], prior[1] + change[1]
        rate = rate + kl(*posterior, *prior)
        state = state + self.embed(draw(*posterior))
        return (cross_entropy(self.down_to_image(state), images) + rate).mean()


def contestant(is_compiled=False, is_bfloat16=False):
    def build(workload):
        torch.manual_seed(0)
        config, images = workload.config, torch.from_numpy(workload.images).permute(0, 3, 1, 2)
        is_binary = config.binarization == "dynamic"
        model = (HVAE if len(config.level_shapes) > 1 else VAE)(config)
        is_map = config.network == "conv"
        model.loss(torch.zeros(2, *images.shape[1:]))  # gives lazy layers their sizes
        if is_map:
            model = model.to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(model.parameters(), config.learning_rate, eps=1e-7)
        loss_of = torch.compile(model.loss) if is_compiled else model.loss

        def train():
            x = images[torch.randint(len(images), (config.batch_size,))].float() / 255
            x = torch.bernoulli(x) if is_binary else x
            x = x.contiguous(memory_format=torch.channels_last) if is_map else x.contiguous()
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
                loss = loss_of(x)
            loss.backward()
            optimizer.step()
            return config.batch_size

        return train, sum(weight.numel() for weight in model.parameters())

    return build


CONTESTANTS = {
    "PyTorch": contestant(),
    "PyTorch compiled": contestant(is_compiled=True),
    "PyTorch compiled, bf16": contestant(is_compiled=True, is_bfloat16=True),
}
