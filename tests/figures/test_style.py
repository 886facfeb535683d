"""A chapter, and a worker that draws nothing, waits for what it imports; and the colours are the palette for the colour-blind."""

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from ib_tutorial.figures.style import use_style

IMPORTS = """
import sys
from ib_tutorial import exercises, figures
from ib_tutorial.experiments.verdicts import interval
interval([1.0, 2.0, 4.0])
print(sorted({"scipy.stats", "scipy.integrate", "scipy.optimize", "pandas", "seaborn", "sympy", "torch._dynamo"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_no_chapter_waits_for_a_package_that_few_need():
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=root, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_the_colours_are_those_for_the_colour_blind():
    seaborn = pytest.importorskip("seaborn")
    with plt.rc_context():
        use_style()
        assert [to_hex(f"C{k}") for k in range(10)] == list(seaborn.color_palette("colorblind").as_hex())
