"""Sources of images, and generators of nuisances.

- `load(name, split)` gives real or procedural images, and says where their bytes came from (modules sources, download, formats).
- `cluttered(...)` puts a digit among pieces of digits on a large canvas (clutter).
- `occluded(...)` paints a digit over an image, and keeps both labels (occlusion).
- `shapes32(...)` makes colour images of shapes with every generating factor (shapes).

Every random choice is a function of (seed, epoch, index) (randomness). A name is imported when it is first used, so that
`python -m data_gen --help` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clutter import Cluttered, cluttered
    from .errors import DataError, MissingData
    from .occlusion import Occluded, occluded
    from .shapes import ShapeFactors, Shapes, shapes32
    from .sources import Images, Source, load

MODULES = {
    "clutter": ("Cluttered", "cluttered"),
    "errors": ("DataError", "MissingData"),
    "occlusion": ("Occluded", "occluded"),
    "shapes": ("ShapeFactors", "Shapes", "shapes32"),
    "sources": ("Images", "Source", "load"),
}
"""The module in which each public name is found."""

__all__ = sorted(name for names in MODULES.values() for name in names)


def __getattr__(name: str) -> object:
    for module, names in MODULES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
