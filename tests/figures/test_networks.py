"""The drawn networks say how many places a noise layer has and what a place sees; void readings of old records are not drawn."""

import pytest

from ib_tutorial.experiments import choice, recorded
from ib_tutorial.figures import all_cnn_diagram, error_and_total_correlation, map_scores


def test_a_diagram_says_what_each_noise_layer_sees():
    said = " ".join(text.get_text() for text in all_cnn_diagram((24, 48), side=32, channels=3).axes[0].texts)
    for part in ("32×32 pixels, 3 colours", "24 filters", "16×16 places,\neach sees\n7×7", "8×8 places,\neach sees\n19×19"):
        assert part in said


def labels(figure):
    return {label for axis in figure.axes for label in axis.get_legend_handles_labels()[1]}


@pytest.mark.slow
def test_what_an_old_record_read_with_the_noise_on_is_not_drawn():
    record = recorded("information_maps", ["reduced"])
    for record.format in (1, 2):
        found = [label for label in labels(map_scores(record, {1: 0.7, 2: 0.7, 3: 0.7})) if "noise on" in label]
        assert bool(found) == (record.format > 1)


def test_the_betas_at_which_networks_have_not_learnt_are_marked():
    record = recorded("total_correlation", ["reduced"])
    unlearnt = min(set(record.config["betas"]) - set(choice.learnt(record)))
    for axis in error_and_total_correlation(record).axes:
        (ground,) = axis.patches
        assert max(choice.learnt(record)) < ground.get_x() < unlearnt
    for row in record.rows:
        row["value"] *= row["metric"] != "train_error"
    assert not [patch for axis in error_and_total_correlation(record).axes for patch in axis.patches]
