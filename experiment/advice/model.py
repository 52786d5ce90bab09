"""Signs in the test numbers of results.json."""

from math import log, pi, prod

from experiment.advice.evidence import Remark, more_epochs
from experiment.settings.words import beta_norm, level_names
from models.catalog import LIKELIHOODS, OBJECTIVES

# A level below one bit (0.69 nats) cannot tell two kinds of images apart.
LEAST_RATE = log(2)
# Models of MNIST with 50 units use 25 of them, those of 128 and more on photographs about half; below a tenth most of
# the latent space is idle.
ACTIVE_SHARE = 0.1
# Papers report beta from 1 to 250 (Higgins et al. 2017); 100 and beta_norm 1, where a unit's nat weighs as much as a
# pixel's, are rare. It is an illness only if it leaves less than half of the units active.
MUCH_BETA, MUCH_BETA_NORM, BETA_ACTIVE_SHARE = 100.0, 1.0, 0.5
# The best variance is the squared error itself (Rybkin et al. 2021). A factor r costs D/2 (log r + 1/r - 1) nats: at 2
# a tenth of a nat for each pixel.
VARIANCE_FACTOR = 2.0
LEAST_ERROR = 1e-5  # of pixels in [0, 1]: float32 does not give the distortion more precisely
# The shipped weights have 0.1 % of their rate, the digits 0.2 %, and models with beta 0.01 have 13 to 18 %.
PRIOR_SHARE, LEAST_DISTANCE = 0.05, 1.0
# The ELBO of single images of MNIST has a standard deviation of 24 nats: with fewer test images than this the standard
# error is 0.8 nats and more, and rows of published tables differ by one or two.
FEW_TEST_IMAGES = 1_000


def is_empty(evidence):
    """A level that says less than a bit of an image, or the same of all."""
    config, test = evidence.config, evidence.test
    names = level_names(len(test["rate_per_level"]))
    found = [
        (name, rate, active)
        for name, rate, active in zip(names, test["rate_per_level"], test["active_units"], strict=True)
        if rate < LEAST_RATE or active == 0
    ]
    if not found:
        return None
    which = " and ".join(name for name, _, _ in found)
    return Remark(
        f"{which} {'says' if len(found) == 1 else 'say'} hardly anything of an image",
        ", ".join(f"{name}: rate {rate:.2f} nats, {active} active units" for name, rate, active in found),
        _more_rate(config) or _wake_up(config),
    )


def has_few_active(evidence):
    """Most units carry nothing."""
    config, active = evidence.config, sum(evidence.test["active_units"])
    if active >= ACTIVE_SHARE * config.num_units or is_empty(evidence):
        return None
    return Remark(
        "Most latent units carry nothing",
        f"{active} of {config.num_units} units are active, rate {evidence.test['rate']:.2f} nats",
        _more_rate(config) or "a smaller --latent_size, which loses nothing",
    )


def has_much_beta(evidence):
    """A beta that is far above those of papers, and leaves the units idle."""
    config, active = evidence.config, sum(evidence.test["active_units"])
    is_much = config.beta > 1.0 and (config.beta >= MUCH_BETA or beta_norm(config) >= MUCH_BETA_NORM)
    if (
        not OBJECTIVES[config.objective].is_weighted_sum
        or not is_much
        or active >= BETA_ACTIVE_SHARE * config.num_units
    ):
        return None
    return Remark(
        "beta is so large that it switches units off: both terms are sums here, over pixels and over units",
        f"beta {config.beta:g}, beta_norm {beta_norm(config):.3g}; {active} of {config.num_units} units are active, "
        f"rate {evidence.test['rate']:.2f} nats",
        "--beta 1",
    )


def squared_error(variance, distortion, num_dims):
    """The mean squared error of pixels in [0, 1] that the distortion of a Gaussian of one variance holds.

        distortion = D/2 log(2 pi s^2) + D MSE / (2 s^2)

    Args:
        variance: s^2.
        distortion: nats per image.
        num_dims: D, pixels times channels.
    """
    return variance * (2 * distortion / num_dims - log(2 * pi * variance))


def lacks_variance(evidence):
    """What is missing for `has_wrong_variance`."""
    is_there = "likelihood_variance" in evidence.test or not LIKELIHOODS[evidence.config.likelihood].has_one_variance
    return "" if is_there else "its results hold no likelihood_variance"


def has_wrong_variance(evidence):
    """The variance of the likelihood is far from the squared error, which is the best."""
    config = evidence.config
    if not LIKELIHOODS[config.likelihood].has_one_variance:
        return None
    variance = evidence.test["likelihood_variance"]
    error = max(LEAST_ERROR, squared_error(variance, evidence.test["distortion"], prod(config.image_shape)))
    ratio = variance / error
    if 1 / VARIANCE_FACTOR < ratio < VARIANCE_FACTOR:
        return None
    if _is_of_fixed_variance(config):
        flag = "--likelihood gaussian, which learns the variance"
    elif ratio > 1:
        flag = f"{more_epochs(config)}: the variance is still on its way"
    else:
        flag = "more training images: test images are reconstructed worse than those that the variance was learned on"
    weight = f", which weighs the KL as a beta of {config.beta * ratio:,.0f} would" if ratio > 1 else ""
    return Remark(
        "The variance of the likelihood is far from the squared error, which is its best value",
        f"variance {variance:.3g}, squared error {error:.3g}{weight}",
        flag,
    )


def lacks_distance(evidence):
    """What is missing for `is_far_from_prior`."""
    config = evidence.config
    is_there = "marginal_kl_at_least" in evidence.test or not config.traits.is_top_down or config.prior != "standard"
    return "" if is_there else "its results hold no marginal_kl_at_least, which --evaluate measures"


def is_far_from_prior(evidence):
    """Codes of images lie where the prior does not, so that samples are worse than reconstructions."""
    config, test = evidence.config, evidence.test
    # The top posterior of a chain is no function of the image alone; the distance is that from N(0, I).
    if not config.traits.is_top_down or config.prior != "standard":
        return None
    top_rate, by_chance = test["rate_per_level"][0], config.level_sizes[-1] / test["num_images"]
    distance = test["marginal_kl_at_least"] - by_chance
    if distance < max(LEAST_DISTANCE, PRIOR_SHARE * top_rate):
        return None
    if "beta" not in OBJECTIVES[config.objective].reads:
        flag = "--objective elbo"
    else:
        flag = (
            "--beta 1"
            if OBJECTIVES[config.objective].is_weighted_sum and config.beta < 1
            else (f"--beta {4 * config.beta:g}, which costs reconstructions")
        )
    return Remark(
        "Codes of images are not where the prior is, so samples are worse than reconstructions",
        f"KL(q(z)||p(z)) is at least {distance:.1f} of the {top_rate:.1f} nats of the rate",
        flag,
    )


def has_few_test_images(evidence):
    """Too few test images for the differences that are usually compared."""
    config, test = evidence.config, evidence.test
    if test["num_images"] >= FEW_TEST_IMAGES:
        return None
    if config.limit and test["num_images"] == config.limit:
        flag = "leave --limit out"
    elif config.image_size:
        flag = f"--test_split above {config.test_split:g}, and --seeds"
    elif config.dataset == "arrays":
        flag = "more test images, and several seeds"
    else:
        flag = "--seeds 0 1 2"
    return Remark(
        "There are few test images: runs that are measured on other images differ by chance",
        f"{test['num_images']:,} test images, and the ELBO is known to {1.96 * test['elbo_standard_error']:,.1f} nats "
        "either way (95 %)",
        flag,
    )


def _is_of_fixed_variance(config):
    likelihood = LIKELIHOODS[config.likelihood]
    return likelihood.has_one_variance and not likelihood.begins_at_data


def _more_rate(config):
    """The flag that takes away what holds the rate (KL) down, or ""."""
    objective = OBJECTIVES[config.objective]
    if _is_of_fixed_variance(config):
        return "--likelihood gaussian, which learns the variance"
    if "capacity" in objective.reads:
        return f"--capacity {max(25.0, 2 * config.capacity):g}"
    if "beta" in objective.reads and config.beta > 1:
        return f"--beta {1 if objective.is_weighted_sum else config.beta / 10:g}"
    return ""


def _wake_up(config):
    """The flag that gives a level of no rate a start."""
    reads = OBJECTIVES[config.objective].reads
    if not config.traits.is_top_down:
        return "--hierarchy top_down"
    if "beta_schedule" in reads and config.beta_schedule == "constant":
        return "--beta_schedule linear"
    if "free_nats" in reads:
        return f"--free_nats {max(1.0, 2 * config.free_nats):g}"
    return more_epochs(config)
