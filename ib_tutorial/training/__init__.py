"""The objective (eq. 3), the loop that minimises it, and what is measured on a trained network."""

from ib_tutorial.training.evaluation import (
    Evaluation,
    EvidenceBound,
    evaluate,
    evidence_bound,
    reading,
    recalibrate_batch_norm,
)
from ib_tutorial.training.loop import CollapseWarning, Epoch, fit
from ib_tutorial.training.objective import bernoulli_nats, information_bottleneck_loss, kl_per_image
from ib_tutorial.training.randomness import initialised
from ib_tutorial.training.stacked import fit_stacked

__all__ = [
    "CollapseWarning",
    "Epoch",
    "Evaluation",
    "EvidenceBound",
    "bernoulli_nats",
    "evaluate",
    "evidence_bound",
    "fit",
    "fit_stacked",
    "information_bottleneck_loss",
    "initialised",
    "kl_per_image",
    "reading",
    "recalibrate_batch_norm",
]
