"""All measures of a model, each with what it needs. --evaluate takes all that apply."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from data_utils import cut
from experiment.evaluation.classifier import Classifier
from experiment.evaluation.disentanglement.beta_vae import beta_vae_score
from experiment.evaluation.disentanglement.dci import dci
from experiment.evaluation.disentanglement.factor_vae import factor_vae_score
from experiment.evaluation.disentanglement.mig import mig_histogram, mig_sampled
from experiment.evaluation.disentanglement.modularity import modularity
from experiment.evaluation.disentanglement.sap import sap
from experiment.evaluation.inference import Inference, Inferred
from experiment.evaluation.labels import BAYES_SAMPLES, BayesRule, log_label_posteriors, recognition
from experiment.evaluation.latents import information, linear_probe_accuracy, moment_kl
from experiment.evaluation.likelihood import LogEvidence, bits_per_dim, estimate_elbo, estimate_iw_bound, progress_bar
from experiment.evaluation.photographs.codecs import jpeg_at_rate, lossless_bits
from experiment.evaluation.photographs.frechet import frechet_distances
from experiment.evaluation.photographs.reconstruction import (
    SSIM_WINDOW,
    multi_scale_similarity,
    num_scales_of,
    reconstruction_errors,
    structural_similarity,
)
from experiment.settings.config import Config
from experiment.training.execution import plan_execution
from experiment.training.preprocessing import binarize_once
from experiment.training.validation import evaluation_batch_size
from image_data.splits import Dataset, Split, take
from models.catalog import LIKELIHOODS, PRIORS
from models.noise import Stream, noise_seed

NUMBERS_OF_SAMPLES = (5000, 2000, 1000, 500, 200, 100, 50)
PATIENCE = 900.0  # seconds for the importance-weighted bound, unless --iw_samples is set, and for Bayes' rule
PROBE_IMAGES = FRECHET_IMAGES = 10_000
CODED_IMAGES = 2_000  # the first test images, that codecs code


@dataclass
class Subject:
    """The input of every measure."""

    model: Any
    config: Config
    dataset: Dataset
    binary_test: Split  # the test images as the model sees them
    infer: Inference
    inferred: Inferred  # from all test images, with their codes if the measures need them

    @property
    def has_classes(self):
        """Whether each image has exactly one label."""
        return self.dataset.has_classes

    @property
    def has_factors(self):
        """Whether the factors of each image are known."""
        return self.binary_test.factors is not None

    @cached_property
    def classifier(self):
        """A Classifier of the training images, which several measures share."""
        return Classifier(self.dataset.train, self.config.seed)


def num_codes_measured(config, num_images):
    """The number of test images whose codes the measures need."""
    return num_images if config.evaluate else 0


def measure_elbo(model, config, inferred):
    """The numbers of every evaluation: the ELBO and its terms; of a likelihood of one variance this variance; bits per
    dimension where they are valid.
    """
    numbers = estimate_elbo(inferred, config.level_sizes[::-1])._asdict()
    if (variance := model.likelihood.variance) is not None:
        numbers["likelihood_variance"] = variance
    if LIKELIHOODS[config.likelihood].is_of_8_bits:
        numbers["bits_per_dim"] = bits_per_dim(numbers["elbo"], config.image_shape)
    return numbers


def measure_further(subject, left_out):
    """With --evaluate all measures that apply, with --iw_samples the bound; those that are quick, always.

    Left out, each with its reason, are those whose needs the data does not meet, that fail, or that are not finite.
    """
    config, numbers = subject.config, {}
    for name, measure in MEASURES.items():
        is_wanted = config.evaluate or measure.is_quick or (name == BOUND and config.iw_samples > 0)
        if not (is_wanted and measure.applies(subject)):
            continue
        if missing := measure.lacks(subject):
            left_out.add(name, missing)
            continue
        for key, value in (left_out.attempt(name, measure.take, subject) or {}).items():
            if isfinite(value):
                numbers[key] = value
            else:
                left_out.add(f"{name}, {key}", f"it is {value}")
    return numbers


def measure_bound(subject):
    """The importance-weighted bound, with its number of samples and its time in seconds."""
    config, images, labels = subject.config, subject.binary_test.images, subject.binary_test.labels
    jit_compile = plan_execution(config).jit_compile
    num_samples = config.iw_samples or choose_num_samples(subject, jit_compile)
    started = time.monotonic()
    estimate = estimate_iw_bound(subject.model, images, labels, num_samples, config.seed, jit_compile)
    return estimate._asdict() | {"iw_seconds": round(time.monotonic() - started, 1)}


def choose_num_samples(subject, jit_compile):
    """K for the bound: 5000, or the largest number that a trial says PATIENCE allows."""
    split, num_images = subject.binary_test, len(subject.binary_test.images)
    trial, trial_samples = take(split, slice(20)), NUMBERS_OF_SAMPLES[-1]
    evidence = LogEvidence(subject.model, split.images.shape[1:], trial_samples, subject.config.seed, jit_compile)
    evidence(trial.images, trial.labels)  # compiles
    started = time.monotonic()
    evidence(trial.images, trial.labels)
    seconds_of = (time.monotonic() - started) / (len(trial.images) * trial_samples) * num_images
    num_samples = max((each for each in NUMBERS_OF_SAMPLES if each * seconds_of <= PATIENCE), default=trial_samples)
    print(
        f"importance-weighted bound of {num_images:,} images, K = {num_samples:,}: about "
        f"{num_samples * seconds_of:.0f} s (--iw_samples sets another K)"
    )
    return num_samples


def measure_information(subject):
    """Mutual information between images and codes of the top level, and the distance of q(z) from the prior: nats."""
    rate = float(subject.inferred.rate[:, 0].mean())
    posterior = subject.inferred.top_posterior
    at_least = {"marginal_kl_at_least": moment_kl(*posterior)} if subject.config.prior == "standard" else {}
    return information(*posterior, rate, subject.config.seed)._asdict() | at_least


def measure_linear_probe(subject):
    """How well a linear classifier predicts the labels from the codes."""
    config = subject.config
    train = take(subject.dataset.train, slice(PROBE_IMAGES))
    binary_train = binarize_once(train, config.binarization, Stream.PROBE_BINARIZATION)
    train_codes = subject.infer(binary_train, num_codes=PROBE_IMAGES).codes
    classes = [each.labels.argmax(axis=1) for each in (train, subject.binary_test)]
    return {"linear_probe_accuracy": linear_probe_accuracy(train_codes, classes[0], subject.inferred.codes, classes[1])}


def measure_mig_of_samples(subject):
    """MIG from samples of the posteriors, for a model of one level."""
    mean, log_var = subject.inferred.top_posterior
    return {"mig_sampled": mig_sampled(mean, log_var, varying_factors(subject), seed=subject.config.seed)}


def scored(score):
    """A measure from a score of codes and factors: score(codes, factors, seed) -> dict of numbers."""
    return lambda subject: score(subject.inferred.codes, varying_factors(subject), subject.config.seed)


def varying_factors(subject):
    """The factors of the test images that have more than one value there: [N, F]."""
    factors = subject.binary_test.factors
    return factors[:, factors.min(axis=0) < factors.max(axis=0)]


def measure_reconstructions(subject):
    """How near reconstructions are to their images, pixel by pixel."""
    return reconstruction_errors(subject.model, subject.dataset.test)._asdict()


def measure_similarity(subject):
    """How alike reconstructions and their images are in structure."""
    return {"reconstruction_ssim": structural_similarity(subject.model, subject.dataset.test)}


def measure_multi_scale_similarity(subject):
    """The same at several scales."""
    similarity, num_scales = multi_scale_similarity(subject.model, subject.dataset.test)
    return {"reconstruction_ms_ssim": similarity, "ms_ssim_num_scales": num_scales}


def measure_bayes_rule(subject):
    """What a conditional model knows of classes: of as many test images as PATIENCE allows, by the time of a trial."""
    config, shares = subject.config, subject.dataset.train.labels.mean(axis=0)
    rule = BayesRule(subject.model, config.image_shape, shares, config.seed, plan_execution(config).jit_compile)
    trial, split = take(subject.binary_test, slice(20)), subject.binary_test
    rule(trial)  # compiles
    started = time.monotonic()
    rule(trial)
    per_image = (time.monotonic() - started) / len(trial.images)
    num_images = min(len(split.images), max(len(trial.images), int(PATIENCE / per_image)))
    print(f"Bayes' rule, {num_images:,} images, {len(shares)} classes: about {num_images * per_image:.0f} s")
    with progress_bar("Bayes' rule, all classes", num_images * np.count_nonzero(shares)) as bar:
        accuracy = rule(take(split, slice(num_images)), bar.update)
    return {
        "bayes_accuracy": accuracy,
        "bayes_num_importance_samples": BAYES_SAMPLES,
        "bayes_num_images": num_images,
    }


def measure_labels(subject):
    """The share of test images whose label the classifier q(y|x) of an M2 finds."""
    test = subject.binary_test
    found = log_label_posteriors(subject.model, test.images).argmax(axis=1)
    return {"label_accuracy": float(np.mean(found == test.labels.argmax(axis=1)))}


def measure_recognition(subject):
    """Whether generated images obey their labels."""
    return recognition(subject.model, subject.classifier, subject.dataset.test, subject.config.seed)._asdict()


def measure_lossless_codes(subject):
    """What PNG and lossless WebP need for the test images."""
    return lossless_bits(subject.dataset.test.images[:CODED_IMAGES])._asdict()


def measure_jpeg(subject):
    """The quality of JPEG with as many bits as the model's codes need."""
    rate = float(subject.inferred.rate[:CODED_IMAGES].sum(axis=1).mean())
    return jpeg_at_rate(subject.dataset.test.images[:CODED_IMAGES], rate)._asdict()


def measure_frechet(subject):
    """How far samples are from the training images, and as many held-out images, in the features of a classifier."""
    train, test = (take(split, slice(FRECHET_IMAGES)) for split in (subject.dataset.train, subject.dataset.test))
    labels = test.labels if subject.config.traits.is_conditional else None
    generated = [
        subject.model.sample(
            len(test.images[at]),
            noise_seed(subject.config.seed, Stream.FRECHET, index),
            None if labels is None else labels[at].astype(np.float32),
        ).numpy()
        for index, at in enumerate(cut(len(test.images), evaluation_batch_size(subject.config.image_shape)))
    ]
    images = 255.0 * np.concatenate(generated)
    return frechet_distances(subject.classifier, train.images, test.images, images)._asdict()


def nothing(subject):
    """What a measure lacks that needs nothing."""
    return ""


def several_classes(subject):
    """What is missing for measures that tell classes apart."""
    for name in ("train", "test"):
        found = getattr(subject.dataset, name).labels.any(axis=0).sum()
        if found < 2:
            return f"it tells classes apart; expected {name} images of at least 2 classes, found {found}"
    return ""


def several_values(subject):
    """What is missing for measures that tell values of factors apart."""
    if varying_factors(subject).shape[1] == 0:
        return "no factor varies among the test images"
    return "" if len(subject.binary_test.images) > 1 else "expected at least 2 test images, found 1"


def several_factors(subject):
    """What is missing for measures that tell factors apart."""
    missing = several_values(subject)
    return missing or (
        "" if varying_factors(subject).shape[1] > 1 else "expected at least 2 factors that vary, found 1"
    )


def room_for_a_window(subject):
    """What is missing for the structural similarity."""
    height, width, _ = subject.config.image_shape
    is_large = min(height, width) >= SSIM_WINDOW
    return "" if is_large else f"its window has {SSIM_WINDOW}x{SSIM_WINDOW} pixels; the images have {height}x{width}"


def room_for_scales(subject):
    """What is missing for the structural similarity at several scales."""
    height, width, _ = subject.config.image_shape
    is_large = num_scales_of((height, width)) > 1
    return "" if is_large else f"two scales need {2 * SSIM_WINDOW} pixels a side; the images have {height}x{width}"


class Measure(NamedTuple):
    """A measure: how it is taken of a Subject, whether it means something for such a model, and what its data lack."""

    take: Callable[[Subject], dict]
    applies: Callable[[Subject], bool] = lambda subject: True
    lacks: Callable[[Subject], str] = nothing  # a reason why these data do not allow it, or ""
    is_quick: bool = False  # then it is taken without --evaluate, too


BOUND = "importance-weighted bound"


def _is_given_classes(subject):
    return subject.has_classes and subject.config.traits.is_conditional


SCORES = {
    "MIG, 20 bins": lambda codes, factors, seed: {"mig_histogram": mig_histogram(codes, factors)},
    "FactorVAE score": lambda codes, factors, seed: {"factor_vae_score": factor_vae_score(codes, factors, seed=seed)},
    "beta-VAE score": lambda codes, factors, seed: {"beta_vae_score": beta_vae_score(codes, factors, seed=seed)},
    "DCI": lambda codes, factors, seed: dci(codes, factors, seed=seed)._asdict(),
    "SAP": lambda codes, factors, seed: {"sap": sap(codes, factors, seed=seed)},
    "modularity": lambda codes, factors, seed: {"modularity": modularity(codes, factors)},
}
MEASURES = {
    "labels": Measure(measure_labels, lambda s: s.config.traits.finds_labels, is_quick=True),
    BOUND: Measure(measure_bound),
    # The top posterior of a chain depends on a sample of z_1, so it is not a function of the image alone; and p(z|y) of
    # one class is no prior for the codes of all.
    "information in the codes": Measure(
        measure_information, lambda s: s.config.traits.is_top_down and not PRIORS[s.config.prior].needs_labels
    ),
    "linear probe": Measure(
        measure_linear_probe, lambda s: s.has_classes and not s.config.traits.is_conditional, several_classes
    ),
    "MIG of samples": Measure(
        measure_mig_of_samples, lambda s: s.has_factors and not s.config.traits.has_levels, several_values
    ),
    **{name: Measure(scored(score), lambda s: s.has_factors, several_factors) for name, score in SCORES.items()},
    "error of reconstructions": Measure(measure_reconstructions, lambda s: s.config.image_size is not None),
    "SSIM": Measure(measure_similarity, lambda s: s.config.image_size is not None, room_for_a_window),
    "MS-SSIM": Measure(measure_multi_scale_similarity, lambda s: s.config.image_size is not None, room_for_scales),
    "lossless codes": Measure(measure_lossless_codes, lambda s: LIKELIHOODS[s.config.likelihood].is_of_8_bits),
    "JPEG": Measure(measure_jpeg, lambda s: s.config.image_size is not None and s.config.traits.is_top_down),
    "Frechet distance": Measure(
        measure_frechet, lambda s: s.has_classes and s.config.image_size is not None, several_classes
    ),
    "Bayes' rule": Measure(measure_bayes_rule, _is_given_classes, several_classes),
    "recognition": Measure(measure_recognition, _is_given_classes, several_classes),
}
