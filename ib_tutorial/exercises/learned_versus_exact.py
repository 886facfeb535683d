"""The information of a layer on a small source, from draws, without counting."""

import numpy as np
import torch

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences


def encoders_with_draws(rng):
    """log_f and alpha [x, units], p_x [x], and u [draws, x, units] with u[:, i] from p(u | x = i)."""
    for n_x, units in ((3, 2), (4, 1), (5, 3)):
        log_f, alpha = rng.normal(size=(n_x, units)), rng.uniform(0.5, 1.5, (n_x, units))
        u = log_f + alpha * rng.normal(size=(50, n_x, units))
        yield log_f, alpha, rng.dirichlet(np.ones(n_x)), u


def told(log_f, alpha, p_x, u):
    encoder = LogNormalEncoder(torch.from_numpy(log_f), torch.from_numpy(alpha))
    p_xy = torch.from_numpy(p_x)[:, None]  # a label with a single value: only x matters here
    return divergences(encoder, p_xy, torch.from_numpy(u)).i_xz.numpy().mean(0) @ p_x


def from_posterior(summary, prior=None, weights=None, variance=False, mean_units=False):
    """A mistaken estimate: `summary` of the posterior [draws, x drawn, x], of p(x), for each draw; then the average."""

    def computes(log_f, alpha, p_x, u):
        scale = np.sqrt(alpha) if variance else alpha
        standardised = (u[:, :, None] - log_f) / scale
        log_densities = -(standardised**2) / 2 - np.log(scale)
        log_p = log_densities.mean(-1) if mean_units else log_densities.sum(-1)
        joint = np.exp(log_p) * (p_x if prior is None else prior(p_x))
        posterior = joint / joint.sum(-1, keepdims=True)
        return summary(posterior, p_x).mean(0) @ (p_x if weights is None else weights(p_x))

    return computes


def divergence(posterior, p_x):
    return (posterior * np.log(posterior / p_x)).sum(-1)


def uniform(p_x):
    return np.full(len(p_x), 1 / len(p_x))


TOLD = Exercise(
    name="lve-estimate",
    asks=(
        "a function of log_f [x, units], alpha [x, units], p_x [x] and u [draws, x, units] "
        "that returns the estimate of I(x;z), a number, in nats"
    ),
    oracle=told,
    inputs=encoders_with_draws,
    mistakes={
        "You averaged over the inputs as if they were equally likely: `u[:, i]` counts with weight $p(x_i)$.":
            from_posterior(divergence, weights=uniform),
        "By Bayes, $p(x|u)$ is proportional to $p(x)\\,p(u|x)$; you left $p(x)$ out.":
            from_posterior(divergence, prior=uniform),
        "You took alpha for a variance; it is the standard deviation of $u$ given $x$.":
            from_posterior(divergence, variance=True),
        "You took the mean of the log-density over the units; independent densities multiply, so their logarithms add.":
            from_posterior(divergence, mean_units=True),
        "KL's arguments are swapped: what is known after seeing $u$ stands first, what was known before second.":
            from_posterior(lambda posterior, p_x: (p_x * np.log(p_x / posterior)).sum(-1)),
        "That is $H(x|z)$, what is left to know of $x$. Compare with what there was to know.":
            from_posterior(lambda posterior, p_x: -(posterior * np.log(posterior)).sum(-1)),
        "You used the one ratio $p(u|x)/p(u)$ of each draw. It has the right mean, and varies more: "
        "take the whole divergence of $p(x|u)$ from $p(x)$.":
            from_posterior(lambda posterior, p_x: np.log(np.diagonal(posterior, axis1=1, axis2=2) / p_x)),
    },
    hints=(
        "For each draw: the log-density under every $x$, then Bayes, then a divergence.",
        "`u[:, :, None] - log_f` has the axes [draws, x drawn, x, units].",
        "Subtract `logsumexp` over $x$ to get the logarithm of the posterior; average over draws, then with $p(x)$.",
    ),
)
