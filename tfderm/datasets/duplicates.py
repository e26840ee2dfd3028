"""Photographs that show the same thing under different names.

A perceptual hash (pHash: 64 signs of the low DCT frequencies against their median; Zauner, Implementation and
Benchmarking of Perceptual Image Hash Functions, 2010) proposes pairs, a comparison of pixels (correlation of 32x32
luminance thumbnails) confirms them. Dermoscopy images hash alike, so the share of random pairs of different lesions
that pass the same two tests is measured beside.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tfderm.datasets.corpus import Corpus, Record
from tfderm.errors import InputError
from tfderm.runtime.preprocess import decode, resize

THUMBNAIL = 32

# On HAM10000 (31.8 million pairs of different lesions, pHash distance up to 10) 10,859 pass the hash, 4 of them
# correlate above 0.98 and none above 0.99, as re-encoded or resized copies do.
HASH_DISTANCE = 10
CORRELATION = 0.99
_RANDOM_PAIRS = 1_000_000
_BLOCK = 256


@dataclass(frozen=True)
class Fingerprint:
    """What a photograph is known by, whatever its file is called and however it is stored.

    Args:
        digest: sha256 of the upright image's shape and pixels.
        thumbnail: (32, 32) uint8 luminance of the upright image.
    """

    digest: str
    thumbnail: np.ndarray


def fingerprint(pixels: np.ndarray) -> Fingerprint:
    """The fingerprint of a decoded image, (height, width, 3) uint8."""
    return Fingerprint(
        hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest(),
        np.asarray(Image.fromarray(resize(pixels, (THUMBNAIL, THUMBNAIL))).convert("L")),
    )


def fingerprints(corpus: Corpus, records: Sequence[Record]) -> dict[str, Fingerprint]:
    """Image -> fingerprint of every file that can be read."""
    from tqdm import tqdm

    def read(record: Record) -> Fingerprint | None:
        try:
            return fingerprint(decode(corpus.path(record)))
        except InputError:
            return None

    with ThreadPoolExecutor() as pool:
        found = tqdm(pool.map(read, records), "reading images", len(records), delay=1, leave=False, disable=None)
        return {record.image: one for record, one in zip(records, found, strict=True) if one}


def copies(ours: Sequence[Fingerprint], theirs: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Pairs (i, j) in which `ours[i]` is a copy of `theirs[j]`, sorted.

    A copy has the same pixels, or passes hash and thumbnail after any quarter turn or reflection: who loses the EXIF
    orientation of a photograph turns its pixels.
    """
    if not ours or not theirs:
        return []
    places: dict[str, list[int]] = {}
    for j, one in enumerate(theirs):
        places.setdefault(one.digest, []).append(j)
    pairs = {(i, j) for i, one in enumerate(ours) for j in places.get(one.digest, ())}
    thumbnails = np.array([one.thumbnail for one in ours])
    others = np.array([one.thumbnail for one in theirs])
    hashes, flat = phash(thumbnails), _flat(thumbnails)
    for reflected in (others, others[:, :, ::-1]):
        for quarters in range(4):
            turned = np.rot90(reflected, quarters, axes=(1, 2))
            first, second = _close(hashes, phash(turned))
            alike = _correlation(flat, first, _flat(turned), second) >= CORRELATION
            pairs |= set(zip(first[alike].tolist(), second[alike].tolist(), strict=True))
    return sorted(pairs)


@dataclass(frozen=True)
class NearDuplicates:
    """Outcome of `near_duplicates`.

    Args:
        pairs: (i, j, correlation) of different groups that pass hash and pixels.
        num_candidates: pairs of different groups that pass the hash.
        num_random: random pairs of different groups that were tried.
        random_hash_rate: share of them that passes the hash.
        random_confirmed_rate: share of them that passes hash and pixels.
    """

    pairs: tuple[tuple[int, int, float], ...]
    num_candidates: int
    num_random: int
    random_hash_rate: float
    random_confirmed_rate: float


def near_duplicates(thumbnails: np.ndarray, groups: Sequence[str], seed: int = 0) -> NearDuplicates:
    """Pairs of photographs of different groups that look like copies of one another.

    Args:
        thumbnails: (N, 32, 32) uint8 luminance.
        groups: N names; pairs within one group are expected and not reported.
        seed: of the random pairs.
    """
    count = len(thumbnails)
    ids = np.unique(np.asarray(groups), return_inverse=True)[1]
    if count < 2:
        return NearDuplicates((), 0, 0, 0.0, 0.0)
    hashes, flat = phash(thumbnails), _flat(thumbnails)
    first, second = _close(hashes, hashes)
    different = (first < second) & (ids[first] != ids[second])
    first, second = first[different], second[different]
    correlation = _correlation(flat, first, flat, second)
    keep = np.flatnonzero(correlation >= CORRELATION)
    keep = keep[np.argsort(-correlation[keep], kind="stable")]
    pairs = tuple((int(first[k]), int(second[k]), float(correlation[k])) for k in keep)

    a, b = np.random.default_rng(seed).integers(count, size=(2, _RANDOM_PAIRS))
    different = ids[a] != ids[b]
    a, b = a[different], b[different]
    passed = np.bitwise_count(hashes[a] ^ hashes[b]) <= HASH_DISTANCE
    confirmed = _correlation(flat, a[passed], flat, b[passed]) >= CORRELATION
    total = max(len(a), 1)
    return NearDuplicates(pairs, len(first), len(a), float(passed.sum() / total), float(confirmed.sum() / total))


def phash(thumbnails: np.ndarray) -> np.ndarray:
    """(N, 32, 32) luminance -> (N,) uint64: signs of the 8x8 lowest DCT coefficients against their median."""
    from scipy.fft import dctn

    low = dctn(thumbnails.astype(np.float32), axes=(1, 2))[:, :8, :8].reshape(len(thumbnails), 64)
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def _flat(thumbnails: np.ndarray) -> np.ndarray:
    """(N, 1024) float32 rows of mean 0 and norm 1 (0 where a thumbnail has one colour)."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _close(hashes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All i of `hashes` and j of `others` that differ in at most HASH_DISTANCE bits."""
    found = []
    for start in range(0, len(hashes), _BLOCK):
        distance = np.bitwise_count(hashes[start : start + _BLOCK, None] ^ others[None])
        i, j = np.nonzero(distance <= HASH_DISTANCE)
        found.append(np.stack([i + start, j]))
    first, second = np.concatenate(found, axis=1)
    return first, second


def _correlation(flat: np.ndarray, first: np.ndarray, others: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Row by row, in blocks, since the hash may propose a hundred thousand pairs."""
    blocks = range(0, len(first), 8192)
    values = [np.einsum("nk,nk->n", flat[first[s : s + 8192]], others[second[s : s + 8192]]) for s in blocks]
    return np.concatenate(values) if values else np.zeros(0, np.float32)
