"""A folder with too few images is refused before anything trains, in every experiment, for both splits."""

import pytest

from data_gen import load
from ib_tutorial.experiments import run, vision
from ib_tutorial.experiments.runner import EXPERIMENTS
from ib_tutorial.experiments.vision import check_enough

READ_IMAGES = [name for name, module in EXPERIMENTS.items() if hasattr(module.Config(), "n_train")]
"""Experiments on images. An experiment without images has no `n_train`, as the one of the recipe in book/contribute.md."""


def test_the_error_says_how_many_there_are_and_how_many_are_needed():
    check_enough("mnist", train=(60_000, 60_000), test=(10_000, 5_000))
    with pytest.raises(ValueError, match=r"mnist has too few .*: 20,000 train images, 60,000 needed; .*--data.*--profile"):
        check_enough("mnist", train=(20_000, 60_000), test=(10_000, 10_000))


@pytest.mark.slow
@pytest.mark.parametrize("few", ["train", "test"])
@pytest.mark.parametrize("name", READ_IMAGES)
def test_a_folder_with_too_few_images_is_refused_before_anything_trains(name, few, tmp_path, monkeypatch):
    """A run on 20,000 images once said that it had trained on 60,000."""

    def short(data_set, split="train", *, root=None):
        found = load(data_set, split)
        return found._replace(images=found.images[:20], labels=found.labels[:20]) if split == few else found

    def trains(*_, **__):
        raise AssertionError("it trains")

    for module in (vision, *EXPERIMENTS.values()):
        for function, instead in (("load", short), ("fit", trains), ("trained", trains)):
            if hasattr(module, function):
                monkeypatch.setattr(module, function, instead)
    with pytest.raises(ValueError, match="20 train|20 test"):
        run(name, "smoke", seeds=1, jobs=1, data=tmp_path, progress=False)
