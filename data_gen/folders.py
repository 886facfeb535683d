"""Finds a split of MNIST or CIFAR-10 in a folder, in any of its layouts; if it is not there, says what is there instead.

A folder may hold the files themselves, or have them one level in, in a folder of any name, or in the usual folders of an archive
below either. Each file may be gzipped, and may lie in a folder of its own name, as Kaggle packs MNIST.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from .download import CIFAR_FILES
from .errors import DataError, MissingData

USUAL = {"mnist": ("", "raw"), "cifar10": ("", "cifar-10-batches-bin", "cifar-10-batches-py")}  # below a folder
OWN_NAMES = {"mnist": ("mnist",), "cifar10": ("cifar10", "cifar-10")}  # of a folder that is taken before others beside it
SIBLINGS = ("fashion", "kmnist", "kuzushiji", "emnist", "qmnist", "notmnist")  # other sets in files of MNIST's names
MNIST_PREFIX = {"train": "train", "test": "t10k"}


class Layout(NamedTuple):
    """A way to store a split: for each of its parts the names that the file may have, the official one first."""

    called: str
    parts: tuple[tuple[str, ...], ...]


def layouts(name: str, split: str) -> tuple[Layout, ...]:
    """The layouts of a split that we read, the official one first."""
    zipped = lambda *names: tuple(chain(names, (f"{file}.gz" for file in names)))
    if name == "mnist":
        stems = [f"{MNIST_PREFIX[split]}-{part}-ubyte" for part in ("images-idx3", "labels-idx1")]
        parts = tuple(zipped(stem, stem.replace("-idx", ".idx")) for stem in stems)
        return Layout("idx files", parts), Layout("Keras's archive", (("mnist.npz",),))
    binary = CIFAR_FILES[:5] if split == "train" else CIFAR_FILES[5:]
    return (
        Layout("binary version", tuple(zipped(file) for file in binary)),
        Layout("python version", tuple(zipped(file.removesuffix(".bin")) for file in binary)),
    )


def find(root: Path, name: str, split: str) -> list[Path] | None:
    """The files of a split in `root` or one level in, or None. Raises DataError where two folders hold it and neither is its own."""
    if not root.is_dir():
        return None
    if here := _below(root, name, split):
        return here
    found = {folder: files for folder in _one_level_in(root, name) if (files := _below(folder, name, split))}
    own = [folder for folder in found if folder.name.lower() in OWN_NAMES[name]]
    if len(found) > 1 and not own:
        raise DataError(f"{root} holds {name} twice: in {', '.join(folder.name for folder in found)}. Name one of these.")
    return found[own[0]] if own else next(iter(found.values()), None)


def named(root: Path, name: str, split: str, given_as: str) -> list[Path]:
    """The files of a split in a folder that a user named, as `given_as`. Raises MissingData that says what is there instead."""
    if not root.is_dir():
        raise MissingData(
            f"{given_as}={root}: there is no such folder. Name the folder that holds {name}'s official files."
        )
    if files := find(root, name, split):
        return files
    needed = [part[0] for part in layouts(name, split)[0].parts]
    raise MissingData(
        f"no {name} {split} split in {given_as}={root}: {_instead(root, name, split)}. Needed: {', '.join(needed)}"
        f"{' (gzipped or not)' if name == 'mnist' else ' or the python version'}. Name another folder, or leave it out and run: "
        f"python -m data_gen fetch {name}"
    )


def _one_level_in(root: Path, name: str) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not (name == "mnist" and _is_sibling(path)))


def _is_sibling(folder: Path) -> bool:
    return any(sibling in folder.name.lower() for sibling in SIBLINGS)


def _below(folder: Path, name: str, split: str) -> list[Path] | None:
    for place in (folder / usual for usual in USUAL[name]):
        for layout in layouts(name, split):
            files = [file for names in layout.parts if (file := _file(place, names)) is not None]
            if len(files) == len(layout.parts):
                return files
    return None


def _candidates(place: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        yield place / name
        yield from (place / name / inner for inner in names)


def _file(place: Path, names: tuple[str, ...]) -> Path | None:
    return next((path for path in _candidates(place, names) if path.is_file()), None)


def _instead(root: Path, name: str, split: str) -> str:
    """A sentence that says what a folder without the split holds."""
    folders = [root, *_one_level_in(root, name)]
    places = [place for folder in folders for usual in USUAL[name] if (place := folder / usual).is_dir()]
    incomplete, dangling = [], []
    for place in dict.fromkeys(places):
        for layout in layouts(name, split):
            found = {names[0]: _file(place, names) for names in layout.parts}
            links = [p for part in layout.parts for p in _candidates(place, part) if p.is_symlink() and not p.exists()]
            dangling += [link.relative_to(root).as_posix() for link in links]
            if any(found.values()):
                where = "" if place == root else f"in {place.relative_to(root).as_posix()}: "
                missing = ", ".join(part for part, path in found.items() if not path)
                have = ", ".join(path.name for path in found.values() if path)
                incomplete.append(f"{where}missing {missing} (of the {layout.called}, {have} is there)")
    said = []
    if incomplete:
        said.append(f"{name}'s {split} split is incomplete there: {'; '.join(incomplete)}")
        if len(incomplete) > 1:
            said.append("the files must be of one layout, in one folder")
    if dangling:
        said.append(f"links to files that are not there: {', '.join(dangling)}")
    if siblings := [path.name for path in root.iterdir() if path.is_dir() and _is_sibling(path)]:
        said.append(f"{', '.join(siblings)} may hold another set under MNIST's file names")
    if said:
        return "; ".join(said)
    others = [other for other in USUAL if other != name and any(find(root, other, s) for s in ("train", "test"))]
    if others:
        return f"it holds {others[0]}, not {name}"
    return f"it holds {', '.join(sorted(path.name for path in root.iterdir())[:4]) or 'nothing'}"
