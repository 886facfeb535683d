"""Information theory on tensors: divergences, entropies, total correlation, exact solvers for the information bottleneck, and estimators.

Nats everywhere. `beta` is the paper's everywhere: it multiplies I(x;z) in H(y|z) + beta I(x;z), and is 1/beta of Tishby, Pereira & Bialek.
"""

from ib_tutorial.information.autoencoder import LinearVAE, linear_vae, linear_vae_terms
from ib_tutorial.information.bottleneck import Bottleneck, blahut_arimoto, information_curve
from ib_tutorial.information.discrete import (
    conditional_entropy,
    entropy,
    kl_divergence,
    mutual_information,
    total_correlation,
)
from ib_tutorial.information.estimators import (
    Estimate,
    binned_mutual_information,
    info_nce,
    nearest_neighbour_mutual_information,
    noisy_mutual_information,
    nwj,
)
from ib_tutorial.information.gaussian import (
    GaussianBottleneck,
    gaussian_bottleneck,
    gaussian_mutual_information,
    gaussian_total_correlation,
)
from ib_tutorial.information.kl import (
    kl_log_normal,
    kl_log_uniform,
    kl_standard_normal,
    kl_truncated_log_uniform,
    kl_variational_dropout,
)
from ib_tutorial.information.lagrangian import (
    VariationalBound,
    alternating_step,
    contraction_coefficient,
    discretised_gaussian,
    information_plane,
    maximal_correlation,
    partitions,
    variational_bound,
)
from ib_tutorial.information.representation import (
    conditional_mutual_information,
    encoder_of,
    marginal,
    minimal_sufficient,
    represent,
)

__all__ = [
    "Bottleneck",
    "Estimate",
    "GaussianBottleneck",
    "LinearVAE",
    "VariationalBound",
    "alternating_step",
    "binned_mutual_information",
    "blahut_arimoto",
    "conditional_entropy",
    "conditional_mutual_information",
    "contraction_coefficient",
    "discretised_gaussian",
    "encoder_of",
    "entropy",
    "gaussian_bottleneck",
    "gaussian_mutual_information",
    "gaussian_total_correlation",
    "info_nce",
    "information_curve",
    "information_plane",
    "kl_divergence",
    "kl_log_normal",
    "kl_log_uniform",
    "kl_standard_normal",
    "kl_truncated_log_uniform",
    "kl_variational_dropout",
    "linear_vae",
    "linear_vae_terms",
    "marginal",
    "maximal_correlation",
    "minimal_sufficient",
    "mutual_information",
    "nearest_neighbour_mutual_information",
    "noisy_mutual_information",
    "nwj",
    "partitions",
    "represent",
    "total_correlation",
    "variational_bound",
]
