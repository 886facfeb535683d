"""Every random choice is a function of (seed, epoch, stream, index): no state, so no order, batch size or device can change it.

Image `index` owns a SplitMix64 generator (Steele, Lea and Flood 2014) started at a hash of the four; its j-th output is
`words(...)[index, j]`. `below` turns a word into an integer in [0, n), `deck` deals cards without replacement.
Everything here is unsigned 64-bit arithmetic in numpy on the CPU, vectorised over the indices.
"""

from functools import lru_cache

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15  # SplitMix64's increment: 2^64 / golden ratio, odd
MASK = (1 << 64) - 1


def mix(z: np.ndarray) -> np.ndarray:
    """SplitMix64's output function, element-wise and in place on a uint64 array: a bijection that flips about half of the bits."""
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def key(seed: int, epoch: int, stream: str) -> int:
    """One 64-bit number for (seed, epoch, stream); `stream` names the generator, so that two never share their draws."""
    state = 0
    for part in (seed, epoch, int.from_bytes(stream.encode()[:8], "little")):
        state = int(mix(np.array([(state + GOLDEN + (part & MASK)) & MASK], np.uint64))[0])
    return state


def words(seed: int, epoch: int, stream: str, indices: np.ndarray, n_draws: int) -> np.ndarray:
    """The first `n_draws` 64-bit words of each index's own generator: uint64, (len(indices), n_draws)."""
    start = mix(np.uint64(key(seed, epoch, stream)) + np.asarray(indices).astype(np.uint64) * np.uint64(GOLDEN))
    steps = np.arange(1, n_draws + 1, dtype=np.uint64) * np.uint64(GOLDEN)
    return mix(start[:, None] + steps)


def below(word: np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """Integers in [0, n) from the upper 32 bits of each word: int64. The bias of at most n / 2^32 is far below what we can measure."""
    return (((word >> np.uint64(32)) * np.asarray(n).astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def unit(word: np.ndarray) -> np.ndarray:
    """Uniform float64 in [0, 1) from the upper 53 bits of each word."""
    return (word >> np.uint64(11)).astype(np.float64) * 2.0**-53


@lru_cache(maxsize=8)  # a pass over 60,000 digits is shuffled once, not once a batch
def _shuffled(seed: int, epoch: int, stream: str, passes: tuple[int, ...], n_cards: int) -> np.ndarray:
    cards = np.array(passes)[:, None] * n_cards + np.arange(n_cards)
    order = words(seed, epoch, f"{stream[:4]}deck", cards.ravel(), 1)
    return np.argsort(order.reshape(cards.shape), axis=1, kind="stable")


def deck(seed: int, epoch: int, stream: str, indices: np.ndarray, n_cards: int) -> np.ndarray:
    """The card that each index gets from an endless deck of `n_cards`, which is shuffled again after each pass: int64.

    Indices 0 .. n_cards - 1 see every card once, and so do the next n_cards. Independent draws would leave some out: 50,000 of them
    miss nearly half of 60,000 digits.
    """
    passes, positions = np.divmod(np.asarray(indices), n_cards)
    needed, row = np.unique(passes, return_inverse=True)
    return _shuffled(seed, epoch, stream, tuple(needed.tolist()), n_cards)[row, positions]
