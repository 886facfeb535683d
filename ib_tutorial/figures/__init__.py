"""One function per figure: numbers or a record in, a matplotlib Figure out. `use_style()` once per notebook."""

from ib_tutorial.figures.activation_priors import (
    activation_histograms,
    activations_and_logarithms,
    before_and_after_noise,
    distances_from_priors,
)
from ib_tutorial.figures.autoencoder import (
    bound_plane,
    latent_rates,
    rate_distortion,
    reconstructions,
    turned_latents,
    water_filling,
)
from ib_tutorial.figures.cifar_filters import filter_errors, filter_information
from ib_tutorial.figures.data import (
    clutter_boxes,
    doubted_digits,
    factor_strips,
    fresh_clutter,
    gallery,
    occlusions,
)
from ib_tutorial.figures.disentanglement import (
    batch_total_correlation,
    copied_shape,
    factorized_bills,
    joint_tables,
    noise_and_total_correlation,
    plug_in_bias,
    shared_prior,
)
from ib_tutorial.figures.dropout import noise_by_digit, noise_family, noise_over_training, unit_costs
from ib_tutorial.figures.information_maps import (
    distractor_shares,
    front_page,
    map_caps,
    map_nats,
    map_scores,
    maps_against_ink,
    tailored_noise,
    where_information_flows,
)
from ib_tutorial.figures.lagrangian import (
    bifurcation,
    gaussian_curve,
    noisy_bit_gain,
    noisy_bit_losses,
    plane,
    tilts,
)
from ib_tutorial.figures.learned_versus_exact import (
    learned_anatomy,
    learned_codewords,
    learned_excess,
    learned_plane,
    learned_source,
)
from ib_tutorial.figures.loss import bill, kept_and_paid, log_n_ceiling, sample_and_source, variational_gaps
from ib_tutorial.figures.mnist_widths import mnist_published, mnist_widths
from ib_tutorial.figures.occluded_nuisance import occluded_errors, occluded_layers, occluded_nats
from ib_tutorial.figures.representations import (
    distance_to_markov,
    lamps,
    nuisance_bounds,
    posteriors,
    representation_plane,
)
from ib_tutorial.figures.speed import speed_growth, speed_ladder, speed_ratios
from ib_tutorial.figures.style import use_style
from ib_tutorial.figures.total_correlation import bias_and_dilution, error_and_total_correlation, noise_dial
from ib_tutorial.figures.vae_bound import vae_bounds, vae_digits, vae_rates, vae_sweep, vae_training
from ib_tutorial.figures.ledger import verdicts

__all__ = [
    "activation_histograms",
    "activations_and_logarithms",
    "batch_total_correlation",
    "before_and_after_noise",
    "bias_and_dilution",
    "bifurcation",
    "bill",
    "bound_plane",
    "clutter_boxes",
    "copied_shape",
    "distance_to_markov",
    "distances_from_priors",
    "doubted_digits",
    "error_and_total_correlation",
    "factor_strips",
    "factorized_bills",
    "distractor_shares",
    "filter_errors",
    "filter_information",
    "fresh_clutter",
    "front_page",
    "gallery",
    "gaussian_curve",
    "joint_tables",
    "kept_and_paid",
    "lamps",
    "latent_rates",
    "learned_anatomy",
    "learned_codewords",
    "learned_excess",
    "learned_plane",
    "learned_source",
    "log_n_ceiling",
    "map_caps",
    "map_nats",
    "map_scores",
    "maps_against_ink",
    "mnist_published",
    "mnist_widths",
    "noise_and_total_correlation",
    "noise_by_digit",
    "noise_dial",
    "noise_family",
    "noise_over_training",
    "noisy_bit_gain",
    "noisy_bit_losses",
    "nuisance_bounds",
    "occluded_errors",
    "occluded_layers",
    "occluded_nats",
    "occlusions",
    "plane",
    "plug_in_bias",
    "posteriors",
    "rate_distortion",
    "reconstructions",
    "representation_plane",
    "speed_growth",
    "speed_ladder",
    "speed_ratios",
    "sample_and_source",
    "shared_prior",
    "tailored_noise",
    "tilts",
    "turned_latents",
    "unit_costs",
    "use_style",
    "vae_bounds",
    "vae_digits",
    "vae_rates",
    "vae_sweep",
    "vae_training",
    "variational_gaps",
    "verdicts",
    "water_filling",
    "where_information_flows",
]
