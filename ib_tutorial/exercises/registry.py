"""The registry of every exercise that checks itself, by its name."""

from ib_tutorial.exercises import (
    activation_priors,
    autoencoder,
    cifar_filters,
    disentanglement,
    information_dropout,
    information_maps,
    lagrangian,
    layer,
    learned_versus_exact,
    limits,
    measuring_information,
    mnist_widths,
    occluded_nuisance,
    representations,
    total_correlation,
    two_bottlenecks,
    vae_bound,
)
from ib_tutorial.exercises.exercise import Exercise

MODULES = (
    layer,
    representations,
    lagrangian,
    disentanglement,
    information_dropout,
    limits,
    autoencoder,
    activation_priors,
    mnist_widths,
    cifar_filters,
    information_maps,
    occluded_nuisance,
    total_correlation,
    vae_bound,
    learned_versus_exact,
    measuring_information,
    two_bottlenecks,
)  # in the order of the chapters

EXERCISES: dict[str, Exercise] = {exercise.name: exercise for module in MODULES for exercise in module.EXERCISES}
if len(EXERCISES) != sum(len(module.EXERCISES) for module in MODULES):
    raise ValueError("two exercises have the same name")
