"""Noise layers (each returns its noisy units and what they cost, in nats) and the networks that are built from them."""

from ib_tutorial.nn.autoencoder import GaussianLatents, vae
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
from ib_tutorial.nn.networks import NoisyNetwork, all_cnn_32, all_cnn_96, classifier_head, mlp

__all__ = [
    "BinaryDropout",
    "Collected",
    "Deterministic",
    "GaussianDropout",
    "GaussianLatents",
    "InformationDropout",
    "LogNormalDropout",
    "NoiseLayer",
    "NoisyNetwork",
    "VariationalDropout",
    "all_cnn_32",
    "all_cnn_96",
    "classifier_head",
    "collect_kl",
    "mlp",
    "noise",
    "vae",
]
