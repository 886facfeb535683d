"""Prints a SHA-256 for everything that data_gen makes, on one thread and on two: run in a process of its own by test_processors."""

import hashlib
import json

import torch

from data_gen import Images, cluttered, load, occluded, shapes32
from data_gen.statistics import neighbour_labels


def sha256(*tensors: torch.Tensor) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()


def digests(digits: Images) -> dict[str, str]:
    train, test = (shapes32(n, seed=seed) for n, seed in ((10_000, 32), (2_000, 33)))
    few = shapes32(60, seed=2**40, start=10**9, epoch=3)
    return {
        "shapes32 train": sha256(train.images, train.labels.byte()),
        "shapes32 test": sha256(test.images, test.labels.byte()),
        "shapes32 far on": sha256(few.images),
        "factors": sha256(*few.factors),
        "cluttered": sha256(*cluttered(digits.images, digits.labels, n=100, seed=0)),
        "occluded": sha256(*occluded(few.images, few.labels, digits.images, digits.labels, seed=0)),
        "mnist5k": sha256(digits.images, digits.labels),
        "neighbours": sha256(neighbour_labels(digits.images, digits.labels, k=5)),
    }


if __name__ == "__main__":
    found, mnist5k = [], load("mnist5k", "test")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(digests(mnist5k))
    print(json.dumps(found))
