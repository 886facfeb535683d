"""Figures of the page on speed: they draw the results that `python -m benchmarks --json` writes."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ib_tutorial.figures.parts import legend

Rows = Sequence[dict[str, Any]]


def speed_ratios(results: Rows) -> Figure:
    """How many times faster ours is than its peer, with the extremes over the rounds, and what was asked for."""
    figure, axis = plt.subplots(figsize=(5.6, 0.36 * len(results) + 1.4))
    for place, result in enumerate(reversed(results)):
        low, high = result["spread"]
        axis.plot([low, high], [place] * 2, color="C0" if result["met"] else "C1", lw=2)
        axis.plot(result["ratio"], place, "o" if result["met"] else "X", color="C0" if result["met"] else "C1", ms=6)
        axis.plot(result["target"], place, "|", color="0.2", ms=14, mew=1.5)
    axis.axvline(1, color="0.6", lw=1)
    axis.set_yticks(range(len(results)), [result["name"].replace("_", " ") for result in reversed(results)])
    axis.set(xscale="log", xlabel="time of the peer / our time", ylim=(-0.7, len(results) - 0.3))
    axis.xaxis.set_major_formatter("{x:g}")
    marks = {
        "ratio, target met": dict(color="C0", marker="o", lw=2),
        "not met": dict(color="C1", marker="X", lw=2),
        "target": dict(color="0.2", marker="|", ls="none", ms=14, mew=1.5),
    }
    handles = [plt.Line2D([], [], label=label, **look) for label, look in marks.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def speed_ladder(rows: Rows) -> Figure:
    """Seconds of an epoch after each `change`, from above to below, and how much less it is than before."""
    figure, axis = plt.subplots(figsize=(5.6, 0.42 * len(rows) + 0.9))
    seconds = [row["seconds"] for row in rows]
    axis.barh(range(len(rows)), seconds, color=["C7", *["C0"] * (len(rows) - 1)], height=0.65)
    for place, taken in enumerate(seconds):
        times = "" if place == 0 else f"  {seconds[place - 1] / taken:.2f}×"
        axis.text(taken, place, f" {taken:.3g} s{times}", va="center", fontsize="small")
    axis.set_yticks(range(len(rows)), [row["change"] for row in rows])
    axis.invert_yaxis()
    axis.set(xlabel="seconds of an epoch", xlim=(0, 1.35 * max(seconds)))
    axis.grid(axis="y", visible=False)
    return figure


def speed_busy(rows: Rows) -> Figure:
    """How many times the idle time each piece of work takes beside busy programs, with our threads and with torch's defaults.

    Args:
        rows: of the benchmark `busy`: `work`, `setting`, `loops` (how many programs compute beside it), and `to idle`, a ratio.
    """
    works = list(dict.fromkeys(row["work"] for row in rows))
    settings = list(dict.fromkeys(row["setting"] for row in rows))
    figure, axes = plt.subplots(1, len(works), figsize=(5.6, 2.9), sharey=True, squeeze=False)
    for axis, work in zip(axes.flat, works, strict=True):
        for setting, color, marker in zip(settings, ("C0", "C1"), ("o", "X"), strict=True):
            points = [row for row in rows if row["work"] == work and row["setting"] == setting]
            axis.plot([row["loops"] for row in points], [row["to idle"] for row in points], color=color, marker=marker, label=setting)
        axis.axhline(1, color="0.6", lw=1)
        axis.set(title=work.replace("_", " "), xticks=sorted({row["loops"] for row in rows}), yscale="log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
    low, high = min(row["to idle"] for row in rows), max(row["to idle"] for row in rows)
    axes[0, 0].set_yticks([tick for tick in (1, 2, 3, 5, 10, 20, 50, 100) if low / 2 < tick < 2 * high])
    axes[0, 0].set_ylabel("time / time when idle")
    figure.supxlabel("programs that keep a core busy", fontsize="medium")
    legend(figure, axes[0], "outside upper center", ncols=2)
    return figure


def speed_growth(rows: Rows) -> Figure:
    """The cost of a unit of work, relative to its least, against what grows: a panel for each `against`."""
    panels = list(dict.fromkeys(row["against"] for row in rows))
    figure, axes = plt.subplots(-(-len(panels) // 2), 2, figsize=(5.6, 2.5 * -(-len(panels) // 2)), squeeze=False)
    for axis, against in zip(axes.flat, panels):
        points = [row for row in rows if row["against"] == against]
        values, seconds = ([row[key] for row in points] for key in ("value", "seconds"))
        axis.plot(values, [taken / min(seconds) for taken in seconds], marker="o", ms=5)
        axis.axhline(1, color="0.6", lw=1)
        axis.set(xscale="log", xlabel=against, ylabel=f"cost per {points[0]['per']},\nrelative to the least")
        axis.set_ylim(0, 1.15 * max(seconds) / min(seconds))
        marked = values[:1]
        for value in values:
            if value > 1.4 * marked[-1]:  # nearer ones would overlap
                marked.append(value)
        axis.set_xticks(marked, [f"{value:g}" for value in marked], fontsize="small")
        axis.xaxis.set_minor_locator(NullLocator())
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    return figure
