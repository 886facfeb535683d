"""The figures of the page on speed show the numbers of the record, in its order."""

import pytest

from ib_tutorial.figures.speed import speed_busy, speed_growth, speed_ladder, speed_ratios


def result(name, ratio, target):
    return {"name": name, "ratio": ratio, "spread": [ratio / 2, ratio * 2], "target": target, "met": ratio >= target}


def test_ratios_stand_beside_their_names_with_the_first_on_top():
    (axis,) = speed_ratios([result("one_thing", 3.0, 2), result("other", 0.5, 2)]).axes
    at = {label.get_text(): place for label, place in zip(axis.get_yticklabels(), axis.get_yticks(), strict=True)}
    dots = {line.get_ydata()[0]: line for line in axis.lines if line.get_marker() in "oX"}
    assert at["one thing"] > at["other"]
    assert dots[at["one thing"]].get_xdata()[0] == 3.0 and dots[at["one thing"]].get_marker() == "o"
    assert dots[at["other"]].get_xdata()[0] == 0.5 and dots[at["other"]].get_marker() == "X"


def test_the_ladder_says_what_each_change_gains_over_the_one_before():
    (axis,) = speed_ladder([{"change": "before", "seconds": 6.0}, {"change": "after", "seconds": 2.0}]).axes
    assert [bar.get_width() for bar in axis.patches] == [6.0, 2.0]
    assert "3.00×" in axis.texts[1].get_text() and "×" not in axis.texts[0].get_text()


def test_growth_is_drawn_relative_to_the_least_of_its_panel():
    rows = [
        {"against": against, "value": value, "per": "image", "seconds": seconds}
        for against, points in {"batch size": {1: 0.4, 10: 0.2}, "units": {5: 3.0}}.items()
        for value, seconds in points.items()
    ]
    figure = speed_growth(rows)
    batch, units = figure.axes
    assert batch.lines[0].get_ydata() == pytest.approx([2, 1]) and units.lines[0].get_ydata() == pytest.approx([1])
    assert batch.get_xlabel() == "batch size"


def test_busy_has_a_panel_for_each_work_and_a_line_for_each_setting():
    rows = [
        {"work": work, "setting": setting, "loops": loops, "to idle": ratio}
        for work in ("mlp_3x100", "layer")
        for setting, ratios in (("ours", (1.0, 1.1)), ("torch's defaults", (1.0, 6.0)))
        for loops, ratio in enumerate(ratios)
    ]
    figure = speed_busy(rows)
    assert [axis.get_title() for axis in figure.axes] == ["mlp 3x100", "layer"]
    for axis in figure.axes:
        ours, defaults = axis.lines[:2]
        assert list(ours.get_ydata()) == [1.0, 1.1] and list(defaults.get_ydata()) == [1.0, 6.0]
        assert list(ours.get_xdata()) == [0, 1]
