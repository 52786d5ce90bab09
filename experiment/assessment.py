"""The numbers of a model on its test images, beside the protocol that they were measured with."""

import os
import platform
import time
from importlib.metadata import version
from typing import NamedTuple

import tensorflow as tf

from experiment.audit import describe_loss, describe_training, level_names, nats_of
from experiment.evaluation.classification import BAYES_SAMPLES, bayes_accuracy, recognition
from experiment.evaluation.disentanglement.beta_vae import beta_vae_score
from experiment.evaluation.disentanglement.dci import dci
from experiment.evaluation.disentanglement.factor_vae import factor_vae_score
from experiment.evaluation.disentanglement.mig import mig_histogram, mig_sampled
from experiment.evaluation.disentanglement.modularity import modularity
from experiment.evaluation.disentanglement.sap import sap
from experiment.evaluation.latents import (
    PROBE_IMAGES,
    encode_split,
    information,
    linear_probe_accuracy,
    top_posteriors,
)
from experiment.evaluation.likelihood import (
    ElboEvaluator,
    LogEvidence,
    bits_per_dim,
    estimate_iw_bound,
)
from experiment.evaluation.reconstruction import reconstruction_quality
from experiment.preprocessing import BINARIZATION_SEED, binarize_once
from experiment.published import PUBLISHED
from experiment.training import plan_execution
from image_data.records import is_one_hot, take
from models.distributions import Stream

NUMBERS_OF_SAMPLES = (5000, 2000, 1000, 500, 200, 100, 50)
PATIENCE = 900.0  # seconds that the importance-weighted bound may take, unless --iw_samples says otherwise


def assess(model, config, binary_test):
    """Results of a model: {"test": numbers, "protocol": how they came about}; the ELBO and its terms."""
    test = ElboEvaluator(model, config.seed)(binary_test.images, binary_test.labels)._asdict()
    if config.likelihood == "discretized_logistic":
        test["bits_per_dim"] = bits_per_dim(test["elbo"], config.image_shape)
    return {"test": test, "protocol": protocol_of(config, len(binary_test.images))}


def assess_further(model, config, dataset, binary_test):
    """More numbers, which take longer: with --iw_samples the importance-weighted bound, with --evaluate all that the
    data and the model allow: information in the codes, what labels and factors say, quality of reconstructions."""
    test = {}
    if config.iw_samples or config.evaluate:
        test |= assess_bound(model, config, binary_test)
    if config.evaluate:
        test |= assess_latents(model, config, dataset, binary_test)
        if config.image_size:
            test |= reconstruction_quality(model, dataset.test)._asdict()
        if config.is_cvae and has_classes(dataset.train):
            test |= assess_labels(model, config, dataset, binary_test)
    return test


def assess_bound(model, config, binary_test):
    """The importance-weighted bound, beside its number of samples and its time."""
    jit_compile = plan_execution(config).jit_compile
    num_samples = config.iw_samples or choose_num_samples(model, config, binary_test, jit_compile)
    started = time.monotonic()
    estimate = estimate_iw_bound(model, *binary_test[:2], num_samples, config.seed, jit_compile)
    return estimate._asdict() | {"iw_seconds": round(time.monotonic() - started, 1)}


def choose_num_samples(model, config, split, jit_compile):
    """K: 5000, or as many as PATIENCE allows, by the time of a trial."""
    trial, images = take(split, slice(20)), len(split.images)
    trial_samples = NUMBERS_OF_SAMPLES[-1]
    evidence = LogEvidence(model, split.images.shape[1:], trial_samples, config.seed, jit_compile, "trial")
    evidence(*trial[:2])  # compiles
    started = time.monotonic()
    evidence(*trial[:2])
    seconds_of = (time.monotonic() - started) / (len(trial.images) * trial_samples) * images
    num_samples = max((each for each in NUMBERS_OF_SAMPLES if each * seconds_of <= PATIENCE), default=trial_samples)
    print(
        f"importance-weighted bound of {images:,} images, K = {num_samples:,}: about {num_samples * seconds_of:.0f} s "
        "(--iw_samples sets another K)"
    )
    return num_samples


def assess_latents(model, config, dataset, binary_test):
    """What the codes hold: information, a linear probe of labels, disentanglement of factors."""
    codes = encode_split(model, binary_test)
    numbers = {}
    if config.hierarchy != "chain":  # there q(z_L|z_1) is not a function of the image
        mean, log_var = top_posteriors(model, binary_test)
        numbers |= information(mean, log_var, config.seed)._asdict()
    if has_classes(dataset.train) and not config.is_cvae:  # whose posterior is given the label that it would tell
        train = take(dataset.train, slice(PROBE_IMAGES))
        train_codes = encode_split(model, binarize_once(train, config.binarization, Stream.PROBE_BINARIZATION))
        classes = [each.labels.argmax(axis=1) for each in (train, binary_test)]
        numbers["linear_probe_accuracy"] = linear_probe_accuracy(train_codes, classes[0], codes, classes[1])
    if binary_test.factors is not None:
        factors, seed = binary_test.factors, config.seed
        if not config.hierarchical:
            numbers["mig_sampled"] = mig_sampled(mean, log_var, factors, seed=seed)
        numbers |= {
            "mig_histogram": mig_histogram(codes, factors),
            "factor_vae_score": factor_vae_score(codes, factors, seed=seed),
            "beta_vae_score": beta_vae_score(codes, factors, seed=seed),
            **dci(codes, factors, seed=seed)._asdict(),
            "sap": sap(codes, factors, seed=seed),
            "modularity": modularity(codes, factors),
        }
    return numbers


def assess_labels(model, config, dataset, binary_test):
    """What a conditional model knows of classes, and whether its images obey their labels."""
    jit_compile = plan_execution(config).jit_compile
    class_shares = dataset.train.labels.mean(axis=0)
    accuracy = bayes_accuracy(model, binary_test, class_shares, config.seed, jit_compile)
    numbers = {"bayes_accuracy": accuracy, "bayes_num_importance_samples": BAYES_SAMPLES}
    return numbers | recognition(model, dataset.train, dataset.test, config.seed)._asdict()


def has_classes(split):
    """Whether each image has one label."""
    return split.labels is not None and is_one_hot(split.labels)


def compare_with_published(config, test):
    """The number that a preset is to end at, and whether it did: {"published": ...}; {} where there is none."""
    published = PUBLISHED.get(config.preset)
    if published is None or published.metric not in test:
        return {}
    card = {name: getattr(published, name) for name in ("source", "metric", "expected", "tolerance")}
    return {"published": {"preset": config.preset, **card, "reached": published.is_reached(test)}}


def protocol_of(config, num_images):
    """The card that goes with the numbers."""
    return {
        "bound": f"ELBO of log p({'x|y' if config.is_cvae else 'x'}), one sample of z for each image, no beta",
        "unit": f"nats per image: {nats_of(config)}",
        "dataset": config.dataset,
        "split": "test" if config.limit is None else f"first {num_images} images of test",
        "binarization": config.binarization,
        "binarization_seed": BINARIZATION_SEED if config.binarization == "dynamic" else None,
        "seed": config.seed,
        "model": config.model,
        **training_of(config),
        "first_weights": config.load_weights if config.num_epochs else None,
        "cpus": os.cpu_count(),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("keras", "numpy")}
        | {"tensorflow": tf.__version__},
    }


def training_of(config):
    """What the card says of training; of weights that were loaded, their own config.json says it."""
    if config.num_epochs == 0:
        return {"training": "none; that of the weights is beside them"}
    loss = f"{describe_loss(config)}; {describe_training(config)}"
    return {"training": loss, "epochs": config.num_epochs, "batch_size": config.batch_size}


NATS, SHARE = "nats", "share"
ROWS = {
    "elbo": ("ELBO", NATS, "higher is better; standard error {elbo_standard_error:.2f}"),
    "distortion": ("distortion", NATS, ""),
    "rate": ("rate", NATS, ""),
    "iw_bound": (
        "IW bound",
        NATS,
        "higher is better; K = {num_importance_samples:,}, standard error {iw_standard_error:.2f}",
    ),
    "bits_per_dim": ("bits per dim", "bits", "lower is better; an upper bound"),
    "mutual_information": ("I(x; z)", NATS, "of the top level; at most log {num_images:,}"),
    "marginal_kl": ("KL(q(z)||p(z))", NATS, "of the top level"),
    "reconstruction_mse": ("MSE", "", "of pixels in [0, 1]"),
    "reconstruction_psnr": ("PSNR", "dB", "higher is better"),
    "reconstruction_ssim": ("SSIM", "", "higher is better"),
    "linear_probe_accuracy": ("linear probe", SHARE, "of test images, from their codes"),
    "bayes_accuracy": ("Bayes' rule", SHARE, "of test images, argmax p(x|y) p(y), K = {bayes_num_importance_samples}"),
    "classifier_accuracy": ("classifier", SHARE, "of real test images"),
    "recognised": ("recognised", SHARE, "by it, of images generated for given labels"),
    "mig_sampled": ("MIG", "", "of samples, Chen et al. (2018)"),
    "mig_histogram": ("MIG", "", "20 bins, Locatello et al. (2019)"),
    "factor_vae_score": ("FactorVAE", "", "Kim & Mnih (2018)"),
    "beta_vae_score": ("beta-VAE score", "", "Higgins et al. (2017)"),
    "dci_disentanglement": ("DCI disent.", "", "Eastwood & Williams (2018)"),
    "dci_completeness": ("DCI complete.", "", ""),
    "dci_informativeness": ("DCI inform.", "", ""),
    "sap": ("SAP", "", "Kumar et al. (2018)"),
    "modularity": ("modularity", "", "Ridgeway & Mozer (2018)"),
}


class Number(NamedTuple):
    """A line of a table of results."""

    name: str
    number: str
    words: str
    is_detail: bool = False  # of the line above it


def numbers(results):
    """The results, a Number each, and whether a published number was reached."""
    test = results["test"]
    for key, (name, unit, remark) in ROWS.items():
        if key not in test:
            continue
        number = f"{test[key]:.1%}" if unit == SHARE else f"{test[key]:.{2 if unit == NATS else 3}f}"
        remarks = [unit if unit != SHARE else "", remark and f"({remark.format(**test)})"]
        yield Number(name, number, " ".join(filter(None, remarks)))
        if key == "rate":
            names = level_names(len(test["active_units"]))
            for name, rate, active in zip(names, test["rate_per_level"], test["active_units"], strict=True):
                yield Number(f"of {name}", f"{rate:.2f}", f"nats, {active:,} active units", True)


def verdict(results):
    """Whether a published number was reached: a list of one line, or of none."""
    if "published" not in results:
        return []
    words = "{preset}, {source}: {metric} {expected:g} expected, tolerance {tolerance:g}: "
    return [words.format(**results["published"]) + ("reached" if results["published"]["reached"] else "not reached")]


def table(results):
    """The results as lines of text: name, number, unit and what to know of it."""
    lines = [heading(results)]
    for name, number, words, is_detail in numbers(results):
        shown = f"    {name:<13}" if is_detail else f"  {name:<15}"
        lines.append(f"{shown}{number:>10} {words}".rstrip())
    return lines + verdict(results)


def heading(results):
    """What the numbers are of, and what a nat means."""
    return f"Test, {results['test']['num_images']:,} images, {results['protocol']['unit']}"
