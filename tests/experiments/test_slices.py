"""The list of runs for a borrowed GPU works before there is one: the same experiments at `smoke`, on the CPU."""

import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ib_tutorial.experiments import EXPERIMENTS, load_record, slices

PAGE = (Path(__file__).resolve().parents[2] / "book" / "contribute.md").read_text(encoding="utf-8")
NAMES = [each.name for each in slices.SLICES]


def succeeds(*command):
    result = CliRunner().invoke(slices.app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_slice_runs_at_smoke_into_ordinary_records_and_resumes(name, tmp_path, capsys):
    command = ["run", name, "--smoke", "--device", "cpu", "--out", str(tmp_path)]
    succeeds(*command)
    (wanted,) = (each for each in slices.SLICES if each.name == name)
    records = [load_record(tmp_path / f"{part.experiment}.slice.json") for part in wanted.parts]
    assert all(record.finished and record.rows and record.seeds == [0] for record in records)
    before = [path.read_bytes() for path in sorted(tmp_path.glob("*.json"))]
    succeeds(*command)
    assert [path.read_bytes() for path in sorted(tmp_path.glob("*.json"))] == before


@pytest.mark.parametrize("wanted", slices.SLICES, ids=NAMES)
def test_a_slice_takes_one_data_set_and_what_is_in_progress_fits_into_eight_files(wanted):
    """A machine that gives back eight files once would have lost the networks in progress."""
    for part in wanted.parts:
        settings = part.settings()
        assert (settings.digits if part.experiment == "information_maps" else settings.data) == wanted.data
        assert max(settings.drops) < settings.epochs
        stages = EXPERIMENTS[part.experiment].stages(settings)
        assert max(map(len, stages)) >= part.side_by_side
    assert max(part.side_by_side for part in wanted.parts) + len(wanted.parts) <= 8


def test_the_first_slice_trains_five_betas_and_the_rivals_and_chooses_nothing():
    first, second = (EXPERIMENTS[part.experiment].stages(part.settings()) for part in slices.SLICES[0].parts)
    swept, _ = first  # the last stage writes down which betas were chosen, and trains nothing
    assert len({cell["beta"] for cell in swept}) == 5
    cells = [cell for stage in second for cell in stage]
    assert {"none", "binary", "information"} < {cell["method"] for cell in cells}
    assert {cell["stage"] for cell in cells} == {"final"}


def test_a_slice_stops_itself_before_the_machine_is_taken_away(tmp_path, capsys):
    wanted = slices.SLICES[0]
    assert not slices.run_slice(wanted, out=tmp_path, device="cpu", minutes=1e-4, smoke=True)
    assert "stopped" in capsys.readouterr().out


def test_a_packed_copy_of_cifar10_is_smaller_and_loses_no_bit(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    files = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=75)
        files.append(file.getvalue())
    labels = (np.arange(60) % 10).astype(np.uint8)
    jpeg = np.frombuffer(b"".join(files), np.uint8)
    np.savez(tmp_path / "copy.npz", jpeg=jpeg, offsets=np.cumsum([0, *map(len, files)]), labels=labels)
    succeeds("pack", str(tmp_path / "copy.npz"), str(tmp_path / "carry"))
    packed = tmp_path / "carry" / slices.PACKED
    assert packed.stat().st_size < jpeg.nbytes - 59 * 400  # the header, some 600 bytes, is there once
    slices.unpack(packed, tmp_path)
    written = np.concatenate([np.fromfile(path, np.uint8) for path in sorted((tmp_path / "cifar-10-batches-bin").iterdir())])
    rows = written.reshape(60, 3073)
    expected = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    assert np.array_equal(rows[:, 0], labels)
    assert np.array_equal(rows[:, 1:].reshape(60, 3, 32, 32).transpose(0, 2, 3, 1), expected)


def test_the_page_for_contributors_has_a_command_for_every_slice(monkeypatch):
    section = PAGE.split("(contribute-gpu)=")[1]
    commands = re.findall(r"python3? -m ib_tutorial\.experiments\.slices ([^`\n]*)", section)
    called = []
    monkeypatch.setattr(slices, "run_slice", lambda wanted, **given: called.append(wanted.name) or True)
    monkeypatch.setattr(slices, "pack", lambda source, target: called.append("pack"))
    for command in commands:
        succeeds(*shlex.split(command.replace("$OUT", "out")))
    assert {*NAMES, "pack"} <= set(called)
