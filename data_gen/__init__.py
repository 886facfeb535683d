"""Where images come from, and how nuisances are made to order.

    load(name, split)   real or procedural images, and where their bytes came from       sources, download, formats
    cluttered(...)      a digit among pieces of digits on a large canvas                   cluttered
    occluded(...)       a digit painted over an image, with both labels                    occluded
    shapes32(...)       colour images of shapes with every generating factor               shapes

Every random choice is a function of (seed, epoch, index) (randomness). Importing this package is cheap (torch and numpy); what a
download or the command line (python -m data_gen --help) needs is imported when it is needed.
"""

from .cluttered import Cluttered, cluttered
from .errors import DataError, MissingData
from .occluded import Occluded, occluded
from .shapes import ShapeFactors, Shapes, shapes32
from .sources import Images, Source, load

__all__ = [
    "Cluttered",
    "DataError",
    "Images",
    "MissingData",
    "Occluded",
    "ShapeFactors",
    "Shapes",
    "Source",
    "cluttered",
    "load",
    "occluded",
    "shapes32",
]
