"""Noise layers (each returns its noisy units and what they cost, in nats) and the networks that are built from them.

The paper's layer is `InformationDropout`, and that of the deep VIB is `VariationalBottleneck`; all are kinds of `NoiseLayer`. `mlp`, `all_cnn_32`, `all_cnn_96` and `vae`
make the paper's networks; both all-convolutional ones take the options of `all_cnn`. `noise` switches the noise of a network
on or off, and `collect_kl` gathers the costs of the noise layers in any network.

`help(ib_tutorial.nn)` prints ten thousand lines, since each class inherits a thousand from `torch.nn.Module`. Ask for one
name instead: `help(ib_tutorial.nn.mlp)`, or `print(ib_tutorial.nn.InformationDropout.__doc__)` for a class.
"""

from ib_tutorial.nn.autoencoder import vae
from ib_tutorial.nn.bottleneck import VariationalBottleneck
from ib_tutorial.nn.contexts import Collected, collect_kl, noise
from ib_tutorial.nn.dropout import (
    BinaryDropout,
    Deterministic,
    GaussianDropout,
    InformationDropout,
    LogNormalDropout,
    NoiseLayer,
    VariationalDropout,
)
from ib_tutorial.nn.networks import NoisyNetwork, all_cnn, all_cnn_32, all_cnn_96, classifier_head, mlp
from ib_tutorial.nn.truncated import TruncatedInformationDropout

__all__ = [
    "BinaryDropout",
    "Collected",
    "Deterministic",
    "GaussianDropout",
    "InformationDropout",
    "LogNormalDropout",
    "NoiseLayer",
    "NoisyNetwork",
    "TruncatedInformationDropout",
    "VariationalBottleneck",
    "VariationalDropout",
    "all_cnn",
    "all_cnn_32",
    "all_cnn_96",
    "classifier_head",
    "collect_kl",
    "mlp",
    "noise",
    "vae",
]
