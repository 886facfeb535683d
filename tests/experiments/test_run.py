"""Runs are resumed, never repeated, and say what is wrong with what they were given. `mnist_widths` at smoke is the subject."""

import importlib

import pytest
import torch

from ib_tutorial.experiments import mnist_widths, run
from ib_tutorial.experiments.record import load_record
from ib_tutorial.experiments.run import EXPERIMENTS, PROFILE_NAMES, config, usable_device


@pytest.fixture(scope="module")
def whole():
    """One run from beginning to end, in this process, on one thread as each of two processes has on two cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield run("mnist_widths", "smoke", jobs=1, progress=False)
    torch.set_num_threads(threads)


def values(record):
    return sorted(str(sorted(row.items(), key=str)) for row in record.rows)


def test_every_cell_of_every_stage_is_there(whole):
    cells = [cell for stage in mnist_widths.stages(config("mnist_widths", "smoke")) for cell in stage]
    assert whole.finished and all(whole.has(cell) for cell in cells)
    assert whole.seeds == [0, 1] and whole.source["name"] == "mnist5k" and len(whole.source["sha256"]) == 64


def test_an_interrupted_run_goes_on_where_it_stopped(whole, tmp_path, monkeypatch):
    done, run_cell = [], mnist_widths.run_cell

    def interrupted(settings, data, earlier, device, cell):
        if len(done) == 9:
            raise KeyboardInterrupt
        done.append(cell)
        return run_cell(settings, data, earlier, device, cell)

    monkeypatch.setattr(mnist_widths, "run_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False)
    kept = load_record(tmp_path / "mnist_widths.smoke.json")
    assert not kept.finished and all(kept.has(cell) for cell in done)

    again = []

    def counted(settings, data, earlier, device, cell):
        again.append(cell)
        return run_cell(settings, data, earlier, device, cell)

    monkeypatch.setattr(mnist_widths, "run_cell", counted)
    resumed = run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False)
    assert not [cell for cell in again if cell in done]
    assert resumed.finished and values(resumed) == values(whole)

    again.clear()
    assert run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False) == resumed and not again
    run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False, force=True)
    assert len(again) == len(done) + 32 - 9


def test_two_processes_find_what_one_finds(whole, monkeypatch):
    monkeypatch.setattr("ib_tutorial.experiments.grid.os.cpu_count", lambda: 2)  # one thread each, whatever the machine
    assert values(run("mnist_widths", "smoke", jobs=2, progress=False)) == values(whole)


def test_other_settings_do_not_mix_with_a_record_that_was_begun(tmp_path):
    run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False)
    with pytest.raises(ValueError, match=r"begun with another config.*betas.*\[3\.0\], \[9\.0\].*--force"):
        run("mnist_widths", "smoke", betas=[9.0], out=tmp_path, jobs=1, progress=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(name="fig_3a"), "no experiment 'fig_3a'.*mnist_widths"),
        (dict(profile="fast"), "no profile 'fast'.*smoke, quick, reduced, paper"),
        (dict(betas=[-1.0]), r"betas are \[-1.0\]"),
        (dict(seeds=0), "seeds is 0"),
        (dict(device="tpu"), "no device 'tpu'"),
        (dict(device="mps"), "written for 'cpu' and 'cuda'"),
    ],
)
def test_what_cannot_be_run_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        run(**({"name": "mnist_widths", "profile": "smoke", "progress": False} | arguments))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_missing_gpu_is_said():
    with pytest.raises(ValueError, match="finds 0 CUDA GPUs.*--device cpu"):
        usable_device("cuda")


def test_missing_data_are_said(tmp_path, monkeypatch):
    monkeypatch.delenv("IB_TUTORIAL_DATA", raising=False)
    with pytest.raises(ValueError, match="mnist"):
        run("mnist_widths", "reduced", data=tmp_path, progress=False)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_four_profiles_and_findings_that_are_tests(name):
    module = EXPERIMENTS[name]
    assert set(module.PROFILES) == set(PROFILE_NAMES)
    for profile in PROFILE_NAMES:
        assert config(name, profile).n_seeds >= 1
    assert module.FINDINGS and all(finding.test and finding.unit for finding in module.FINDINGS)


def test_a_run_killed_within_a_cell_goes_on_from_its_last_epoch(tmp_path, monkeypatch):
    """The second run must start from the checkpoint, and end where an uninterrupted run ends."""
    from ib_tutorial.experiments import total_correlation

    fit_module = importlib.import_module("ib_tutorial.training.fit")  # the package's own `fit` is the function
    monkeypatch.setitem(total_correlation.PROFILES, "smoke", total_correlation.PROFILES["smoke"] | {"epochs": 3})
    whole = run("total_correlation", "smoke", jobs=1, seeds=1, betas=[1.0], progress=False)

    saves = []
    save = fit_module.save_run

    def killed_after_two_epochs(*arguments):
        save(*arguments)
        saves.append(arguments[0])
        if len(saves) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(fit_module, "save_run", killed_after_two_epochs)
    options = dict(jobs=1, seeds=1, betas=[1.0], out=tmp_path, progress=False)
    with pytest.raises(KeyboardInterrupt):
        run("total_correlation", "smoke", **options)
    record = run("total_correlation", "smoke", **options)
    assert len(saves) == 3  # two epochs before, and only the third after
    assert record.rows == whole.rows
    assert not (tmp_path / "checkpoints" / "total_correlation.smoke").exists()


def test_more_seeds_are_added_to_a_finished_record(tmp_path, monkeypatch):
    first = run("mnist_widths", "smoke", seeds=1, jobs=1, out=tmp_path, progress=False)
    assert first.finished
    ran = []
    cell_of = mnist_widths.run_cell
    monkeypatch.setattr(mnist_widths, "run_cell", lambda *arguments: ran.append(arguments[-1]) or cell_of(*arguments))
    more = run("mnist_widths", "smoke", seeds=2, jobs=1, out=tmp_path, progress=False)
    assert more.finished and more.seeds == [0, 1] and more.config["n_seeds"] == 2
    assert ran and all(cell["seed"] == 1 for cell in ran)
    assert more.rows == run("mnist_widths", "smoke", seeds=2, jobs=1, progress=False).rows


def test_a_method_that_an_experiment_has_gained_is_added_to_a_finished_record(tmp_path, monkeypatch):
    everything = run("mnist_widths", "smoke", seeds=1, jobs=1, progress=False)
    with monkeypatch.context() as before:
        before.setattr(mnist_widths, "TUNED", ("none", "binary", "information"))
        first = run("mnist_widths", "smoke", seeds=1, jobs=1, out=tmp_path, progress=False)
    assert first.finished and not first.select(method="binary_gated")
    more = run("mnist_widths", "smoke", seeds=1, jobs=1, out=tmp_path, progress=False)
    assert more.finished and len(more.rows) > len(first.rows)
    assert sorted(map(str, more.rows)) == sorted(map(str, everything.rows))


def test_deterministic_kernels_are_asked_for_within_cells_and_no_longer(monkeypatch):
    seen = []
    cell_of = mnist_widths.run_cell

    def looks(*arguments):
        seen.append(torch.are_deterministic_algorithms_enabled())
        return cell_of(*arguments)

    monkeypatch.setattr(mnist_widths, "run_cell", looks)
    run("mnist_widths", "smoke", seeds=1, jobs=1, deterministic=True, progress=False)
    assert seen and all(seen)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("name", ["total_correlation", "information_maps", "mnist_widths"])
def test_every_operation_has_a_deterministic_kernel(name):
    """On a CPU this sees the operations that have none anywhere; the GPU's own are seen where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert run(name, "smoke", seeds=1, device=device, jobs=1, deterministic=True, progress=False).finished
