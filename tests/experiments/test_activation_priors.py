"""Fig. 1's run: what a nat costs in it, the histograms that it keeps, and networks that have not learned decide nothing."""

import pytest

from ib_tutorial.experiments import activation_priors, run
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.runner import config, plain
from ib_tutorial.experiments.verdicts import judge

AUTHORS_PRICE = {"relu": 3 / 50_000, "softplus": 1 / 50_000}


@pytest.fixture(scope="module")
def smoke():
    return run("activation_priors", "smoke", jobs=1, progress=False)


@pytest.mark.parametrize("profile", ["reduced", "paper"])
@pytest.mark.parametrize("activation", activation_priors.ACTIVATIONS)
def test_a_nat_costs_what_it_costs_in_the_authors_code(profile, activation):
    settings = config("activation_priors", profile)
    control, beta = getattr(settings, f"{activation}_betas")
    assert control == 0 and beta / settings.n_train == pytest.approx(AUTHORS_PRICE[activation])


@pytest.mark.slow
def test_the_histogram_of_z_itself_is_kept_beside_that_of_its_logarithm(smoke):
    chosen = dict(activation="softplus", beta=1.0, seed=0)
    for metric, coordinate, share in (("density", "log_z", 0.998), ("density_z", "z", 0.99)):
        rows = sorted((row[coordinate], row["value"]) for row in smoke.select(metric=metric, **chosen))
        assert len(rows) == smoke.config["n_bins"]
        width = (rows[-1][0] - rows[0][0]) / (len(rows) - 1)
        assert width * sum(density for _, density in rows) == pytest.approx(share, abs=0.01)
        assert metric != "density_z" or 0 < rows[0][0] < rows[-1][0]


def with_training_errors(relu: float, softplus: float) -> Record:
    """A record of two seeds in which both claims hold, were its networks to have learned."""
    settings = config("activation_priors", "smoke")
    metrics = {
        "relu": dict(distance_uniform=0.01, distance_normal=0.09, train_error=relu),
        "softplus": dict(distance_uniform=0.09, distance_normal=0.01, train_error=softplus),
    }
    rows = [
        dict(activation=activation, seed=seed, beta=beta, metric=metric, value=value + 1e-4 * seed)
        for activation, measured in metrics.items()
        for seed in range(2)
        for beta in getattr(settings, f"{activation}_betas")
        for metric, value in measured.items()
    ]
    return Record(
        "activation_priors", "smoke", plain(settings), [0, 1], "", {"name": "x"}, "CPU", {}, "", finished=True, rows=rows
    )


def test_a_network_that_has_not_learned_decides_no_claim_about_its_units():
    def verdicts(record):
        return [judge(finding, record) for finding in activation_priors.FINDINGS]

    assert [v.verdict for v in verdicts(with_training_errors(0.1, 0.3))] == ["supported"] * 4
    relu = verdicts(with_training_errors(0.9, 0.3))
    assert [v.n for v in relu] == [0, 0, 2, 2] and [v.verdict for v in relu[2:]] == ["supported"] * 2
    assert [v.n for v in verdicts(with_training_errors(0.1, activation_priors.LEARNED))] == [2, 2, 0, 0]  # one seed above


def test_the_regime_of_every_network_is_in_the_record(smoke):
    for activation, betas in (("relu", smoke.config["relu_betas"]), ("softplus", smoke.config["softplus_betas"])):
        for beta in betas:
            assert len(by_seed(smoke, "train_error", activation=activation, beta=beta)) == 2
