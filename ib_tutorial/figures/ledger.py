"""The ledger as a picture: how far each claim's test came out from the line that decides it."""

from collections.abc import Sequence
from textwrap import shorten

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ib_tutorial.experiments.verdicts import Verdict

COLOURS = {"supported": "C2", "not supported": "C3", "inconclusive": "0.45"}


def verdicts(judged: Sequence[Verdict]) -> Figure:
    """Every claim's mean and 95 % interval, in units of what its test asks for, coloured by verdict.

    Claims without a value, which are void or not run, are left out. A claim with several records has one line for each: the first is thick,
    and the others above it are thin, with a hollow mark. The axis is linear up to one unit on both sides of 0, and logarithmic beyond. A
    claim is supported where its interval lies right of 0.

    Raises:
        ValueError: if no verdict has a value.
    """
    claims: dict[str, list[Verdict]] = {}
    for verdict in judged:
        if verdict.n:
            claims.setdefault(verdict.finding.name, []).append(verdict)
    if not claims:
        raise ValueError("no verdict has a value to draw")
    figure, axis = plt.subplots(figsize=(5.2, 0.4 * len(claims) + 1.0), dpi=90)
    for row, records in enumerate(claims.values()):
        for place, verdict in enumerate(records):
            height, first, colour = row - 0.2 * place, place == 0, COLOURS[verdict.verdict]
            low, mean, high = (value / verdict.finding.scale for value in (verdict.low, verdict.mean, verdict.high))
            axis.plot([low, high], [height, height], color=colour, lw=2.5 if first else 1.2, solid_capstyle="butt")
            axis.plot(mean, height, "o", color=colour, ms=5 if first else 4, mfc=colour if first else "white")
        claim = records[0].finding
        text = shorten(f"{claim.where}: {claim.statement}", 84, placeholder=" …")
        axis.annotate(text, (0, row), (4, -9), xycoords=("axes fraction", "data"), textcoords="offset points", va="center", fontsize=7.5)
    axis.axvline(0, color="0.2", lw=1)
    axis.set_xscale("symlog", linthresh=1, linscale=1)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set(ylim=(len(claims) - 0.3, -0.7), yticks=[], xlabel="distance from the line that decides, in units of the test")
    handles = [plt.Line2D([], [], color=colour, marker="o", lw=2.5, label=name) for name, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize="small")
    return figure
