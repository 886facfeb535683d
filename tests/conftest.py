"""Every test runs with the shapes and types of the signatures checked at run time."""

import hypothesis
import jaxtyping
import pytest

ROOMS = [f"ib_tutorial.{room}" for room in ("information", "nn", "training", "experiments", "figures")]
jaxtyping.install_import_hook([*ROOMS, "data_gen"], "typecheck.checked")


hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")


@pytest.fixture
def unchecked():
    """Switch the run-time checks off: for what a user without them is told about a wrong argument."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
