"""Noise layers (each returns its noisy units and what they cost, in nats) and the networks that are built from them."""

from ib_tutorial.nn.dropout import BinaryDropout, Deterministic, InformationDropout, LogNormalDropout, NoiseLayer, noise
from ib_tutorial.nn.networks import NoisyNetwork, mlp

__all__ = [
    "BinaryDropout",
    "Deterministic",
    "InformationDropout",
    "LogNormalDropout",
    "NoiseLayer",
    "NoisyNetwork",
    "mlp",
    "noise",
]
