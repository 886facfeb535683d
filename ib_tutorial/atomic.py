"""Files that are whole or absent, whenever the process that writes them is killed. No torch is imported here."""

import os
import secrets
from pathlib import Path

PART = ".part"
"""How the name of an unfinished file ends. It begins with a dot and the name of the file that it would have become."""


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all.

    The bytes go into a file beside `path`, which is then renamed over it. The file has the permissions that the umask allows.

    Args:
        path: where to write; its folder is made where it is missing.
        content: every byte of the file.

    Raises:
        OSError: the file cannot be written. The message names it and what to do; what `path` held is still there.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            f"{path} cannot be written: {error.strerror or error}; free space there, or choose a folder that you may write to"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_parts(folder: Path, name: str = "") -> None:
    """Remove the unfinished files in `folder` that killed processes left there, of the files whose names begin with `name`."""
    for path in folder.glob(f".{name}*{PART}"):
        path.unlink(missing_ok=True)
