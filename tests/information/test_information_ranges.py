"""Every public function of this package gives numbers, or a ValueError that names the argument which is out of its range."""

import dataclasses
import math

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ib_tutorial import information

SIZES = st.integers(1, 3)
COUNTS = st.integers(-2, 4)
CELLS = st.sampled_from([0.0, 1.0, 1.0, 2.0, 7.0])
NUMBERS = st.sampled_from([-math.inf, -1.0, -0.0, 5e-324, 1e-6, 0.3, 1 - 2**-53, 1.0, 2.0, 1e300, math.inf, math.nan])


@st.composite
def arrays(draw, n_axes=None, sums_along=None, cells=CELLS):
    """A table of probabilities, most of them sound, of torch or numpy, in either precision."""
    shape = draw(st.lists(SIZES, min_size=n_axes or 0, max_size=3 if n_axes is None else n_axes))
    n_cells = math.prod(shape)
    table = np.array(draw(st.lists(cells, min_size=n_cells, max_size=n_cells)), dtype=np.float64).reshape(shape)
    total = table.sum(sums_along, keepdims=True)
    table = np.divide(table, total, out=np.full_like(table, 1 / max(1, n_cells)), where=total > 0)
    fault = draw(st.sampled_from([None] * 20 + [-1.0, 0.0, 2.0, math.nan, math.inf]))
    table = (table if fault is None else np.where(table > 0, fault, 0.0)).astype(
        draw(st.sampled_from([np.float32, np.float64]))
    )
    return draw(st.sampled_from([np.asarray, torch.tensor]))(table)


@st.composite
def covariances(draw):
    d = draw(SIZES)
    root = np.random.default_rng(draw(st.integers(0, 5))).normal(size=(d, draw(st.integers(1, 4))))
    scale = draw(st.sampled_from([1.0, 1.0, 1.0, 1e-3, 0.0, math.nan]))
    matrix = scale * (root @ root.T)
    return np.asarray(matrix[0, 0]) if draw(st.booleans()) and d == 1 else matrix


@st.composite
def matrices(draw, n_rows=SIZES):
    """Numbers of any size, some of them no numbers."""
    shape = draw(n_rows), draw(SIZES)
    n_cells = math.prod(shape)
    return torch.tensor(draw(st.lists(NUMBERS, min_size=n_cells, max_size=n_cells)), dtype=torch.float64).reshape(shape)


samples, scores = matrices(st.integers(0, 5)), matrices()
tables, rows = arrays(n_axes=2), arrays(n_axes=2, sums_along=1)
ORDINARY = NUMBERS.filter(lambda number: not 0 < number < 1e-100)  # by others what is large divides to infinity
CALLS = {
    "alternating_step": dict(p_xy=tables, p_z_given_x=rows, beta=NUMBERS),
    "binned_mutual_information": dict(x=samples, y=samples, width=NUMBERS),
    "blahut_arimoto": dict(
        p_xy=tables, beta=NUMBERS, n_clusters=st.none() | COUNTS, n_restarts=COUNTS, max_iterations=COUNTS, tolerance=NUMBERS
    ),
    "conditional_entropy": dict(p_xy=arrays()),
    "conditional_mutual_information": dict(p_xyz=arrays(n_axes=3) | arrays()),
    "contraction_coefficient": dict(p_xy=tables, n_starts=COUNTS, n_iterations=COUNTS),
    "discretised_gaussian": dict(rho=NUMBERS, n_x=st.integers(1, 5), n_y=st.integers(1, 5), span=NUMBERS),
    "encoder_of": dict(labels=st.lists(COUNTS, max_size=4).map(lambda labels: np.array(labels, dtype=int))),
    "entropy": dict(p=arrays()),
    "gaussian_bottleneck": dict(cov_x=covariances(), cov_y=covariances(), cov_xy=arrays(n_axes=2), beta=NUMBERS),
    "gaussian_mutual_information": dict(cov=covariances(), n_x=COUNTS),
    "gaussian_total_correlation": dict(cov=covariances(), n_samples=st.none() | st.integers(-1, 7)),
    "info_nce": dict(scores=scores),
    "information_curve": dict(p_xy=tables, betas=st.lists(NUMBERS, max_size=2)),
    "information_plane": dict(p_xy=tables, p_z_given_x=rows),
    "kl_divergence": dict(p=arrays(n_axes=1), q=arrays(n_axes=1)),
    "linear_vae": dict(cov=covariances(), n_latents=COUNTS, beta=ORDINARY, noise_variance=ORDINARY),
    "maximal_correlation": dict(p_xy=tables),
    "minimal_sufficient": dict(p_xy=tables, decimals=COUNTS),
    "mutual_information": dict(p_xy=arrays()),
    "nearest_neighbour_mutual_information": dict(x=samples, y=samples, k=COUNTS),
    "nwj": dict(scores=scores),
    "partitions": dict(n=COUNTS),
    "represent": dict(p=arrays(), p_z_given_x=rows),
    "total_correlation": dict(p_z=arrays()),
    "variational_bound": dict(p_xy=tables, p_z_given_x=rows, q_y_given_z=rows, q_z=arrays(n_axes=1), beta=NUMBERS),
}  # fmt: skip
BY_SHAPE_ALONE = {"kl_log_normal", "kl_log_uniform", "kl_standard_normal", "kl_truncated_log_uniform", "kl_variational_dropout",
                  "linear_vae_terms"}  # fmt: skip
"""These stand in training loops, where a look at the values would make a GPU wait. They say that they raise nothing by value."""
INFINITE = {"kl_divergence", "nwj", "variational_bound"}
"""These are infinite where q rules out what happens, or where e^f exceeds the largest number."""


@pytest.fixture(autouse=True, scope="module")
def as_users_call_it():
    """Without the shapes and types of the signatures, which only the tests check."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def test_every_public_function_is_tried():
    functions = {name for name in information.__all__ if not isinstance(getattr(information, name), type)}
    assert functions == set(CALLS) | BY_SHAPE_ALONE | {"marginal", "noisy_mutual_information"}


def numbers(result):
    if dataclasses.is_dataclass(result):
        result = vars(result).values()
    if isinstance(result, (float, int, np.ndarray, torch.Tensor)):
        yield np.asarray(result)
    else:
        for each in result:
            yield from numbers(each)


@pytest.mark.parametrize("name", CALLS)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_result_is_a_number_and_a_refusal_names_its_argument(name, data):
    arguments = {argument: data.draw(values, label=argument) for argument, values in CALLS[name].items()}
    try:
        results = list(numbers(getattr(information, name)(**arguments)))
    except ValueError as error:
        assert any(argument.removeprefix("cov_").removesuffix("s") in str(error) for argument in arguments), error
        return
    for each in results:
        assert not np.isnan(each).any() and (name in INFINITE or np.isfinite(each).all()), each
        assert not np.signbit(each[each == 0]).any(), "a zero that prints as -0.000"


@pytest.mark.parametrize("axes", [(0, 0), (2,), (-1,)])
def test_axes_that_a_table_lacks_or_has_once_are_refused(axes):
    with pytest.raises(ValueError, match="axes must be different ones of 0 to 1"):
        information.marginal(np.full((2, 2), 0.25), *axes)


def test_the_cost_at_the_cap_does_not_print_as_minus_zero():
    assert f"{information.kl_log_uniform(torch.tensor(0.7), 0.7).item():.3f}" == "0.000"


def test_the_covariance_of_one_unit_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"shape \(\); numpy.cov of one variable has none: reshape it to \(1, 1\)"):
        information.gaussian_total_correlation(np.cov(np.arange(5.0)))
    assert information.gaussian_total_correlation(np.ones((1, 1)), n_samples=2) == 0


def test_single_precision_of_numpy_does_not_hide_a_singular_covariance():
    x = np.random.default_rng(0).normal(size=(50, 2))
    cov = np.cov(np.column_stack([x, x.sum(1)]).T).astype(np.float32)
    for singular in (cov, torch.tensor(cov)):
        with pytest.raises(ValueError, match="singular"):
            information.gaussian_total_correlation(singular)


@pytest.mark.parametrize("bound", [information.info_nce, information.nwj])
def test_scores_that_are_not_of_all_pairs_are_refused(bound):
    with pytest.raises(ValueError, match=r"scores must be square, .* but have shape \(2, 3\)"):
        bound(torch.zeros(2, 3))


def test_a_number_is_no_sample():
    with pytest.raises(ValueError, match=r"x must have a row for each sample, but has shape \(\)"):
        information.binned_mutual_information(np.array(0.3), np.array([0.7]), 1.0)
