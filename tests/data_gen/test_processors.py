"""Every set has the same bytes whatever the processor: literal hashes, with the instructions of older processors forced."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data_gen import load

ROOT = Path(__file__).parents[2]
EXPECTED = {
    "shapes32 train": "b3d73fd90b957f0e5ac15a2fb9b663aeb136fadcd9af83a4d7549dfa50e945f6",
    "shapes32 test": "ffa1bc16ce1429b4aaa769b9cf92a66494421f29ec7f1233167d7d43088120e0",
    "shapes32 far on": "00f44588a76f5fa5cca70c4a2e3287671c5dcd03ef7e9139299ad013aa1b52c5",
    "factors": "d2b9f710409c40fd32b7d3ecfadb6d77d85241e069c190133a10ff0bfa3741ab",
    "cluttered": "9e622acfab9dbad2197d8bec8b7b06fe4ea650eadc8d658c24afc8814bfb6498",
    "occluded": "1cc296c1b83bb7a44a6b9055c8dd96e596998c59195146a001bb8417381bcaec",
    "mnist5k": "2b7b5648b566dfc538a7045353fb228d1e9f8e2cb895635f1e8e125f47c59b82",
    "neighbours": "7474d48f04aa31521749120847c74ddb33cc306a00ab500f97d18b61235379c3",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("torch_uses", "mkl_uses", "numpy_lacks", "needed"),
    [
        ("default", "SSE4_2", "X86_V3 X86_V4 AVX512_ICL AVX512_SPR", "sse4_2"),
        ("avx2", "AVX2", "X86_V4 AVX512_ICL AVX512_SPR", "avx2"),
        ("avx512", "AVX512", "", "avx512_f"),
    ],
)
def test_the_bytes_are_the_same_whatever_the_processor(torch_uses, mkl_uses, numpy_lacks, needed):
    if not torch.cpu.get_capabilities().get(needed):
        pytest.skip(f"THIS PROCESSOR HAS NO {needed}: its instructions were not tested")
    forced = {"ATEN_CPU_CAPABILITY": torch_uses, "MKL_ENABLE_INSTRUCTIONS": mkl_uses, "PYTHONPATH": str(ROOT)}
    script = Path(__file__).with_name("digests.py")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | forced | {"NPY_DISABLE_CPU_FEATURES": numpy_lacks},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    one_thread, two_threads = json.loads(done.stdout)
    assert one_thread == EXPECTED
    assert two_threads == EXPECTED


@pytest.mark.slow
def test_what_load_says_of_shapes32_is_the_hash_of_its_bytes():
    for split in ("train", "test"):
        assert load("shapes32", split).source.sha256 == EXPECTED[f"shapes32 {split}"]
