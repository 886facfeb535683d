"""Buttons that open the chapters in Colab and Binder, and what the notebooks need there.

The buttons open the notebooks that were built together with the page, on the branch that the built book is published on. So
the address is given once, in pyproject.toml or at build (`make book REPOSITORY=...`), a page and its notebook never differ, and no
committed notebook carries an address.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

EXTRAS = "chapters,data,cluster"
"""What running a chapter needs besides the library itself (see pyproject.toml)."""

TAG = "install"


@dataclass(frozen=True)
class Launch:
    """The repository github.com/OWNER/NAME, and the branch of it on which the built book is published."""

    owner: str
    name: str
    branch: str

    @property
    def repository(self) -> str:
        return f"https://github.com/{self.owner}/{self.name}"


def address(root: Path) -> str:
    """The repository that pyproject.toml names; empty while its owner is OWNER."""
    urls = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    return "" if "/OWNER/" in urls["Repository"] else urls["Repository"]


def launch(repository: str, branch: str) -> Launch | None:
    """The repository of an address, or None for an empty one. Raises ValueError for an address that Colab could not open."""
    if not repository:
        return None
    found = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?", repository)
    if found is None:
        raise ValueError(f"REPOSITORY is {repository!r}; Colab opens https://github.com/OWNER/NAME, and no other form")
    return Launch(found[1], found[2], branch)


def configured(config: str, where: Launch) -> str:
    """The text of _config.yml with the buttons in it."""
    settings = yaml.safe_load(config)
    settings["repository"] = {"url": where.repository, "branch": where.branch, "path_to_book": "_sources"}
    settings["launch_buttons"] |= {
        "colab_url": "https://colab.research.google.com",
        "binderhub_url": "https://mybinder.org",
        "notebook_interface": "jupyterlab",
    }
    settings["html"] |= {"use_repository_button": True, "use_issues_button": True}
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def with_install_cell(notebook: NotebookNode, where: Launch | None) -> NotebookNode:
    """A copy of the notebook that begins with a cell for Colab, which fetches the library; without that cell where there is no address.

    The library is cloned, not only installed, because the recorded results stand beside it. The cell is plain Python, so that it
    stays valid in the notebook's script.
    """
    cells = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]
    if where is not None:
        source = f'''import sys

if "google.colab" in sys.modules:  # on Colab, fetch the library and its records; elsewhere, do nothing
    import os
    import subprocess

    if not os.path.isdir("{where.name}"):
        subprocess.run(["git", "clone", "-q", "--depth=1", "{where.repository}"], check=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "./{where.name}[{EXTRAS}]"], check=True)
    sys.path.insert(0, os.path.abspath("{where.name}"))'''
        cells.insert(0, new_code_cell(source, metadata={"tags": [TAG, "remove-cell"]}, id=TAG))
    return NotebookNode({**notebook, "cells": cells})


def write_binder(html: Path, where: Launch | None) -> None:
    """Write beside the pages the files from which mybinder.org builds an environment; remove them if there is no address."""
    folder = html / "binder"
    files = {
        "runtime.txt": "python-3.12\n",
        "postBuild": f"""#!/bin/bash
set -eu
git clone -q --depth 1 {where and where.repository} "$HOME/.library"
pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -e "$HOME/.library[{EXTRAS}]"
""",
    }
    for name, text in files.items():
        path = folder / name
        if where is None:
            path.unlink(missing_ok=True)
        else:
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if name == "postBuild" else 0o644)
