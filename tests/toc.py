"""The chapters in reading order, as `_toc.yml` lists them: the pages of its numbered parts."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PARTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]


def chapters(*captions: str) -> list[Path]:
    """The notebooks of the numbered parts, or of those with the given captions."""
    parts = [part for part in PARTS if part["caption"] in captions or (not captions and part.get("numbered"))]
    return [ROOT / f"{page['file']}.ipynb" for part in parts for page in part["chapters"]]


CHAPTERS = chapters()
