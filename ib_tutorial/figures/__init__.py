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
from ib_tutorial.figures.cifar_filters import early_and_late, filter_errors, filter_information
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
from ib_tutorial.figures.exact import (
    best_message,
    bifurcation,
    encoders,
    gaussian_curve,
    noisy_bit_gain,
    noisy_bit_losses,
    scores,
    tilts,
)
from ib_tutorial.figures.information_maps import (
    front_page,
    map_caps,
    map_scores,
    maps_against_ink,
    on_two_scales,
    tailored_noise,
    where_information_flows,
)
from ib_tutorial.figures.lagrangian import by_price, lower_envelope, message_costs, patients, plane
from ib_tutorial.figures.layer import layer_diagram, leak, noise_and_leak, noise_by_unit, overlap
from ib_tutorial.figures.learned_versus_exact import (
    learned_anatomy,
    learned_codewords,
    learned_counts,
    learned_excess,
    learned_plane,
    learned_source,
)
from ib_tutorial.figures.ledger import verdicts
from ib_tutorial.figures.limits import (
    along_depth,
    bills_and_errors,
    noise_on_an_interval,
    sample_ceiling,
    spread_out,
    three_bills,
)
from ib_tutorial.figures.loss import bill, kept_and_paid, log_n_ceiling, sample_and_source, variational_gaps
from ib_tutorial.figures.measuring_information import (
    binned_over_training,
    clusters,
    coded_pairs,
    error_and_bound,
    estimators_against_truth,
    information_and_cost,
    squared_bottleneck,
)
from ib_tutorial.figures.networks import all_cnn_diagram, network_diagram
from ib_tutorial.figures.occluded_nuisance import occluded_errors, occluded_nats
from ib_tutorial.figures.representations import (
    chain_bars,
    cost_of_a_message,
    distance_to_markov,
    lamps,
    nuisance_bounds,
    posteriors,
    representation_plane,
    station_chain,
)
from ib_tutorial.figures.speed import speed_busy, speed_growth, speed_ladder, speed_ratios
from ib_tutorial.figures.style import use_style
from ib_tutorial.figures.total_correlation import bias_and_dilution, error_and_total_correlation, noise_dial
from ib_tutorial.figures.two_bottlenecks import (
    added_and_multiplied,
    attacked_digits,
    bought_for_nats,
    calibration,
    correlation_for_nats,
    costs_of_a_unit,
    nuisance_for_nats,
    one_or_many_draws,
    under_attack,
)
from ib_tutorial.figures.vae_bound import vae_bounds, vae_diagram, vae_digits, vae_rates, vae_sweep, vae_training
from ib_tutorial.figures.widths import by_drop_rate, grid_to_verdict, mnist_published, mnist_widths
