"""Quantiles that the figures of the chapter `activation_priors` read off a record's histogram."""

import numpy as np
import pytest

from ib_tutorial.figures.activation_priors import quantile


def test_quantiles_of_a_flat_histogram_are_shares_of_its_range():
    places = np.linspace(-0.95, 0.95, 20)  # bins of 0.1 between -1 and 1
    for share in (0.0, 0.05, 0.5, 0.93, 1.0):
        assert quantile(places, np.full(20, 0.5), share) == pytest.approx(2 * share - 1)


def test_quantiles_against_those_of_the_sample():
    sample = np.random.default_rng(0).normal(-1, 2, 200_000)
    counts, edges = np.histogram(sample, 80)
    centres = (edges[1:] + edges[:-1]) / 2
    for share in (0.05, 0.5, 0.95):
        assert quantile(centres, counts / 3, share) == pytest.approx(np.quantile(sample, share), abs=0.03)
