"""Every comparison is sound: its two sides agree at a small size, and its check notices when one of them does something else.

Nothing here is timed.
"""

import os
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from benchmarks import busy, curve, grid, rebuild
from benchmarks.harness import Missing, check, discover
from benchmarks.usual import UsualInformationDropout
from ib_tutorial import waiting
from ib_tutorial.nn import InformationDropout

KNOWN = discover()
ISSUE = {
    "mlp_100_epoch": 2.5, "mlp_400_epoch": 1.5, "all_cnn_25_epoch": 2, "all_cnn_100_epoch": 2,
    "information_dropout_layer": 2, "layer_against_dropout": 1 / 1.3, "grid": 4, "information_curve_dit": 20,
    "information_curve_embo": 10, "cluttered_mnist": 1, "occluded": 1, "shapes32": 1, "start_import": 1 / 1.1, "start_list": 2,
}  # fmt: skip


@pytest.fixture
def small():
    """The sides of a comparison at its smoke sizes; skips the test where what it needs is not here."""

    def prepared(name):
        try:
            return KNOWN[name].sides(**KNOWN[name].smoke)
        except Missing as missing:
            pytest.skip(f"{name}: {missing}")

    return prepared


def test_every_row_of_the_table_has_its_comparison_and_its_target():
    assert {name: KNOWN[name].target for name in ISSUE} == pytest.approx(ISSUE)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(KNOWN) - {"book_rebuild"}))
def test_both_sides_agree(name):
    try:
        check(KNOWN[name])
    except Missing as missing:
        pytest.skip(f"{name}: {missing}")


# ---- a side that does something else is noticed ----


def cap_another(module):
    module.max_alpha = 0.6


def noise_of_alpha_squared(module):
    """The cap taken for a variance, or alpha for one: a known mistake of public copies."""
    module.forward = lambda x: noisy(module, x, lambda alpha, n: alpha.sqrt() * n)


def noise_without_gradient(module):
    """`sample` in place of `rsample`: alpha gets no gradient through z."""
    module.forward = lambda x: noisy(module, x, lambda alpha, n: alpha.detach() * n)


def noise_reused(module):
    """One draw for all images."""
    module.forward = lambda x: noisy(module, x, lambda alpha, n: alpha * n[:1])


def kl_averaged(module):
    """The mean over the units in place of their sum."""
    right = module.forward

    def averaged(x):
        z, kl = right(x)
        return z, kl / kl[0].numel()

    module.forward = averaged


def noisy(module, x, scaled):
    f, kl = right_units(module, x)
    alpha = module.max_alpha * torch.sigmoid(module.alpha(x))
    return (f * torch.exp(scaled(alpha, torch.randn_like(f))) if module.noisy else f), kl


def right_units(module, x):
    was, forward = module.noisy, type(module).forward
    module.noisy = False
    try:
        return forward(module, x)
    finally:
        module.noisy = was


MISTAKES = {
    mistake.__name__: mistake
    for mistake in (cap_another, noise_of_alpha_squared, noise_without_gradient, noise_reused, kl_averaged)
}


def spoil_layers(monkeypatch, mistake, of=UsualInformationDropout):
    """Every layer of that class that is made from now on makes the mistake."""
    right = of.__init__

    def spoilt(self, *args, **kwargs):
        right(self, *args, **kwargs)
        mistake(self)

    monkeypatch.setattr(of, "__init__", spoilt)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_layers_check_notices(small, monkeypatch, mistake):
    spoil_layers(monkeypatch, MISTAKES[mistake])
    sides = small("information_dropout_layer")
    assert not sides.same(sides.ours(), sides.peer())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp_100_epoch", "all_cnn_25_epoch"])
@pytest.mark.parametrize("mistake", ["cap_another", "kl_averaged", "noise_of_alpha_squared", "noise_reused"])
def test_the_check_of_training_notices(small, monkeypatch, name, mistake):
    spoil_layers(monkeypatch, MISTAKES[mistake])
    sides = small(name)
    assert not sides.same(sides.ours(), sides.peer())


@pytest.mark.slow
def test_the_check_of_the_grid_notices_another_cost(small, monkeypatch):
    spoil_layers(monkeypatch, kl_averaged)
    sides = small("grid")
    assert not sides.same(sides.ours(), sides.peer())


@pytest.mark.parametrize("name", ["mlp_100_epoch", "information_dropout_layer", "layer_against_dropout"])
def test_it_is_noticed_on_our_side_too(small, monkeypatch, name):
    spoil_layers(monkeypatch, lambda layer: setattr(layer, "max_alpha", 0.35), of=InformationDropout)
    sides = small(name)
    assert not sides.same(sides.ours(), sides.peer())


@pytest.mark.slow
@pytest.mark.parametrize("what", ["momentum", "lr"])
def test_the_check_of_training_notices_another_optimiser(small, monkeypatch, what):
    sides = small("mlp_100_epoch")
    ours, usual = sides.ours(), sides.peer()
    assert sides.same(ours, usual)
    other = lambda network, lr: torch.optim.SGD(
        network.parameters(), lr=lr * (1.5 if what == "lr" else 1), momentum=0.5 if what == "momentum" else 0.9, nesterov=True
    )  # fmt: skip
    monkeypatch.setattr("benchmarks.training.usual_optimiser", other)
    assert not sides.same(ours, usual)


def test_the_check_against_dropout_notices_another_rate(small):
    sides = small("layer_against_dropout")
    ours, (z, a, gradient) = sides.ours(), sides.peer()
    assert not sides.same(ours, type(ours)(z * 1.1, a, gradient))
    assert not sides.same(ours, type(ours)(z, a + 0.5, gradient))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cluttered_mnist", "occluded", "shapes32"])
def test_the_generators_check_notices_another_picture(small, name):
    sides = small(name)
    ours, peer = sides.ours(), sides.peer()
    images = (ours if name == "shapes32" else ours[0]).numpy()  # shares its memory
    images[:] = images[:, ::-1].copy()
    assert not sides.same(ours, peer)


@pytest.fixture
def known_curve():
    return curve.our_curve(curve.table(3, 2), 6)


def test_the_curves_check_notices_a_worse_curve_and_one_that_cannot_be(known_curve):
    p_xy = curve.table(3, 2)
    at = lambda n: curve.our_curve(p_xy, n)
    assert curve.both_solved(known_curve, known_curve, at, p_xy)
    assert not curve.both_solved(known_curve, known_curve + [1e-2, 0.0], at, p_xy)  # theirs pays more than it needs
    assert not curve.both_solved(known_curve, known_curve - [1e-2, 0.0], at, p_xy)  # ours does
    assert not curve.both_solved(known_curve + [0.0, 1.0], known_curve, at, p_xy)  # more than there is to know


def test_a_curve_in_bits_is_noticed(known_curve):
    p_xy = curve.table(3, 2)
    at = lambda n: curve.our_curve(p_xy, n)
    assert not curve.both_solved(known_curve, known_curve / torch.log(torch.tensor(2.0)).item(), at, p_xy)


@pytest.mark.slow
def test_the_grids_check_notices_a_missing_cell(small):
    sides = small("grid")
    ours, peer = sides.ours(), sides.peer()
    assert not sides.same(ours[:-1], peer)
    assert not sides.same(ours, [2 * loss for loss in peer])


@pytest.mark.slow
def test_the_stacks_check_notices_another_weight_of_the_information(small, monkeypatch):
    sides, real = small("stacked"), grid.fit_stacked
    assert sides.same(sides.ours(), sides.peer())
    monkeypatch.setattr(
        grid, "fit_stacked", lambda *a, betas, **options: real(*a, betas=[0.0 for _ in betas], **options)
    )
    assert not sides.same(sides.ours(), sides.peer())


def test_every_cell_of_the_grid_is_there_once():
    assert len(grid.CELLS) == len({tuple(cell.values()) for cell in grid.CELLS}) == 12


def test_the_starts_check_notices_another_torch_and_a_missing_experiment():
    imports, listing = KNOWN["start_import"].sides(), KNOWN["start_list"].sides()
    assert not imports.same("2.13.0\n", "2.12.0\n") and not imports.same("", "")
    assert not listing.same("mnist_widths", "2.13.0\n")


def test_the_books_check_notices_another_chapter_and_other_outputs(monkeypatch):
    monkeypatch.setattr(rebuild, "Copy", lambda chapters: SimpleNamespace(after_an_edit=None, anew=None))
    same = KNOWN["book_rebuild"].sides(chapters=("a", "b")).same
    one, both = rebuild.Build({"a"}, {"a": [1], "b": [2]}), rebuild.Build({"a", "b"}, {"a": [1], "b": [2]})
    assert same(one, both)
    assert not same(both, both)
    assert not same(rebuild.Build({"b"}, one.cells), both)
    assert not same(one._replace(cells={}), both)


def test_the_growths_check_notices_a_lost_part(small):
    sides = small("growth")
    whole, parts = sides.ours(), sides.peer()
    assert sides.same(whole, parts) and not sides.same(whole, parts[:-1])


@pytest.mark.slow
def test_an_edit_is_executed_alone(tmp_path):
    """The comparison of the book itself, with two chapters of one cell each."""
    pytest.importorskip("papermill")
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    book = rebuild.Copy.__new__(rebuild.Copy)
    book.chapters, book.root = ("book/a", "book/b"), tmp_path
    rebuild.copy_book(tmp_path, book.chapters)
    for path in (tmp_path / "book").glob("*.ipynb"):
        path.unlink()
    (tmp_path / "book" / "index.md").write_text("# A book", encoding="utf-8")
    for name in ("a", "b"):
        cells = [new_markdown_cell("# A title"), new_code_cell("print(1)")]
        nbformat.write(new_notebook(cells=cells), tmp_path / "book" / f"{name}.ipynb")
    assert book.build().executed == {"book/a", "book/b"}
    assert book.after_an_edit().executed == {"book/a"}
    assert book.anew().executed == {"book/a", "book/b"}


@pytest.mark.slow
def test_a_gpu_that_is_not_there_is_asked_for_by_name():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--device", "cuda"], capture_output=True, text=True)
    assert done.returncode == 2 and "finds 0 CUDA GPUs" in done.stderr and "Traceback" not in done.stderr


def test_what_is_for_a_cpu_says_so_on_a_gpu():
    with pytest.raises(Missing, match="for --device cpu, not cuda"):
        KNOWN["start_list"].sides("cuda")


def test_a_busy_benchmark_says_how_many_times_the_idle_time_the_work_took(monkeypatch):
    seconds = {(busy.OURS, 0): 2.0, (busy.OURS, 1): 3.0, (busy.PLAIN, 0): 1.0, (busy.PLAIN, 1): 9.0}
    running = []

    @contextmanager
    def beside(n):
        running.append(n)
        yield
        running.pop()

    class Worker:
        def __init__(self, work, setting, sizes):
            self.setting = setting

        def ask(self):
            return {"result": 0.0, "seconds": seconds[self.setting, running[-1]], "cpu": 1.0}

    monkeypatch.setattr(busy, "beside", beside)
    monkeypatch.setattr(busy, "Worker", Worker)
    rows = busy.against_idle("mlp_3x100", (), (0, 1), repeats=2)
    assert [row["to idle"] for row in rows] == [1.0, 1.5, 1.0, 9.0]
    assert [row["goal"] for row in rows] == [1.0, 1.2, 1.0, 1.2]


def test_the_busy_settings_differ_in_threads_and_waiting(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    started = []
    process = SimpleNamespace(stdout=SimpleNamespace(readline=lambda: "\n"), kill=lambda: None, wait=lambda: None)
    monkeypatch.setattr(busy.subprocess, "Popen", lambda *_, env, **__: started.append(env) or process)
    for setting in (busy.OURS, busy.PLAIN):
        busy.Worker("mlp_3x100", setting)
    chosen = {"OMP_NUM_THREADS", "OMP_WAIT_POLICY", *waiting.BOUND}  # torch itself sets others of the kind
    ours, plain = ({name: env[name] for name in chosen & env.keys()} for env in started)
    assert ours == waiting.BOUND and plain == {"OMP_NUM_THREADS": str(os.cpu_count())}


@pytest.mark.slow
def test_the_busy_chapter_is_executed_each_time(monkeypatch, tmp_path):
    pytest.importorskip("nbclient")
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    noted = tmp_path / "noted"
    cell = new_code_cell(f"with open({str(noted)!r}, 'a') as file: file.write('.')")
    monkeypatch.setattr(busy, "CHAPTER", tmp_path / "chapter.ipynb")
    nbformat.write(new_notebook(cells=[cell]), busy.CHAPTER)
    run = busy.chapter()
    assert [run(), run()] == [1, 1] and noted.read_text(encoding="utf-8") == ".."
