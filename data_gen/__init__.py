"""Where images come from, and how nuisances are made to order.

`load(name, split)` gives real or procedural images with their source. Importing this package is cheap (torch and numpy); what a
download needs is imported when it is needed.
"""

from .errors import DataError, MissingData
from .sources import Images, Source, load

__all__ = ["DataError", "Images", "MissingData", "Source", "load"]
