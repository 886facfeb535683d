"""How long a page is: words on its main path, words that are folded, code cells, pictures, and words before the first picture.

The main path of a page is its text without exercises and their solutions, without what is folded, and without code. `python tests/book/length.py`
prints the numbers of all chapters.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

FENCE = re.compile(r"^(`{3,}|:{3,})(.*)$")
LABEL = re.compile(r"^\([\w-]+\)=$|^:[\w-]+:.*$")
PICTURE = re.compile(r"\{(figure|image|widget)\}|!\[|<svg|\{raw\} html")


@dataclass
class Length:
    """`words` on the main path, `folded` words, `cells` of code and `pictures` outside exercises, `before` the first picture."""

    words: int = 0
    folded: int = 0
    cells: int = 0
    pictures: int = 0
    before: int | None = None

    def picture(self) -> None:
        self.pictures += 1
        if self.before is None:
            self.before = self.words


def length(path: Path) -> Length:
    """The lengths of a notebook. A fold is a directive with the class "dropdown" or `{dropdown}`, or a <details> element."""
    found, exercise, fences, details = Length(), False, [], 0
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            plumbing = {"parameters", "remove-cell"} & set(cell.metadata.get("tags", []))
            if not exercise and not plumbing:
                found.cells += 1
                for output in cell.outputs:
                    if "image/png" in output.get("data", {}) or "<svg" in "".join(output.get("data", {}).get("text/html", "")):
                        found.picture()
            continue
        lines = cell.source.splitlines()
        for place, line in enumerate(lines):
            if fence := FENCE.match(line.strip()):
                directive = fence[2].strip()
                if directive.startswith("{exercise-start}"):
                    exercise = True
                elif directive.startswith("{solution-end}"):
                    exercise = False
                elif directive:
                    options = "\n".join(lines[place + 1 : place + 5])
                    folded = "{dropdown}" in directive or bool(re.search(r"^:class:.*\bdropdown\b", options, re.MULTILINE))
                    fences.append((fence[1], folded))
                    if PICTURE.search(directive) and not exercise:
                        found.picture()
                    found.words += 0 if exercise else len(re.sub(r"\{[^}]*\}", "", directive).split())
                elif fences and fences[-1][0] == fence[1]:
                    fences.pop()
                continue
            details += line.count("<details") - line.count("</details")
            if exercise or LABEL.match(line.strip()):
                continue
            if PICTURE.search(line):
                found.picture()
            words = len(line.split())
            if details > 0 or any(folded for _, folded in fences):
                found.folded += words
            else:
                found.words += words
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from toc import CHAPTERS

    for chapter in [Path(name) for name in sys.argv[1:]] or CHAPTERS:
        print(f"{chapter.stem:24} {length(chapter)}")
