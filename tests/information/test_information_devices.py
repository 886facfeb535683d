"""Every public function computes where its input is: with another default device, a factory that names none would fail."""

import numpy as np
import pytest
import torch

from ib_tutorial import information
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences, told_apart

P_XY = torch.tensor([[0.3, 0.05, 0.0], [0.05, 0.3, 0.1], [0.0, 0.1, 0.1]], dtype=torch.float64)
ENCODER = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], dtype=torch.float64)
ROWS = torch.full((2, 3), 1 / 3, dtype=torch.float64)
HALVES = torch.full((2,), 0.5, dtype=torch.float64)
COV = torch.tensor([[1.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 1.0]], dtype=torch.float64)
UNITS = torch.full((4, 2), 0.5)

CALLS = {
    "alternating_step": lambda: information.alternating_step(P_XY, ENCODER, 0.3),
    "binned_mutual_information": lambda: information.binned_mutual_information(
        UNITS, torch.arange(4, device="cpu"), 0.1
    ),
    "blahut_arimoto": lambda: [information.blahut_arimoto(P_XY, beta, n) for beta in (0.1, 2.0) for n in (None, 2, 4)],
    "conditional_entropy": lambda: information.conditional_entropy(P_XY),
    "conditional_mutual_information": lambda: information.conditional_mutual_information(P_XY[..., None] * HALVES),
    "contraction_coefficient": lambda: information.contraction_coefficient(P_XY),
    "discretised_gaussian": lambda: information.discretised_gaussian(0.5, 5, 4),
    "encoder_of": lambda: information.encoder_of(np.array([0, 1, 1])),
    "entropy": lambda: information.entropy(P_XY),
    "gaussian_bottleneck": lambda: information.gaussian_bottleneck(COV[:2, :2], COV[2:, 2:], COV[:2, 2:], 0.01),
    "gaussian_mutual_information": lambda: information.gaussian_mutual_information(COV, 1),
    "gaussian_total_correlation": lambda: information.gaussian_total_correlation(COV, n_samples=9),
    "info_nce": lambda: information.info_nce(COV),
    "information_curve": lambda: information.information_curve(P_XY, [0.05, 0.3, 0.6]),
    "information_plane": lambda: information.information_plane(P_XY, ENCODER),
    "kl_divergence": lambda: information.kl_divergence(ROWS[0], ROWS[1]),
    "kl_log_normal": lambda: information.kl_log_normal(UNITS, UNITS, UNITS[0, 0], UNITS[0, 0]),
    "kl_log_uniform": lambda: information.kl_log_uniform(UNITS, 0.7),
    "kl_standard_normal": lambda: information.kl_standard_normal(UNITS, UNITS),
    "kl_truncated_log_uniform": lambda: information.kl_truncated_log_uniform(UNITS, UNITS, -1.0, 2.0),
    "kl_variational_dropout": lambda: information.kl_variational_dropout(UNITS),
    "linear_vae": lambda: information.linear_vae(COV, 2, 1.0, 0.3),
    "linear_vae_terms": lambda: information.linear_vae_terms(COV, ROWS.T, ROWS, HALVES, 0.3),
    "marginal": lambda: information.marginal(P_XY, 1),
    "maximal_correlation": lambda: information.maximal_correlation(P_XY),
    "minimal_sufficient": lambda: information.minimal_sufficient(P_XY),
    "mutual_information": lambda: information.mutual_information(P_XY),
    "nearest_neighbour_mutual_information": lambda: information.nearest_neighbour_mutual_information(COV, COV, k=1),
    "noisy_mutual_information": lambda: information.noisy_mutual_information(lambda z: COV, [COV, COV], ROWS[0]),
    "nwj": lambda: information.nwj(COV),
    "partitions": lambda: list(information.partitions(3)),
    "represent": lambda: information.represent(P_XY, ENCODER),
    "total_correlation": lambda: information.total_correlation(P_XY),
    "variational_bound": lambda: information.variational_bound(P_XY, ENCODER, ROWS, HALVES, 0.3),
    "log_normal.divergences": lambda: divergences(LogNormalEncoder(UNITS[:3], UNITS[:3]), P_XY.float(), UNITS),
    "log_normal.told_apart": lambda: told_apart(UNITS, UNITS),
}


def test_every_public_function_is_called():
    functions = {name for name in information.__all__ if not isinstance(getattr(information, name), type)}
    assert functions <= set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_it_computes_where_its_input_is(name):
    expected = str(CALLS[name]())
    with torch.device("meta"):
        assert str(CALLS[name]()) == expected
