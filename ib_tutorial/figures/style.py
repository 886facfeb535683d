"""How figures look: colours that the colour-blind can tell apart, on white in both themes of the book."""

import matplotlib.pyplot as plt

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


def use_style() -> None:
    """Set the book's style for all figures that follow in this process."""
    import seaborn as sns  # as slow as torch to import, so whoever draws nothing need not wait for it

    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font_scale=0.85)
    plt.rcParams.update(
        {
            "figure.figsize": WIDE,
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "savefig.bbox": "tight",
            "savefig.facecolor": "white",
            "axes.titlesize": "medium",
            "legend.frameon": False,
            "grid.color": "0.9",
        }
    )
