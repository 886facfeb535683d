"""Small files in the official layouts, and a local server that misbehaves on request."""

import gzip
import http.server
import threading
import time
from pathlib import Path

import numpy as np


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim])
        + b"".join(n.to_bytes(4, "big") for n in array.shape)
        + array.astype(np.uint8).tobytes()
    )


class Folder:
    """A folder of small MNIST files, with the content that was put there."""

    def __init__(self, path: Path, gzipped: bool = False, n: int = 30) -> None:
        self.path, rng = path, np.random.default_rng(0)
        path.mkdir(parents=True, exist_ok=True)
        self.images, self.labels = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8), np.arange(n) % 10
        for prefix in ("train", "t10k"):
            for part, array in (("images-idx3", self.images), ("labels-idx1", self.labels)):
                content = idx(array)
                (path / f"{prefix}-{part}-ubyte{'.gz' if gzipped else ''}").write_bytes(
                    gzip.compress(content) if gzipped else content
                )

    def file(self, part: str) -> Path:
        return self.path / f"train-{part}-ubyte"


def write_cifar_binary(folder: Path, rows: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    for name, batch in zip(names, rows):
        (folder / name).write_bytes(batch.tobytes())
    return folder


class Server:
    """Serves `files` over HTTP; paths under /wrong/, /cut/, /gone/, /flaky/ and /slow/ misbehave. `requests` counts the hits."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.failures = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                _, kind, name = self.path.split("/", 2)
                content = outer.files.get(name)
                if kind == "gone" or content is None:
                    return self.send_error(404)
                if kind == "flaky" and outer.failures > 0:
                    outer.failures -= 1
                    return self.send_error(503)
                if kind == "wrong":
                    content = content[:-1] + bytes([content[-1] ^ 1])
                if kind == "short":
                    content = content[:-7]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if kind == "slow":
                    time.sleep(0.8)
                self.wfile.write(content[: len(content) // 2] if kind == "cut" else content)
                if kind == "cut":
                    self.wfile.flush()
                    self.connection.close()

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
