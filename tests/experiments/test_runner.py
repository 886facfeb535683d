"""Runs are resumed, never repeated, and say what is wrong with what they were given. `mnist_widths` at smoke is the subject."""

import json
from itertools import chain

import learner
import pytest
import torch

from ib_tutorial.experiments import Experiment, mnist_widths, run
from ib_tutorial.experiments.record import as_json, load_record
from ib_tutorial.experiments.runner import EXPERIMENTS, config, usable_device
from ib_tutorial.training import loop
from ib_tutorial.training.checkpoint import load


@pytest.fixture(scope="module")
def whole():
    """One run from beginning to end, in this process, on one thread as each of two processes has on two cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield run("mnist_widths", "smoke", jobs=1, progress=False)
    torch.set_num_threads(threads)


def values(record):
    return sorted(str(sorted(row.items(), key=str)) for row in record.rows)


@pytest.mark.slow
def test_every_cell_of_every_stage_is_there(whole):
    cells = [cell for stage in mnist_widths.stages(config("mnist_widths", "smoke")) for cell in stage]
    assert whole.finished and all(whole.has(cell) for cell in cells)
    assert whole.seeds == [0, 1] and whole.source["name"] == "mnist5k" and len(whole.source["sha256"]) == 64


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_stopped(whole, tmp_path, monkeypatch):
    done, run_cell = [], mnist_widths.run_cell

    def interrupted(cell, context):
        if len(done) == 9:
            raise KeyboardInterrupt
        done.append(cell)
        return run_cell(cell, context)

    monkeypatch.setattr(mnist_widths, "run_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False)
    kept = load_record(tmp_path / "mnist_widths.smoke.json")
    assert not kept.finished and all(kept.has(cell) for cell in done)

    again = []

    def counted(cell, context):
        again.append(cell)
        return run_cell(cell, context)

    monkeypatch.setattr(mnist_widths, "run_cell", counted)
    resumed = run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False)
    assert not [cell for cell in again if cell in done]
    assert resumed.finished and values(resumed) == values(whole)

    again.clear()
    assert run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False) == resumed and not again
    run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False, force=True)
    assert len(again) == sum(map(len, mnist_widths.stages(config("mnist_widths", "smoke"))))


@pytest.mark.slow
def test_two_processes_find_what_one_finds(whole, monkeypatch):
    monkeypatch.setattr("ib_tutorial.experiments.grid.cores", lambda: 2)  # one thread each, whatever the machine
    assert values(run("mnist_widths", "smoke", jobs=2, progress=False)) == values(whole)


@pytest.mark.slow
def test_other_settings_do_not_mix_with_a_record_that_was_begun(tmp_path):
    run("mnist_widths", "smoke", out=tmp_path, jobs=1, progress=False)
    with pytest.raises(ValueError, match=r"begun with another config.*betas.*\[0\.01, 0\.1\], \[9\.0\].*--force"):
        run("mnist_widths", "smoke", betas=[9.0], out=tmp_path, jobs=1, progress=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(name="fig_3a"), "no experiment 'fig_3a'.*mnist_widths"),
        (dict(profile="fast"), "no profile 'fast'.*smoke, quick, reduced, paper"),
        (dict(betas=[-1.0]), r"betas are \[-1.0\]"),
        (dict(betas=[1.0, float("inf")]), r"betas are \[1.0, inf\]; each must be a finite number"),
        (dict(betas=[float("nan")]), r"betas are \[nan\]; each must be a finite number"),
        (dict(betas=[1.0, 1.0]), "each must be given once"),
        (dict(name="activation_priors", betas=[1.0]), "activation_priors has no betas.*relu_betas, softplus_betas"),
        (dict(jobs=0), "jobs is 0"),
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
    assert isinstance(module, Experiment) and module.NAME == name
    assert set(module.PROFILES) - {"authors"} == {"smoke", "quick", "reduced", "paper"}
    for profile in module.PROFILES:
        assert config(name, profile).n_seeds >= 1
    assert module.FINDINGS and all(finding.test and finding.unit for finding in module.FINDINGS)


@pytest.mark.slow
def test_a_run_killed_within_a_cell_goes_on_from_its_last_epoch(tmp_path, monkeypatch):
    """The second run must start from the checkpoint, and end where an uninterrupted run ends."""
    from ib_tutorial.experiments import total_correlation

    monkeypatch.setitem(total_correlation.PROFILES, "smoke", total_correlation.PROFILES["smoke"] | {"epochs": 3})
    whole = run("total_correlation", "smoke", jobs=1, seeds=1, betas=[1.0], progress=False)

    saves = []
    save = loop.save_run

    def killed_after_two_epochs(*arguments):
        save(*arguments)
        saves.append(arguments[0])
        if len(saves) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_run", killed_after_two_epochs)
    options = dict(jobs=1, seeds=1, betas=[1.0], out=tmp_path, progress=False)
    with pytest.raises(KeyboardInterrupt):
        run("total_correlation", "smoke", **options)
    record = run("total_correlation", "smoke", **options)
    assert len(saves) == 3  # two epochs before, and only the third after
    assert record.rows == whole.rows
    assert not (tmp_path / "checkpoints" / "total_correlation.smoke").exists()


@pytest.mark.slow
def test_more_seeds_are_added_to_a_finished_record(tmp_path, monkeypatch):
    first = run("mnist_widths", "smoke", seeds=1, jobs=1, out=tmp_path, progress=False)
    assert first.finished
    ran = []
    cell_of = mnist_widths.run_cell
    monkeypatch.setattr(mnist_widths, "run_cell", lambda *arguments: ran.append(arguments[0]) or cell_of(*arguments))
    more = run("mnist_widths", "smoke", seeds=2, jobs=1, out=tmp_path, progress=False)
    assert more.finished and more.seeds == [0, 1] and more.config["n_seeds"] == 2
    assert ran and all(cell["seed"] == 1 for cell in ran)
    assert more.rows == run("mnist_widths", "smoke", seeds=2, jobs=1, progress=False).rows


@pytest.mark.slow
def test_a_method_that_an_experiment_has_gained_is_added_to_a_finished_record(tmp_path, monkeypatch):
    everything = run("mnist_widths", "smoke", seeds=1, jobs=1, progress=False)
    with monkeypatch.context() as before:
        before.setattr(mnist_widths, "TUNED", ("none", "binary", "information"))
        first = run("mnist_widths", "smoke", seeds=1, jobs=1, out=tmp_path, progress=False)
    assert first.finished and not first.select(method="binary_gated")
    more = run("mnist_widths", "smoke", seeds=1, jobs=1, out=tmp_path, progress=False)
    assert more.finished and len(more.rows) > len(first.rows)
    assert sorted(map(str, more.rows)) == sorted(map(str, everything.rows))


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["total_correlation", "information_maps", "mnist_widths"])
def test_every_operation_has_a_deterministic_kernel(name):
    """On a CPU this sees the operations that have none anywhere; the GPU's own are seen where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert run(name, "smoke", seeds=1, device=device, jobs=1, deterministic=True, progress=False).finished


@pytest.fixture
def learning(monkeypatch, tmp_path):
    """Makes `learner` an experiment; calls run it on images number `n`."""
    monkeypatch.setitem(EXPERIMENTS, "learner", learner)

    def call(n, **how):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "images").write_text(str(n), encoding="utf-8")
        return run("learner", "smoke", **(dict(data=tmp_path / "data", jobs=1, progress=False) | how))

    return call


@pytest.fixture
def stopped(monkeypatch, learning, tmp_path):
    """Runs on images number `n` until the `epoch`-th epoch of the whole run has been saved, then Ctrl-C."""

    def call(n, epoch, **how):
        left = [epoch]

        def pause(seconds, finished):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(learner, "pause", pause)
            learning(n, out=tmp_path / "out", **how)

    return call


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [2, 6])  # within the first cell, and after it
def test_other_data_never_go_on_from_the_checkpoint_of_the_first(learning, stopped, tmp_path, epoch):
    """They once did: a record named the second data for weights that the first had begun."""
    expected = learning(2)
    stopped(1, epoch)
    assert learning(2, out=tmp_path / "out", force=True).rows == expected.rows
    (tmp_path / "out" / "learner.smoke.json").unlink()
    stopped(1, epoch)
    if epoch == 2:
        assert learning(2, out=tmp_path / "out").rows == expected.rows
    else:
        with pytest.raises(ValueError, match="begun with another source"):
            learning(2, out=tmp_path / "out")


def epochs_of(learning, monkeypatch, n, **how):
    """How many epochs a run trains."""
    trained = []
    with monkeypatch.context() as patch:
        patch.setattr(learner, "pause", lambda *_: trained.append(1))
        learning(n, **how)
    return len(trained)


@pytest.mark.slow
def test_a_run_stopped_before_its_first_cell_ended_resumes_and_anew_means_anew(learning, stopped, monkeypatch, tmp_path):
    whole = 5 * learner.Config().epochs
    stopped(1, 2)
    assert not (tmp_path / "out" / "learner.smoke.json").exists()
    assert epochs_of(learning, monkeypatch, 1, out=tmp_path / "out") == whole - 2
    stopped(1, 2, force=True)
    assert epochs_of(learning, monkeypatch, 1, out=tmp_path / "out", force=True) == whole


@pytest.mark.slow
def test_a_record_that_was_stopped_and_went_on_equals_one_that_was_not(learning, stopped, tmp_path):
    stopped(1, 6)
    resumed, whole = learning(1, out=tmp_path / "out"), learning(1)
    assert resumed.rows == whole.rows and resumed.runs == whole.runs
    cells = [cell for run in whole.runs for cell in run["cells"]]
    assert sorted(map(as_json, cells)) == sorted(map(as_json, chain.from_iterable(learner.stages(learner.Config()))))


@pytest.mark.slow
def test_the_last_cells_of_a_resumed_stage_have_as_many_threads_as_the_first(learning, stopped, tmp_path, monkeypatch):
    """One cell that is left over from many is no reason to give it all the cores: its numbers would be others."""
    monkeypatch.setattr("ib_tutorial.experiments.grid.cores", lambda: 4)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        stopped(1, 1 + 4 * learner.Config().epochs)
        record = learning(1, out=tmp_path / "out", jobs=2)
    finally:
        torch.set_num_threads(threads)
    assert {run["threads"] for run in record.runs} == {2}
    assert record.computed == 1


@pytest.mark.slow
def test_a_record_that_goes_on_elsewhere_says_so_for_each_cell(learning, stopped, tmp_path, capsys):
    stopped(1, 6)
    assert "mixes" not in capsys.readouterr().err
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        record = learning(1, out=tmp_path / "out")
    finally:
        torch.set_num_threads(threads)
    assert [(run["threads"], len(run["cells"])) for run in record.runs] == [(threads, 1), (threads + 1, 4)]
    said = capsys.readouterr().err
    assert said.count("learner.smoke now mixes cells computed in 2 ways") == 1
    assert f"{{'threads': ({threads}, {threads + 1})}} (before, now)" in said
    assert load_record(tmp_path / "out" / "learner.smoke.json") == record


def older(path):
    """Turn the record in `path` into one of format 1."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    del fields["format"], fields["runs"]
    path.write_text(json.dumps(fields), encoding="utf-8")


@pytest.mark.slow
def test_a_record_of_an_older_format_is_shown_and_never_added_to(learning, tmp_path):
    out, path = tmp_path / "out", tmp_path / "out" / "learner.smoke.json"
    finished = learning(1, out=out)
    older(path)
    shown = learning(1, out=out)
    assert shown.format == 1 and shown.rows == finished.rows and not shown.computed
    said = r"made with another generator layout \(format 1, here 2\).*--force, or give another --out"
    with pytest.raises(ValueError, match=said):
        learning(1, out=out, seeds=4)
    fields = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(fields | {"finished": False, "rows": fields["rows"][:2]}), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        learning(1, out=out)
    assert learning(1, out=out, force=True).format == 2


@pytest.mark.slow
def test_weights_of_a_record_that_is_replaced_do_not_stay_beside_the_new_one(learning, tmp_path, monkeypatch):
    run_cell = learner.run_cell
    monkeypatch.setattr(
        learner, "run_cell", lambda *given: (run_cell(*given), {as_json(given[0]): torch.ones(1)}),
    )  # fmt: skip

    def kept():
        return set(load(tmp_path / "out" / "learner.smoke.safetensors")[0])

    learning(1, out=tmp_path / "out")
    assert len(kept()) == 5
    learning(1, out=tmp_path / "out", betas=[1.0], seeds=1, force=True)
    assert kept() == {as_json(dict(stage="selection", seed=0, beta=1.0)), as_json(dict(stage="final", seed=0))}
