"""Finds the modules of the checkout that a chapter's code reaches. Its outputs depend on these, and on no others.

A package that only passes names on, as `ib_tutorial.figures` does, is looked through: `figures.lamps` reaches the module that
defines `lamps`, not every figure of the book. So an edit of one module executes only the chapters that use it.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("ib_tutorial", "data_gen")

EXPERIMENTS, EXERCISES = "ib_tutorial.experiments.runner", "ib_tutorial.exercises.registry"
REGISTRIES = {EXPERIMENTS: re.compile(r"\bEXPERIMENTS\b|\bledger\("), EXERCISES: re.compile(r"\bEXERCISES\b")}
"""Modules that import every module of their package. A chapter uses those that it names; all of them, where its code has this."""

STARTED = re.compile(r"-m (ib_tutorial|data_gen)\b")
"""A program of ours that a chapter starts."""

class Use(NamedTuple):
    """The use of a module, or of a name in it; of a name that is a package, the attributes, where nothing else of it is used."""

    module: str
    name: str | None = None
    attributes: frozenset[str] | None = None


def everything(root: Path) -> dict[str, bytes]:
    """Every module of both packages."""
    paths = sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def reached(code: str, root: Path) -> dict[str, bytes]:
    """The texts of the modules that the code of a chapter depends on, and the code that their packages execute, by name.

    If they cannot be known, because the code is no plain Python or may reach modules that it does not import, all modules are returned.
    """
    found: dict[str, bytes] = {}
    followed: set[Use] = set()
    try:
        uses = uses_in(code, "")
        programs = [Use(f"{package}.__main__") for package in STARTED.findall(code)]
        if re.search(r"\bimportlib\b|\bget_ipython\b", code) or re.search(r"\bsubprocess\b", code) and not programs:
            return everything(root)
        waiting = [*uses, *programs]
        while waiting:
            use = waiting.pop()
            if use in followed:
                continue
            followed.add(use)
            waiting += behind(use, code, root, found)
    except (SyntaxError, Unknown):
        return everything(root)
    return found


class Unknown(Exception):
    """A module imports another whose name it makes up while it runs."""


def behind(use: Use, code: str, root: Path, found: dict[str, bytes]) -> Iterator[Use]:
    """Note in `found` what a use of a module reaches at once, and give the uses that follow from it."""
    module, name, attributes = use
    path = module_path(module, root)
    if path is None:
        return
    is_package = path.name == "__init__.py"
    text = path.read_text(encoding="utf-8")
    parts = module.split(".")
    for package in (".".join(parts[:n]) for n in range(1, len(parts) + is_package)):
        if (init := module_path(package, root)) is not None:
            found[f"{package} when imported"] = executed_by(init.read_text(encoding="utf-8"))
    if is_package and name is not None:
        inner = module_path(f"{module}.{name}", root)
        if inner is not None and inner.name == "__init__.py" and attributes is not None:
            yield from (Use(f"{module}.{name}", attribute) for attribute in attributes)
            return
        if inner is not None:
            yield Use(f"{module}.{name}")
            return
        if name in (passed_on := imported_names(text, module)):
            yield passed_on[name]
            return
    if module in found:
        return
    found[module] = text.encode()
    imported = uses_in(text, module if is_package else module.rpartition(".")[0])
    for other in (*imported, *made(text, root)):
        if module not in REGISTRIES or wanted(other, module, code, root):
            yield other


def module_path(module: str, root: Path) -> Path | None:
    """The file of a module or of a package; None for one that is not of this checkout."""
    if module.split(".")[0] not in PACKAGES:
        return None
    place = root.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def wanted(use: Use, registry: str, code: str, root: Path) -> bool:
    """Whether a chapter uses what a registry imports: it names the experiment, or an exercise of the module."""
    module = use.module if use.name is None else f"{use.module}.{use.name}"
    path = module_path(module, root)
    if path is None or module.rpartition(".")[0] != registry.rpartition(".")[0] or REGISTRIES[registry].search(code):
        return True
    if registry == EXPERIMENTS:
        return re.search(rf"\b{path.stem}\b", code) is not None
    text = path.read_text(encoding="utf-8")
    return any(f'"{name}"' in text for name in re.findall(r"""\b(?:check|hint)\(\s*["']([\w-]+)["']""", code))


@lru_cache(maxsize=1024)
def uses_in(code: str, package: str) -> tuple[Use, ...]:
    """The modules and names that code imports, anywhere in it. Relative imports start from `package`.

    Raises:
        SyntaxError: the code is no plain Python.
    """
    nodes = list(ast.walk(ast.parse(code)))
    times = Counter(node.id for node in nodes if isinstance(node, ast.Name))
    attributes = [(node.value.id, node.attr) for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    as_attribute = Counter(name for name, _ in attributes)
    uses: list[Use] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            uses += [Use(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = absolute(node, package)
            for alias in node.names:
                name = alias.asname or alias.name
                alone = times[name] > as_attribute[name]
                parts = None if alone else frozenset(attribute for of, attribute in attributes if of == name)
                uses.append(Use(module) if name == "*" else Use(module, alias.name, parts))
    return tuple(uses)


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that an import names, without leading dots."""
    if not node.level:
        return node.module or ""
    start = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*start, *([node.module] if node.module else [])])


@lru_cache(maxsize=64)
def imported_names(text: str, package: str) -> dict[str, Use]:
    """The names that the `__init__` of a package passes on, and where it has each from."""
    return {
        alias.asname or alias.name: Use(absolute(node, package), alias.name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@lru_cache(maxsize=64)
def executed_by(init: str) -> bytes:
    """What a package's `__init__` does besides passing names on: all but its imports, `__all__` and texts."""
    kept = [node for node in ast.parse(init).body if not (isinstance(node, (ast.Import, ast.ImportFrom)) or is_text(node) or is_all(node))]
    return "\n".join(map(ast.dump, kept)).encode()


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)


@lru_cache(maxsize=1024)
def made_names(text: str) -> tuple[str, ...]:
    """The package in each `import_module(f"package.{name}")` of a text. Raises Unknown where not even that is written out."""
    found = []
    if "import_module" in text:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "import_module":
                start = node.args[0].values[0] if node.args and isinstance(node.args[0], ast.JoinedStr) else None
                if not isinstance(start, ast.Constant) or not str(start.value).endswith("."):
                    raise Unknown
                found.append(str(start.value).rstrip("."))
    return tuple(found)


def made(text: str, root: Path) -> Iterator[Use]:
    """The modules that may be meant where a text imports one whose name it makes up."""
    for package in made_names(text):
        folder = root.joinpath(*package.split("."))
        yield from (Use(f"{package}.{path.stem}") for path in sorted(folder.glob("*.py")) if path.stem != "__init__")
