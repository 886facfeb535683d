"""The names and sizes of the data sets, without anything that is slow to import: `--help` and its defaults need no more."""

NAMES = ("mnist", "cifar10", "mnist5k", "shapes32")
SPLITS = ("train", "test")
OFFICIAL_COUNTS = {"mnist": {"train": 60_000, "test": 10_000}, "cifar10": {"train": 50_000, "test": 10_000}}

SPLIT_SEEDS = {"train": 32, "test": 33}
"""The seeds from which `load("shapes32")` draws."""

SPLIT_SIZES = {"train": 10_000, "test": 2_000}
"""How many images `load("shapes32")` draws."""
