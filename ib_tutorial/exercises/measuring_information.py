"""InfoNCE from a table of scores."""

import math

import torch

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information import info_nce


def score_tables(rng):
    """Scores [batch, batch] of all pairs, float64; the diagonal has the pairs that belong together."""
    for n in (3, 5, 8):
        yield (torch.from_numpy(rng.normal(size=(n, n))),)


def logarithms(scores):
    """log of the softmax over each row, [batch, batch]."""
    return scores - torch.logsumexp(scores, 1, keepdim=True)


INFO_NCE = Exercise(
    name="mi-info-nce",
    asks="a function of scores [batch, batch], a torch tensor whose diagonal has the pairs that belong together, that returns the bound in nats",
    oracle=info_nce,
    inputs=score_tables,
    mistakes={
        "The sum over the row must be a mean: add $\\log n$. Without it the bound is never above 0.":
            lambda scores: logarithms(scores).diagonal().mean(),
        "The sign is wrong: that is the loss, and the bound is minus the loss.":
            lambda scores: -info_nce(scores),
        "You summed over the batch; the bound is the mean over its pairs.":
            lambda scores: logarithms(scores).diagonal().sum() + len(scores) * math.log(len(scores)),
        "The softmax runs down the columns: it asks which $x$ belongs to $y$. That is a bound as well, but not this one: "
        "in row $i$ the critic looks for $y_i$ among all $y_j$.":
            lambda scores: info_nce(scores.T),
        "You averaged over all pairs. Only the diagonal has pairs that belong together.":
            lambda scores: logarithms(scores).mean() + math.log(len(scores)),
    },
    hints=(
        "For each row: the score of its own pair, against the mean of $e^{f}$ over the row.",
        "`torch.logsumexp(scores, 1)` is the logarithm of a row's sum. How does a mean differ from it?",
        "`scores.diagonal() - torch.logsumexp(scores, 1)`, averaged, plus the logarithm of the batch size.",
    ),
)
