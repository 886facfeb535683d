"""What noise makes of a Gaussian total correlation, predicted without drawing any."""

import numpy as np

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information import gaussian_total_correlation


def layers(rng):
    """Pairs (log_f, alpha) [images, units]: correlated units, and noise scales that vary from image to image."""
    for n, d in ((40, 3), (60, 5), (30, 2)):
        mixing = rng.normal(size=(d, d)) + np.eye(d)
        alpha = 0.7 / (1 + np.exp(rng.normal(size=(n, 1)) + rng.normal(size=(n, d))))
        yield 0.5 * rng.normal(size=(n, d)) @ mixing, alpha


def with_noise(log_f, added):
    return gaussian_total_correlation(np.cov(log_f.T) + added)


def predicted(log_f, alpha):
    return with_noise(log_f, np.diag((alpha**2).mean(0)))


PREDICTED = Exercise(
    name="tc-predict-noise",
    asks="a function of log_f and alpha [images, units] that returns the plug-in Gaussian total correlation of log z, in nats",
    oracle=predicted,
    inputs=layers,
    mistakes={
        "That is twice as large: the formula has a half in front.":
            lambda log_f, alpha: 2 * predicted(log_f, alpha),
        "That is the total correlation of $\\log f$: the noise is missing.":
            lambda log_f, alpha: with_noise(log_f, 0.0),
        "You squared the mean of the noise scale; the mean of the square is needed, which is larger.":
            lambda log_f, alpha: with_noise(log_f, np.diag(alpha.mean(0) ** 2)),
        "You added the noise's standard deviation; variances add.":
            lambda log_f, alpha: with_noise(log_f, np.diag(alpha.mean(0))),
        "You gave all units the same noise; each has the mean square of its own scale.":
            lambda log_f, alpha: with_noise(log_f, np.mean(alpha**2) * np.eye(alpha.shape[1])),
        "You added the covariance of the noise scales; how they vary together leaves the covariance of $\\log z$ as it is.":
            lambda log_f, alpha: with_noise(log_f, np.cov(alpha.T)),
    },
    hints=(
        "Which matrix has to be added to the covariance of $\\log f$?",
        "It is diagonal, with a mean over the images for each unit.",
        "`gaussian_total_correlation` does the rest; do not tell it how many images there are.",
    ),
)
