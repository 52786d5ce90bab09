"""All measures of a model, each with what it needs. --evaluate takes all that apply."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from experiment.evaluation.disentanglement.beta_vae import beta_vae_score
from experiment.evaluation.disentanglement.dci import dci
from experiment.evaluation.disentanglement.factor_vae import factor_vae_score
from experiment.evaluation.disentanglement.mig import mig_histogram, mig_sampled
from experiment.evaluation.disentanglement.modularity import modularity
from experiment.evaluation.disentanglement.sap import sap
from experiment.evaluation.inference import Inference, Inferred
from experiment.evaluation.labels import BAYES_SAMPLES, bayes_accuracy, recognition
from experiment.evaluation.latents import information, linear_probe_accuracy
from experiment.evaluation.likelihood import LogEvidence, bits_per_dim, estimate_elbo, estimate_iw_bound
from experiment.evaluation.reconstruction import reconstruction_quality
from experiment.settings.config import Config
from experiment.training.execution import plan_execution
from experiment.training.preprocessing import binarize_once
from image_data.splits import Dataset, Split, is_one_hot, take
from models.catalog import LIKELIHOODS
from models.noise import Stream

NUMBERS_OF_SAMPLES = (5000, 2000, 1000, 500, 200, 100, 50)
PATIENCE = 900.0  # seconds for the importance-weighted bound; --iw_samples overrides it
PROBE_IMAGES = 10_000


class Subject(NamedTuple):
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
        labels = self.dataset.train.labels
        return labels is not None and is_one_hot(labels)

    @property
    def has_factors(self):
        """Whether the factors of each image are known."""
        return self.binary_test.factors is not None


def num_codes_measured(config, num_images):
    """The number of test images whose codes the measures need."""
    return num_images if config.evaluate else 0


def measure_elbo(config, inferred):
    """The numbers of every evaluation: the ELBO, its terms, and bits per dimension where they are valid."""
    numbers = estimate_elbo(inferred, config.level_sizes[::-1])._asdict()
    if LIKELIHOODS[config.likelihood].is_of_8_bits:
        numbers["bits_per_dim"] = bits_per_dim(numbers["elbo"], config.image_shape)
    return numbers


def measure_further(subject, left_out):
    """The other numbers: all that apply with --evaluate, the bound alone with --iw_samples. Failures go to left_out."""
    config, numbers = subject.config, {}
    for name, measure in MEASURES.items():
        is_wanted = config.evaluate or (name == BOUND and config.iw_samples > 0)
        if is_wanted and measure.applies(subject):
            numbers |= left_out.attempt(name, measure.take, subject) or {}
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
    evidence = LogEvidence(
        subject.model, split.images.shape[1:], trial_samples, subject.config.seed, jit_compile, "trial"
    )
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
    return information(*subject.inferred.top_posterior, rate, subject.config.seed)._asdict()


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
    return {"mig_sampled": mig_sampled(mean, log_var, subject.binary_test.factors, seed=subject.config.seed)}


def measure_disentanglement(subject):
    """The disentanglement scores of codes and factors."""
    codes, factors, seed = subject.inferred.codes, subject.binary_test.factors, subject.config.seed
    return {
        "mig_histogram": mig_histogram(codes, factors),
        "factor_vae_score": factor_vae_score(codes, factors, seed=seed),
        "beta_vae_score": beta_vae_score(codes, factors, seed=seed),
        **dci(codes, factors, seed=seed)._asdict(),
        "sap": sap(codes, factors, seed=seed),
        "modularity": modularity(codes, factors),
    }


def measure_reconstructions(subject):
    """How close reconstructions are to their images."""
    return reconstruction_quality(subject.model, subject.dataset.test)._asdict()


def measure_bayes_rule(subject):
    """How well a conditional model classifies test images by Bayes' rule."""
    shares = subject.dataset.train.labels.mean(axis=0)
    jit_compile = plan_execution(subject.config).jit_compile
    accuracy = bayes_accuracy(subject.model, subject.binary_test, shares, subject.config.seed, jit_compile)
    return {"bayes_accuracy": accuracy, "bayes_num_importance_samples": BAYES_SAMPLES}


def measure_recognition(subject):
    """Whether generated images obey their labels."""
    return recognition(subject.model, subject.dataset.train, subject.dataset.test, subject.config.seed)._asdict()


class Measure(NamedTuple):
    """A measure: the function of a Subject that takes it, and whether it applies."""

    take: Callable[[Subject], dict]
    applies: Callable[[Subject], bool] = lambda subject: True


BOUND = "importance-weighted bound"
MEASURES = {
    BOUND: Measure(measure_bound),
    # The top posterior of a chain depends on a sample of z_1, so it is not a function of the image alone.
    "information in the codes": Measure(measure_information, lambda s: s.config.traits.is_top_down),
    "linear probe": Measure(measure_linear_probe, lambda s: s.has_classes and not s.config.traits.is_conditional),
    "MIG of samples": Measure(measure_mig_of_samples, lambda s: s.has_factors and not s.config.traits.has_levels),
    "disentanglement": Measure(measure_disentanglement, lambda s: s.has_factors),
    "quality of reconstructions": Measure(measure_reconstructions, lambda s: s.config.image_size is not None),
    "Bayes' rule": Measure(measure_bayes_rule, lambda s: s.has_classes and s.config.traits.is_conditional),
    "recognition": Measure(measure_recognition, lambda s: s.has_classes and s.config.traits.is_conditional),
}
