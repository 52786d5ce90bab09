"""Results: the names of the numbers, the table of a run, and whether it reached a published number."""

from typing import NamedTuple

from experiment.settings.presets import PRESETS
from experiment.settings.words import level_names

NATS, SHARE = "nats", "share"
NAMES = {"python": "Python", "keras": "Keras", "numpy": "numpy", "tensorflow": "TensorFlow"}
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
    "webp_bits_per_dim": ("lossless WebP", "bits", "per dim, of the same images as files"),
    "png_bits_per_dim": ("PNG", "bits", "per dim, the same"),
    "mutual_information": ("I(x; z)", NATS, "of the top level; at most log {num_images:,}"),
    "marginal_kl": ("KL(q(z)||p(z))", NATS, "of the top level"),
    "marginal_kl_at_least": ("KL at least", NATS, "from the means and variances of q(z)"),
    "reconstruction_mse": ("MSE", "", "of pixels in [0, 1]"),
    "reconstruction_psnr": ("PSNR", "dB", "higher is better"),
    "reconstruction_ssim": ("SSIM", "", "higher is better"),
    "reconstruction_ms_ssim": ("MS-SSIM", "", "higher is better; {ms_ssim_num_scales} scales"),
    "jpeg_psnr": (
        "PSNR of JPEG",
        "dB",
        "quality {jpeg_quality}, {jpeg_bits:,.0f} bits an image; the codes of the model {rate_bits:,.0f}",
    ),
    "frechet_distance": (
        "Frechet dist.",
        "",
        "of as many samples to training images, features of our own classifier; no FID",
    ),
    "frechet_floor": ("Frechet floor", "", "the same of {frechet_num_images:,} held-out images"),
    "linear_probe_accuracy": ("linear probe", SHARE, "of test images, from their codes"),
    "label_accuracy": ("q(y|x)", SHARE, "of all test images, by the model's own classifier"),
    "bayes_accuracy": (
        "Bayes' rule",
        SHARE,
        "of {bayes_num_images:,} test images, argmax p(x|y) p(y), K = {bayes_num_importance_samples}",
    ),
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
    is_detail: bool = False  # whether it is a detail of the line above


def numbers(results):
    """The results of a run, one Number for each line of the table."""
    test = results["test"]
    for key, (name, unit, remark) in ROWS.items():
        if key not in test:
            continue
        number = f"{test[key]:.1%}" if unit == SHARE else f"{test[key]:.{2 if unit == NATS else 3}f}"
        remarks = [unit if unit != SHARE else "", _filled(remark, test)]
        yield Number(name, number, " ".join(filter(None, remarks)))
        if key == "rate":
            names = level_names(len(test["active_units"]))
            for name, rate, active in zip(names, test["rate_per_level"], test["active_units"], strict=True):
                yield Number(f"of {name}", f"{rate:.2f}", f"nats, {active:,} active units", True)


def _filled(remark, test):
    """'(K = 5,000)'; '' where there is no remark, or a record of an older version lacks a number of it."""
    try:
        return remark and f"({remark.format(**test)})"
    except KeyError:
        return ""


def verdict(results):
    """Whether the run reached the published number: a list of one line, or an empty list."""
    if "published" not in results:
        return []
    words = "{preset}, {source}: {metric} {expected:g} expected, tolerance {tolerance:g}: "
    return [words.format(**results["published"]) + ("reached" if results["published"]["reached"] else "not reached")]


def table(results):
    """The results as lines of text: name, number, unit and remark."""
    lines = [heading(results)]
    for name, number, words, is_detail in numbers(results):
        shown = f"    {name:<13}" if is_detail else f"  {name:<15}"
        lines.append(f"{shown}{number:>10} {words}".rstrip())
    return lines + verdict(results) + left_out_of(results) + made_with(results["protocol"])


def made_with(protocol):
    """What the numbers were made with, in lines: versions and CPU, and the commit where the protocol names one."""
    if "versions" not in protocol:
        return []
    versions = ", ".join(f"{NAMES[name]} {version}" for name, version in protocol["versions"].items())
    devices = [*protocol.get("gpus", []), protocol.get("cpu", "CPU")]
    lines = [versions, f"{', '.join(devices)}, {protocol['cpus']} cores"]
    return lines + ([f"commit {protocol['commit']}"] if "commit" in protocol else [])


def left_out_of(results):
    """The parts that failed, one line each with the reason."""
    return [f"left out: {part} ({reason})" for part, reason in results.get("left_out", {}).items()]


def heading(results):
    """The heading of the results: how many images, and what a nat means."""
    return f"Test, {results['test']['num_images']:,} images, {results['protocol']['unit']}"


def compare_with_published(config, test):
    """The published number of a preset and whether the run reached it: {"published": ...}, or {} if there is none."""
    preset = PRESETS.get(config.preset)
    if preset is None or preset.metric not in test:
        return {}
    card = {name: getattr(preset, name) for name in ("source", "metric", "expected", "tolerance")}
    return {"published": {"preset": config.preset, **card, "reached": preset.is_reached(test)}}
