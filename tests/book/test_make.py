"""`book/make.py`: what it installs and from where, and that the Makefile has no other way to do a thing."""

import importlib.util
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture
def make(tmp_path, monkeypatch):
    """The module book/make.py for a checkout in tmp_path; `make.commands` gets what it would have run."""
    spec = importlib.util.spec_from_file_location("book_make", ROOT / "book" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.commands, module.failing = [], []

    def run(*command, check=True, **environment):
        line = " ".join(map(str, command))
        module.commands.append(line)
        failed = any(part in line for part in module.failing)
        if failed and check:
            raise SystemExit(1)
        return int(failed)

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "has_gpu", lambda: False)
    monkeypatch.setattr(module.sys, "platform", "linux")
    for name in ("TORCH_INDEX", "TORCH_RELEASE"):
        monkeypatch.delenv(name, raising=False)
    for name, path in {"VENV": ".venv", "STAMP": "installed", "REQUIREMENTS": "requirements.txt"}.items():
        monkeypatch.setattr(module, name, tmp_path / path)
    module.REQUIREMENTS.write_text("# pins\ntorch==2.13.0\nnumpy==2\n", encoding="utf-8")
    return module


@pytest.mark.parametrize(
    ("environment", "gpu", "platform", "index"),
    [
        ({}, False, "linux", "https://download.pytorch.org/whl/cpu"),
        ({}, True, "linux", None),
        ({}, False, "darwin", None),
        ({}, False, "win32", None),
        ({"TORCH_INDEX": "https://mirror/simple"}, True, "win32", "https://mirror/simple"),
        ({"TORCH_INDEX": ""}, True, "linux", None),
    ],
)
def test_a_machine_without_a_gpu_gets_the_cpu_build_and_a_variable_overrides(make, environment, gpu, platform, index):
    assert make.torch_index(environment, gpu, platform) == index


def test_chapters_and_data_are_tested_with_an_old_processors_instructions(make, monkeypatch):
    """A stored output once held with AVX-512 alone."""
    environments = []
    monkeypatch.setattr(make, "python", lambda *command, **environment: environments.append((command, environment)))
    make.test_chapters()
    ((command, environment),) = environments
    assert {"book", "tests/data_gen"} <= set(command)
    assert environment["ATEN_CPU_CAPABILITY"] == "default" and environment["MKL_ENABLE_INSTRUCTIONS"] == "SSE4_2"


def test_cells_are_left_to_the_chapters_only_where_these_follow(make, monkeypatch):
    commands = []
    monkeypatch.setattr(make, "python", lambda *command, **environment: commands.append(command))
    make.test()
    make.test_packages()
    packages, chapters, alone = commands
    assert "--chapters-follow" in packages and "book" in chapters and "--chapters-follow" not in (*chapters, *alone)


def test_torch_is_installed_before_the_pins_would_bring_another_build(make):
    make.install()
    torch, pins, checkout = make.commands[-3:]
    assert torch.endswith("--retries 1 torch==2.13.0") and f"--index-url {make.CPU_INDEX} --timeout 10" in torch
    assert pins.endswith(f"-r {make.REQUIREMENTS}") and checkout.endswith("--no-deps -e .")


def test_the_oldest_torch_that_the_library_allows_can_be_asked_for(make, monkeypatch):
    make.VENV.mkdir()
    monkeypatch.setenv("TORCH_RELEASE", "oldest")
    make.install()
    (floor,) = re.findall(r'"torch>=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    torch, pins, _ = make.commands[-3:]
    assert torch.endswith(f" torch=={floor}.0") and pins.endswith(f"-r {make.VENV / 'pins.txt'}")
    assert (make.VENV / "pins.txt").read_text(encoding="utf-8") == f"# pins\ntorch=={floor}.0\nnumpy==2\n"
    before = len(make.commands)
    make.install()
    assert len(make.commands) == before
    monkeypatch.setenv("TORCH_RELEASE", "2.9")
    with pytest.raises(SystemExit, match="must be 'oldest' or 'newest'"):
        make.install()


def test_the_book_is_published_on_the_branch_that_its_buttons_open(make):
    make.main("publish", "--repository", "https://github.com/a/b", "--branch", "pages")
    built, pushed = make.commands[-2:]
    assert built.endswith("book/build.py book --repository https://github.com/a/b --branch pages")
    assert "--branch pages _build/html" in pushed


def test_where_the_cpu_index_cannot_be_reached_the_default_serves(make, capsys):
    make.failing = [make.CPU_INDEX]
    make.install()
    assert make.commands[-1].endswith("-e .") and make.STAMP.exists()
    assert "it comes from the default index" in capsys.readouterr().out


def test_an_index_that_was_asked_for_is_not_silently_replaced(make, monkeypatch):
    monkeypatch.setenv("TORCH_INDEX", "https://mirror/simple")
    make.failing = ["https://mirror/simple"]
    with pytest.raises(SystemExit):
        make.install()
    assert not make.STAMP.exists()


def test_what_is_installed_is_not_installed_again_until_the_pins_change(make):
    make.install()
    before = len(make.commands)
    make.install()
    assert len(make.commands) == before
    make.REQUIREMENTS.write_text("torch==2.13.1\n", encoding="utf-8")
    make.install()
    assert len(make.commands) == 2 * before


def test_an_installation_that_broke_off_is_taken_up(make):
    make.failing = ["-e ."]
    with pytest.raises(SystemExit):
        make.install()
    assert not make.STAMP.exists()


@pytest.mark.parametrize(("version", "installs"), [((3, 10), False), ((3, 11), True), ((3, 14), True), ((3, 15), True)])
def test_a_python_that_is_too_old_is_refused_and_one_that_is_new_is_tried(
    make, monkeypatch, capsys, version, installs
):
    monkeypatch.setattr(make, "sys", SimpleNamespace(version_info=version, prefix="", executable="p", platform="linux"))
    if installs:
        make.install()
        assert ("is newer than any" in capsys.readouterr().out) == (version > (3, 14))
    else:
        with pytest.raises(SystemExit, match="3.10 was found, and 3.11 or newer is needed"):
            make.install()
    assert make.STAMP.exists() == installs


def test_each_target_of_the_makefile_is_the_one_of_the_same_name(make):
    targets = {
        name for line in re.findall(r"^([a-z][a-z -]*):(?!=)", MAKEFILE, re.MULTILINE) for name in line.split()
    } - {"help"}
    assert targets == set(make.TARGETS)
    recipes = [line.strip() for line in MAKEFILE.splitlines() if line.startswith("\t") and "echo" not in line]
    assert recipes and all(recipe.startswith("$(MAKE_PY) ") for recipe in recipes)


def test_every_change_is_checked_without_a_run_first():
    steps = re.findall(r"^make (\S+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert steps[0] == "lint" and {"test", "test-browser"} <= set(steps)


def test_lint_is_all_of_its_parts(make):
    parts = [name for name in make.TARGETS if name.startswith("lint-")]
    each = []
    make.main("install")
    for part in parts:
        make.commands.clear()
        make.main(part)
        each += make.commands
    make.commands.clear()
    make.main("lint")
    assert parts and make.commands == each


def test_every_target_is_in_the_help(make, capsys):
    make.main()
    shown = capsys.readouterr().out
    assert all(f"python book/make.py {target} " in shown for target in make.TARGETS)


def test_an_unknown_target_or_argument_is_said(make):
    with pytest.raises(SystemExit, match="no target 'tset'; there are: book, html"):
        make.main("tset")
    with pytest.raises(SystemExit, match="student takes no arguments, and was given all"):
        make.main("student", "all")


def test_nothing_but_the_standard_library_is_imported(make):
    import sys

    imported = {name.partition(".")[0] for name in re.findall(r"^(?:from|import) (\S+)", inspect.getsource(make), re.MULTILINE)}
    assert imported <= set(sys.stdlib_module_names)


WORKFLOWS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / ".github" / "workflows").iterdir()}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_workflows_run_what_a_reader_can_run(make, name):
    commands = [step["run"] for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands and all(
        re.fullmatch(r"make|python book/make\.py", command.rpartition(" ")[0]) for command in commands
    )
    assert {command.rpartition(" ")[2] for command in commands} <= set(make.TARGETS)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_workflows_name_only_what_they_define(name):
    """Nobody can run them here, and GitHub takes a name that is not there for an empty one."""
    for job in WORKFLOWS[name]["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        defined = {key for entry in (matrix, *matrix.get("include", ())) for key in entry}
        assert set(re.findall(r"matrix\.(\w+)", str(job))) <= defined
        known = r"matrix\.\w+|github\.(repository|ref|workflow|event_name|repository_owner)|secrets\.GITHUB_TOKEN"
        for expression in re.findall(r"\$\{\{ *(.*?) *\}\}", str(job)):
            assert re.fullmatch(known, expression), expression
        assert "permissions" in WORKFLOWS[name] or "permissions" in job


def test_the_workflows_try_every_python_that_is_promised_and_both_ends_of_torch(make):
    matrix = WORKFLOWS["tests.yml"]["jobs"]["packages"]["strategy"]["matrix"]
    versions = [f"{make.OLDEST[0]}.{minor}" for minor in range(make.OLDEST[1], make.NEWEST[1] + 1)]
    assert matrix["python"] == versions and matrix["torch"] == ["oldest", "newest"]
    assert {job["system"] for job in matrix["include"]} == {"macos-latest", "windows-latest"}
    run = [step.get("run") for job in WORKFLOWS["tests.yml"]["jobs"].values() for step in job["steps"]]
    assert {"make lint", "make test-chapters", "make test-browser"} <= set(run)


def test_the_hooks_before_a_commit_are_the_parts_of_lint_and_download_nothing(make):
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    called = [re.fullmatch(r"python3 book/make\.py (\S+)", hook["entry"])[1] for hook in repository["hooks"]]
    assert repository["repo"] == "local" and {hook["language"] for hook in repository["hooks"]} == {"system"}
    assert called == [name for name in make.TARGETS if name.startswith("lint-")]


def test_each_file_that_github_reads_is_checked_by_its_schema(make):
    make.main("lint-workflows")
    checked = {Path(word).as_posix() for command in make.commands for word in command.split()}
    read = [path for path in (ROOT / ".github").rglob("*.yml")]
    assert read and {path.relative_to(ROOT).as_posix() for path in read} <= checked
    assert all(any(ROOT.glob(pattern)) for pattern in make.SCHEMAS.values())
