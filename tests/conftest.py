"""Every test runs with the shapes and types of the signatures checked at run time."""

import jaxtyping
import pytest

jaxtyping.install_import_hook(["ib_tutorial", "data_gen"], "beartype.beartype")


@pytest.fixture
def unchecked():
    """Switch the run-time checks off: for what a user without them is told about a wrong argument."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
