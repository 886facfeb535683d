"""How figures look: colours that the colour-blind can tell apart, on white in both themes of the book."""

import matplotlib.pyplot as plt
from cycler import cycler

WIDE = (6.2, 2.8)
"""Inches of a row of panels: narrow enough that its text can be read on a phone, where the figure shrinks to the screen."""

METHODS = {
    "none": ("no noise", "C7", "s"),
    "binary": ("binary dropout", "C1", "^"),
    "binary_gated": ("binary dropout with a gate", "0.15", "P"),
    "log_normal": ("constant log-normal, same variance", "C2", "v"),
    "log_normal_cap": ("constant log-normal, at the cap", "C4", "D"),
    "information": ("Information Dropout", "C0", "o"),
    "half": ("binary dropout, p = 0.5", "C6", "v"),
}
"""Name, colour and marker of each kind of noise, the same in every figure."""


LATENTS = {"gaussian": ("Gaussian latents", "C1", "s"), "information": ("Information Dropout", "C0", "o")}
"""The same of the two autoencoders."""


COLOURS = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9")
"""C0 to C9: seaborn's palette for the colour-blind."""

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": ".8",
    "axes.grid": True,
    "axes.labelcolor": ".15",
    "axes.labelsize": 10.2,
    "axes.linewidth": 1.25,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "figure.figsize": WIDE,
    "font.sans-serif": ["Arial", "DejaVu Sans", "Liberation Sans", "Bitstream Vera Sans", "sans-serif"],
    "font.size": 10.2,
    "grid.color": "0.9",
    "grid.linewidth": 1.0,
    "legend.fontsize": 9.35,
    "legend.frameon": False,
    "legend.title_fontsize": 10.2,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "savefig.bbox": "tight",
    "savefig.facecolor": "white",
    "text.color": ".15",
    "xtick.bottom": False,
    "xtick.color": ".15",
    "xtick.labelsize": 9.35,
    "ytick.color": ".15",
    "ytick.labelsize": 9.35,
    "ytick.left": False,
} | {
    f"{axis}tick.{which}.{what}": value
    for axis in "xy"
    for which, what, value in (
        ("major", "size", 6.0), ("major", "width", 1.25), ("minor", "size", 4.0), ("minor", "width", 1.0)
    )
}  # fmt: skip
"""matplotlib's settings. Most are those of seaborn's "whitegrid" for a notebook: importing seaborn takes as long as importing torch."""


def use_style() -> None:
    """Set the book's style for all figures that follow in this process."""
    plt.rcParams.update(STYLE)
