"""The objective (eq. 3), the loop that minimises it, and what is measured on a trained network."""

from ib_tutorial.training.evaluate import Evaluation, evaluate, recalibrate_batch_norm
from ib_tutorial.training.fit import Epoch, fit
from ib_tutorial.training.objective import information_bottleneck_loss, kl_per_image

__all__ = [
    "Epoch",
    "Evaluation",
    "evaluate",
    "fit",
    "information_bottleneck_loss",
    "kl_per_image",
    "recalibrate_batch_norm",
]
