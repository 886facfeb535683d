"""No benchmark's test reads the data of this machine."""

import pytest


@pytest.fixture(autouse=True)
def no_data_of_this_machine(tmp_path_factory, monkeypatch):
    """Neither a folder that the user named nor the cache: random numbers in the shape of MNIST and CIFAR-10."""
    monkeypatch.setenv("IB_TUTORIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("IB_TUTORIAL_DATA", raising=False)
