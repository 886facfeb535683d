"""Generated sets on disk: one compressed .npz, and a JSON beside it that says how it was made and what must be in it.

The arrays are streamed into the file batch by batch, so that memory does not grow with the set; both files appear under their names
only when they are complete. The same arrays give the same bytes: nothing in the file depends on the time.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .download import explain_os_error
from .errors import DataError, MissingData


class Member(NamedTuple):
    """An array to write: its shape and type, and a function that yields it in batches along the first axis."""

    shape: tuple[int, ...]
    dtype: str
    batches: Callable[[], Iterable[np.ndarray]]


def check_target(path: Path, force: bool) -> Path:
    """Raise DataError unless `path` names an .npz that may be written."""
    if path.suffix != ".npz":
        raise DataError(f"{path}: the name must end in .npz.")
    for existing in (path, path.with_suffix(".json")):
        if existing.exists() and not force:
            raise DataError(_taken(existing))
    return path


def write_archive(path: Path, members: Mapping[str, Member], description: Mapping, *, force: bool = False) -> dict:
    """Write `path` (.npz) and the JSON beside it, and return the content of the JSON.

    Args:
        path: of the .npz.
        members: the arrays, by name.
        description: what the JSON says besides.
        force: whether files that are there are replaced.

    Raises:
        DataError: the files are there already and not `force`, also if another process wrote them meanwhile; or the disk is full. Nothing
            half-written is left.
    """
    check_target(path, force)
    sidecar = path.with_suffix(".json")
    scratch, scratch_sidecar = (p.with_name(f".{p.name}.{os.getpid()}.part") for p in (path, sidecar))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {}
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
            for name, member in members.items():
                arrays[name] = {
                    "shape": list(member.shape),
                    "dtype": member.dtype,
                    "sha256": _write_member(archive, name, member),
                }
        record = {**description, "arrays": arrays, "sha256": _file_sha256(scratch)}
        scratch_sidecar.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        if not force:
            _claim(path)
        os.replace(scratch_sidecar, sidecar)
        os.replace(scratch, path)
    except OSError as error:
        raise DataError(explain_os_error(error, path, "name a file elsewhere with --out.")) from error
    finally:
        for leftover in (scratch, scratch_sidecar):
            leftover.unlink(missing_ok=True)
    return record


def _claim(path: Path) -> None:
    """Make an empty file, unless somebody has taken its name since check_target looked. Of two writers only one succeeds."""
    try:
        path.open("xb").close()
    except FileExistsError:
        raise DataError(_taken(path)) from None


def _taken(path: Path) -> str:
    return f"{path} is there already. Name another file with --out, or replace it with --force."


def _write_member(archive: zipfile.ZipFile, name: str, member: Member) -> str:
    """Stream one array into the archive as numpy's .npy, and return the SHA-256 of its content."""
    digest, rows = hashlib.sha256(), 0
    entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as stream:
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(member.dtype)),
            "fortran_order": False,
            "shape": member.shape,
        }
        np.lib.format.write_array_header_1_0(stream, header)
        for batch in member.batches():
            content = np.ascontiguousarray(batch, dtype=member.dtype).tobytes()
            digest.update(content)
            stream.write(content)
            rows += len(batch)
    if rows != member.shape[0]:
        raise AssertionError(f"{name}: {rows} rows written, {member.shape[0]} announced")
    return digest.hexdigest()


def verify_archive(path: Path) -> dict:
    """Check that `path` is, byte for byte, what the JSON beside it says, and return the content of that JSON.

    Raises:
        MissingData: one of the two files is not there.
        DataError: they do not agree.
    """
    sidecar = path.with_suffix(".json")
    for needed in (path, sidecar):
        if not needed.is_file():
            raise MissingData(f"{needed} is not there. The .npz and the .json that a command wrote belong together.")
    try:
        record = json.loads(sidecar.read_text(encoding="utf-8"))
        expected = record["sha256"]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{sidecar} is not a description written by python -m data_gen.") from None
    found = _file_sha256(path)
    if found != expected:
        raise DataError(
            f"{path} is not the file that {sidecar.name} describes: SHA-256 {found}, expected {expected}. Make it again with --force."
        )
    return record


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
