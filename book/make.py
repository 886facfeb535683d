"""Install the tool chain into .venv, and build or test the book with it. The Makefile calls this file.

python book/make.py book [--profile smoke|quick] [--jobs N]   execute what changed and render the book into _build/html
       two chapters at once, each with its share of the cores, where there are two cores and --jobs does not say otherwise
       [--repository https://github.com/OWNER/NAME] [--branch gh-pages]   with buttons for Colab and Binder
python book/make.py publish               build the book, and push it to the branch (with the options of book)
python book/make.py html                  render what is already executed
python book/make.py refresh [--jobs N]    renew the outputs stored in the notebooks, and the list of proofs
python book/make.py links                 ask for every address on the pages whether it still answers (needs a network)
python book/make.py student               write the notebooks without solutions into _build/student
python book/make.py pdf                   print the book, from the stored outputs, into _build/pdf; the front page then links to it
python book/make.py slides                write a deck for each chapter into _build/slides, from the stored outputs
python book/make.py lint                  look for mistakes that need no run: the three that follow
python book/make.py lint-style            with ruff (further arguments go to it: --fix mends what it can)
python book/make.py lint-types            with mypy (further arguments go to it)
python book/make.py lint-workflows        with check-jsonschema: what GitHub reads, and the citation file
python book/make.py test                  test-packages, then test-chapters
python book/make.py test-packages         test the packages and the build (further arguments go to pytest)
python book/make.py test-chapters         run every chapter at smoke, and test the data, with an old processor's instructions
python book/make.py browser               install Chromium (as root, with apt-get) and what drives it
python book/make.py test-browser          look at every page and slide of the committed book in Chromium
python book/make.py bench [NAME] [--json FILE]   time the library against what one would otherwise write (forty minutes)
python book/make.py install               install and nothing more; every other target does this first
python book/make.py clean                 remove _build (keeps .venv)

TORCH_RELEASE=oldest in the environment installs the oldest torch that pyproject.toml allows in place of the pinned one.

Only the standard library is used here: this file runs before anything is installed.
"""

from __future__ import annotations  # an older Python gets as far as to be told that it is too old

import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed"
REQUIREMENTS = ROOT / "requirements.txt"

OLDEST, NEWEST = (3, 11), (3, 14)
"""The Pythons that the pins are known to install on."""

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where PyTorch keeps its CPU builds. With one, .venv has 1.6 GB; with PyPI's build for Linux, which is for CUDA, 5.4 GB."""

SCHEMAS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.dependabot": ".github/dependabot.yml",
    "vendor.citation-file-format": "CITATION.cff",
}
"""Files that others read, by the schema that check-jsonschema brings for them."""

ENVIRONMENT = {"JUPYTER_PREFER_ENV_PATH": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUTF8": "1"}

ONE_CORE = {"OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}
"""With these, one of two processes computes on its core alone, and `experiments.run` starts no further ones."""

OLD_INSTRUCTIONS = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
"""With these, torch and MKL compute as on a processor without AVX."""


def run(*command: str | Path, check: bool = True, **environment: str) -> int:
    """Run a command in the project's folder and return its exit status; where that is not 0, `check` ends this program."""
    environment = {**os.environ, **ENVIRONMENT, **environment}
    status = subprocess.run([str(part) for part in command], cwd=ROOT, env=environment, check=False)
    if check and status.returncode:
        raise SystemExit(status.returncode)
    return status.returncode


def python(*arguments: str | Path, check: bool = True, **environment: str) -> int:
    """Run the Python of .venv."""
    return run(PYTHON, *arguments, check=check, **environment)


def pip(*arguments: str | Path, check: bool = True) -> int:
    return python("-m", "pip", "install", *arguments, check=check)


# Installation


def install() -> None:
    """Make .venv hold what requirements.txt pins, and the packages of this checkout. Does nothing where it does already."""
    pinned = pins(os.environ)
    wanted = hashlib.sha256(pinned.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    if sys.version_info < OLDEST:
        raise SystemExit(f"Python {version()} was found, and 3.11 or newer is needed: python3.12 book/make.py ...")
    if sys.version_info[:2] > NEWEST:
        print(f"Python {version()} is newer than any that the pins of requirements.txt were tried with: we try it.")
    if Path(sys.prefix) != VENV:
        run(sys.executable, "-m", "venv", VENV)
    if index := torch_index(os.environ, has_gpu(), sys.platform):
        install_torch(index, pinned, needed="TORCH_INDEX" in os.environ)
    file = REQUIREMENTS
    if "TORCH_RELEASE" in os.environ:
        file = VENV / "pins.txt"
        file.write_text(pinned, encoding="utf-8")
    pip("-r", file)
    pip("--no-deps", "-e", ".")
    STAMP.write_text(wanted, encoding="utf-8")


def pins(environment: Mapping[str, str]) -> str:
    """The pins of requirements.txt. TORCH_RELEASE may ask for the oldest torch that the library allows."""
    pinned = REQUIREMENTS.read_text(encoding="utf-8")
    release = environment.get("TORCH_RELEASE") or "newest"
    if release == "newest":
        return pinned
    if release != "oldest":
        raise SystemExit(f"TORCH_RELEASE is {release!r}; it must be 'oldest' or 'newest', the pinned one")
    (oldest,) = re.findall(r'"torch>=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return re.sub(r"^torch==\S+", f"torch=={oldest}.0", pinned, flags=re.MULTILINE)


def version() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def has_gpu() -> bool:
    """Whether there is an NVIDIA driver."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def torch_index(environment: Mapping[str, str], gpu: bool, platform: str) -> str | None:
    """The package index that torch is taken from; None for the one that pip uses anyway.

    TORCH_INDEX names another. PyPI's torch is a CUDA build on Linux alone.
    """
    if index := environment.get("TORCH_INDEX"):
        return index
    return CPU_INDEX if platform == "linux" and not gpu else None


def install_torch(index: str, pinned: str, needed: bool) -> None:
    """Install the torch of the pins from `index`. Where that fails, the default index serves, unless this one is `needed`."""
    (torch,) = re.findall(r"^torch==\S+", pinned, re.MULTILINE)
    print(f"{torch} from {index} (TORCH_INDEX=... names another index)", flush=True)
    if pip("--no-deps", "--index-url", index, "--timeout", "10", "--retries", "1", torch, check=needed):
        print(f"torch is not to be had from {index}; it comes from the default index, on Linux with 4 GB for CUDA", flush=True)


# Targets


def book(*arguments: str) -> None:
    python("book/build.py", "book", *arguments)


def html(*arguments: str) -> None:
    python("book/build.py", "html", *arguments)


def publish(*arguments: str) -> None:
    """The branch is replaced: it holds the built book and no history."""
    book(*arguments)
    branch = arguments[arguments.index("--branch") + 1] if "--branch" in arguments else "gh-pages"
    python("-m", "ghp_import", "--no-jekyll", "--push", "--force", "--no-history", "--branch", branch, "_build/html")


def links() -> None:
    python("book/build.py", "links")


def refresh(*arguments: str) -> None:
    python("book/build.py", "refresh", *arguments)
    python("-m", "pytest", "-q", "tests/proofs", "--record-proofs")


def student() -> None:
    python("book/student.py")


def slides() -> None:
    python("book/build.py", "stored")
    python("book/slides.py")


def pdf() -> None:
    browser()
    python("book/build.py", "stored")
    python("book/pdf.py")


def lint() -> None:
    lint_style()
    lint_types()
    lint_workflows()


def lint_style(*arguments: str) -> None:
    python("-m", "ruff", "check", *arguments)


def lint_types(*arguments: str) -> None:
    python("-m", "mypy", *arguments)


def lint_workflows() -> None:
    for schema, pattern in SCHEMAS.items():
        files = [path.relative_to(ROOT) for path in sorted(ROOT.glob(pattern))]
        python("-m", "check_jsonschema", "-q", "--builtin-schema", schema, *files)


def test() -> None:
    test_packages("--chapters-follow")
    test_chapters()


def test_packages(*arguments: str) -> None:
    parallel = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder")  # tests/conftest.py puts the slow files first
    python("-m", "pytest", "tests", "--ignore", "tests/browser", *parallel, *arguments, **ONE_CORE)


def test_chapters(*arguments: str) -> None:
    """Stored outputs and data must be the same on every processor, so these tests run with the instructions of an old one.

    The slow tests of the data have run with the packages. They start processes, and test_processors.py chooses their instructions itself.
    """
    options = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300")
    sanitized = ("--nbval-sanitize-with", "tests/nbval_sanitize.cfg")
    python(
        *("-m", "pytest", "book", "tests/data_gen", "-m", "not slow", "-n", "2", "--dist", "loadscope", *options, *sanitized, *arguments),
        IB_TUTORIAL_PROFILE="smoke",
        **ONE_CORE,
        **OLD_INSTRUCTIONS,
    )


def browser() -> None:
    if pip("-q", "-r", "tests/browser/requirements.txt", check=False):
        print("What drives the browser cannot be installed here: its tests will be skipped.")
    if shutil.which("chromium") or shutil.which("google-chrome"):
        return
    apt = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None
    if not apt or any(
        run("apt-get", *command, check=False)
        for command in (("update", "-qq"), ("install", "-qq", "-y", "--no-install-recommends", "chromium"))
    ):
        print("There is no Chromium, and it cannot be installed here: every test in the browser will be skipped.")


def test_browser(*arguments: str) -> None:
    browser()
    slides()
    python("-m", "pytest", "tests/browser", "-n", "2", *arguments)


def bench(*arguments: str) -> None:
    python("-m", "benchmarks", *arguments)


def clean() -> None:
    shutil.rmtree(ROOT / "_build", ignore_errors=True)


TARGETS = {
    function.__name__.replace("_", "-"): function
    for function in (
        book, html, publish, links, refresh, student, slides, pdf, lint, lint_style, lint_types, lint_workflows, test, test_packages,
        test_chapters, browser, test_browser, bench, install, clean
    )
}  # fmt: skip


def main(target: str = "--help", *arguments: str) -> None:
    if target in ("-h", "--help"):
        print(__doc__.strip())
        return
    if target not in TARGETS:
        raise SystemExit(f"there is no target {target!r}; there are: {', '.join(TARGETS)}")
    function = TARGETS[target]
    if arguments and not inspect.signature(function).parameters:
        raise SystemExit(f"{target} takes no arguments, and was given {' '.join(arguments)}")
    if target not in ("install", "clean"):
        install()
    function(*arguments)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        raise SystemExit(130) from None
