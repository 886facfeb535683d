"""A record made up for tests."""

import pytest

from ib_tutorial.experiments import Record

ERRORS = {
    "information": {50: 0.02, 400: 0.015},
    "binary": {50: 0.03, 400: 0.017},
    "log_normal": {50: 0.024, 400: 0.017},
}


@pytest.fixture
def record_with_errors():
    """Makes a `mnist_widths` record of given test errors, by method and width, with three seeds that differ a little."""
    return made_up


def made_up(finished=True, **errors):
    rows = [
        dict(stage="final", method=method, width=width, seed=seed, metric="test_error", value=error + shift)
        for method, by_width in (ERRORS | errors).items()
        for width, error in by_width.items()
        for seed, shift in enumerate({"information": (0.0, 1e-4, -1e-4)}.get(method, (1e-4, 0.0, -1e-4)))
    ]
    return Record(
        experiment="mnist_widths", profile="reduced", config={"widths": [50, 400]}, seeds=[0, 1, 2], commit="abc",
        source={"name": "mnist", "sha256": "0" * 64}, device="CPU", versions={"torch": "2"}, started="", seconds=60.0,
        finished=finished, rows=rows,
    )  # fmt: skip
