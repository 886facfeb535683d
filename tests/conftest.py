"""Every test runs with the shapes and types of the signatures checked at run time."""

import gc
from collections import Counter

import hypothesis
import jaxtyping
import pytest

ROOMS = [f"ib_tutorial.{room}" for room in ("information", "nn", "training", "experiments", "figures")]
jaxtyping.install_import_hook([*ROOMS, "data_gen"], "typecheck.checked")


hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")


COSTLY = {"cluster", "installed", "kernel", "smoke", "whole"}
"""Fixtures that train networks or start processes: the tests that use them are slow."""


def pytest_addoption(parser):
    told = "every chapter is run after these tests, as `make test` does: cells that run there need not run here too"
    parser.addoption("--chapters-follow", action="store_true", help=told)


def pytest_collection_modifyitems(items):
    """Mark what uses a costly fixture, and begin with the files of which most tests are slow: two processes then end together."""
    for item in items:
        if COSTLY & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    tests = Counter(item.path for item in items)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path] / tests[item.path])


gc.disable()  # until every test is collected: looking for garbage among modules and tests, which stay, took 1 s of 5.5 s


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture
def unchecked():
    """Switch the run-time checks off: for what a user without them is told about a wrong argument."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
