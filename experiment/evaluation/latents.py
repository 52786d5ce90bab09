"""What the codes of a data set hold: information, and the classes that a linear probe reads from them."""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_utils import cut

IMAGES_AT_ONCE = 200


class Information(NamedTuple):
    """The two parts of the rate (KL), nats: E_x KL(q(z|x) || p(z)) = mutual_information + marginal_kl."""

    mutual_information: float  # I_q(x; z) for an image drawn from the N; at most log N
    marginal_kl: float  # KL(q(z) || p(z)), q(z) = 1/N sum_n q(z|x_n)


def information(mean, log_var, rate, seed):
    """Split the rate (KL) into information that tells images apart, and the distance of q(z) from the prior.

        I_q(x; z) = E log q(z|x) - log q(z)

    It takes one sample of z for each image. q(z) is the whole mixture of the N posteriors.

    Args:
        mean: of the posteriors, [N, L].
        log_var: of the posteriors, [N, L].
        rate: the mean of KL(q(z|x) || p(z)) over the images, nats.
        seed: of the samples.

    Returns:
        Information, nats.

    Reference: Hoffman & Johnson (2016), eq. 7.
    """
    mean, log_var = mean.astype(np.float64), log_var.astype(np.float64)
    z = mean + np.exp(0.5 * log_var) * np.random.default_rng(seed).standard_normal(mean.shape)
    precision = np.exp(-log_var)
    constant = -0.5 * np.sum(np.log(2 * np.pi) + log_var + mean**2 * precision, axis=1)
    log_q = np.empty(len(z))
    for rows in cut(len(z), IMAGES_AT_ONCE):
        # sum_j (z_j - m_j)^2 / v_j, expanded into two matrix products
        log_q_each = constant - 0.5 * (z[rows] ** 2) @ precision.T + z[rows] @ (mean * precision).T
        log_q[rows] = logsumexp(log_q_each, axis=1) - np.log(len(mean))
    log_q_own = -0.5 * np.sum(np.log(2 * np.pi) + log_var + (z - mean) ** 2 * precision, axis=1)
    mutual_information = np.mean(log_q_own - log_q)
    return Information(float(mutual_information), float(rate - mutual_information))


def moment_kl(mean, log_var):
    """A lower bound of KL(q(z) || p(z)) that does not depend on how many images there are: nats.

        sum_j KL(N(m_j, v_j) || N(0, 1)) <= KL(q(z) || N(0, I)),  m_j and v_j the mean and the variance of q(z_j)

    Of all densities with these moments the Gaussian is the nearest to a Gaussian prior. The mutual information of
    `information` ends at log N, and the marginal KL beside it grows by what is cut off there.

    Args:
        mean: of the posteriors, [N, L].
        log_var: of the posteriors, [N, L].

    Reference: Cover & Thomas (2006), theorem 8.6.5.
    """
    mean, log_var = mean.astype(np.float64), log_var.astype(np.float64)
    variance = mean.var(axis=0) + np.exp(log_var).mean(axis=0)
    return float(0.5 * np.sum(variance + mean.mean(axis=0) ** 2 - 1 - np.log(variance)))


def linear_probe_accuracy(train_codes, train_classes, test_codes, test_classes):
    """The test accuracy of a logistic regression from codes [N, units] to classes [N]."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(probe.fit(train_codes, train_classes).score(test_codes, test_classes))
