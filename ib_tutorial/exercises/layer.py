"""How often one noisy unit mistakes one image for another."""

import numpy as np

from ib_tutorial.exercises.exercise import Exercise, misread


def pairs(rng):
    """f_a, f_b and alpha [pairs], with f_a above f_b in some pairs and below in others."""
    for n in (3, 5):
        yield rng.lognormal(0, 1, n), rng.lognormal(0, 1, n), rng.uniform(0.3, 0.9, n)


def normal(at):
    """Share of a standard normal that lies below `at`."""
    from scipy.stats import norm

    return norm.cdf(at)


def mistaken(f_a, f_b, alpha):
    return normal(-np.abs(np.log(f_a / f_b)) / (2 * alpha))


def by_the_plain_mean(f_a, f_b, alpha):
    small, large = np.minimum(f_a, f_b), np.maximum(f_a, f_b)
    middle = (small + large) / 2
    return (normal(-np.log(middle / small) / alpha) + normal(np.log(middle / large) / alpha)) / 2


MISTAKEN = Exercise(
    name="layer-mistaken",
    asks="a function of f_a, f_b and alpha, each [pairs], that returns the share of wrong guesses [pairs]",
    oracle=mistaken,
    inputs=pairs,
    in_nats=False,
    mistakes={
        "You measured the distance between the units; the noise is additive on their logarithms.":
            lambda f_a, f_b, alpha: normal(-np.abs(f_a - f_b) / (2 * alpha)),
        "The whole distance is too far: a wrong guess needs noise that reaches the border, which lies half-way.":
            lambda f_a, f_b, alpha: normal(-np.abs(np.log(f_a / f_b)) / alpha),
        "You took alpha for a variance; it is the standard deviation of $\\log\\varepsilon$.":
            misread(mistaken, alpha=np.sqrt),
        "Your border is the mean of $f_a$ and $f_b$. The densities of $\\log z$ cross at the mean of the logarithms.":
            by_the_plain_mean,
        "That is right for $f_a > f_b$ only: a distance has no sign.":
            lambda f_a, f_b, alpha: normal(-np.log(f_a / f_b) / (2 * alpha)),
        "That is the area which both densities share. Each image is shown in one half of the cases.":
            lambda f_a, f_b, alpha: 2 * mistaken(f_a, f_b, alpha),
        "That is the share of guesses that are right.":
            lambda f_a, f_b, alpha: 1 - mistaken(f_a, f_b, alpha),
    },
    hints=(
        "Take logarithms: $\\log z$ is normal, with the same standard deviation for both images.",
        "The best guess is the image whose $\\log f$ is nearer. Where is the border between the two?",
        "How many standard deviations must the noise reach to cross the border? `scipy.stats.norm.cdf` gives its share.",
    ),
)
