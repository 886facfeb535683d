"""The registry of every exercise that checks itself, by its name."""

from importlib import import_module

from ib_tutorial.exercises.exercise import Exercise

CHAPTERS = (
    "layer", "representations", "lagrangian", "disentanglement", "information_dropout", "limits",
    "autoencoder", "activation_priors", "mnist_widths", "cifar_filters", "information_maps",
    "occluded_nuisance", "total_correlation", "vae_bound", "learned_versus_exact",
    "measuring_information", "two_bottlenecks",
)  # fmt: skip
"""The modules of this package that hold exercises, in the order of the chapters."""

EXERCISES: dict[str, Exercise] = {
    value.name: value
    for chapter in CHAPTERS
    for value in vars(import_module(f"ib_tutorial.exercises.{chapter}")).values()
    if isinstance(value, Exercise)
}
