"""One function per figure: numbers or a record in, a matplotlib Figure out. `use_style()` once per notebook."""

from ib_tutorial.figures.experiments import mnist_widths
from ib_tutorial.figures.style import use_style
from ib_tutorial.figures.theory import noise_family, noise_over_training, unit_costs

__all__ = ["mnist_widths", "noise_family", "noise_over_training", "unit_costs", "use_style"]
