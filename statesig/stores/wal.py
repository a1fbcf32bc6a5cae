"""Whether the write-ahead log that a process left beside a file of SQLite still holds all that was committed to it.

After a crash SQLite reads its log up to the first frame whose checksum does not fit, and takes what follows for a
transaction that was never committed. A frame that was damaged since would so take back all that was committed after it,
without a word. What was committed is known from the index beside the log, which SQLite writes after the log is flushed,
and which outlives a process that is killed. Nothing here may write, or ask SQLite.

The formats: https://sqlite.org/walformat.html and https://sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["is_log_damaged"]

_FORMAT = 3007000
_LOG_HEAD, _FRAME_HEAD, _INDEX_HEAD = 32, 24, 48

_Sums = tuple[int, int]


class _Index(NamedTuple):
    frames: int
    page: int
    salts: bytes


def is_log_damaged(path: str) -> bool:
    """Return whether the log of a file of SQLite lacks a frame that was committed, as far as its index tells.

    False where there is no index, or it is not whole: after the machine itself went down, say.
    """
    index = _index(f"{path}-shm")
    if index is None or index.frames == 0:
        return False
    if _whole_frames(f"{path}-wal", index) >= index.frames:
        return False
    # Another process may have begun the log anew meanwhile, or removed it with its index as the last one to close it.
    now = _index(f"{path}-shm")
    return now is not None and now.salts == index.salts


def _index(path: str) -> _Index | None:
    """Return what an index says; None where it is not there, not whole, or of another format."""
    try:
        with open(path, "rb") as file:
            head, again = file.read(_INDEX_HEAD), file.read(_INDEX_HEAD)
    except OSError:
        return None
    if len(head) < _INDEX_HEAD or head != again:
        return None
    version, page, frames = struct.unpack("=I10xHI", head[:20])
    if version != _FORMAT or struct.unpack("=2I", head[40:]) != _summed((0, 0), sys.byteorder, head[:40]):
        return None
    return _Index(frames, 65536 if page == 1 else page, head[32:40])


def _whole_frames(path: str, index: _Index) -> int:
    """Return how many frames at the beginning of a log are whole, up to the number that was committed."""
    try:
        with open(path, "rb") as file:
            head = file.read(_LOG_HEAD)
            if len(head) < _LOG_HEAD or head[16:24] != index.salts:
                return 0
            order = "big" if head[3] & 1 else "little"
            sums = _summed((0, 0), order, head[:24])
            if sums != struct.unpack(">2I", head[24:]):
                return 0
            for number in range(index.frames):
                frame = file.read(_FRAME_HEAD + index.page)
                if len(frame) < _FRAME_HEAD + index.page or frame[8:16] != index.salts:
                    return number
                sums = _summed(sums, order, frame[:8] + frame[_FRAME_HEAD:])
                if sums != struct.unpack(">2I", frame[16:24]):
                    return number
    except OSError:
        return 0
    return index.frames


def _summed(sums: _Sums, order: str, raw: bytes) -> _Sums:
    """Return SQLite's checksum of what is a multiple of 8 bytes, which goes on from that of what is before."""
    words: Iterable[int] = iter(struct.unpack(f"{'>' if order == 'big' else '<'}{len(raw) // 4}I", raw))
    first, second = sums
    for word, next_word in zip(words, words, strict=True):
        first = (first + word + second) & 0xFFFFFFFF
        second = (second + next_word + first) & 0xFFFFFFFF
    return first, second
