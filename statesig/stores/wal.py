"""Tell whether the write-ahead log that a killed process left beside a SQLite file lacks a commit.

After a crash SQLite reads its log up to the first frame whose checksum does not fit, and takes the rest for a
transaction that was never committed. A frame that was damaged since then silently takes back every later commit. The
index beside the log says how many frames were committed: SQLite writes it after it has flushed the log, and it outlives
a process that is killed. Nothing here may write, or ask SQLite.

Formats and locks: https://sqlite.org/walformat.html and https://sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

import os
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
    """Return whether the log that was left beside a SQLite file lacks a committed frame, as far as its index tells.

    False, and the log is not read, while another process has the file open (Linux only: elsewhere that cannot be seen):
    that process has looked when it opened the file. False, too, if there is no whole index, as after the machine itself
    went down.

    Args:
        path: The SQLite file. No connection of this process may be open to it: a process that closes a file loses its
            POSIX locks on it, those of SQLite on the index included.
    """
    index = _index(f"{path}-shm")
    if index is None or index.frames == 0:
        return False
    if _whole_frames(f"{path}-wal", index) >= index.frames:
        return False
    # Another process may have restarted the log meanwhile, or removed it with its index as the last to close the file.
    now = _index(f"{path}-shm")
    return now is not None and now.salts == index.salts


def _index(path: str) -> _Index | None:
    """Return the content of an index; None if it is missing, not whole, of another format, or in use."""
    try:
        with open(path, "rb") as file:
            if _is_in_use(file.fileno()):
                return None
            head, again = file.read(_INDEX_HEAD), file.read(_INDEX_HEAD)
    except OSError:
        return None
    if len(head) < _INDEX_HEAD or head != again:
        return None
    version, page, frames = struct.unpack("=I10xHI", head[:20])
    if version != _FORMAT or struct.unpack("=2I", head[40:]) != _summed((0, 0), sys.byteorder, head[:40]):
        return None
    return _Index(frames, 65536 if page == 1 else page, head[32:40])


_IN_USE_BYTE = 128
"""The byte of the index on which each connection holds a shared lock: SQLite's "dead man switch"."""

_LOCK = "hhqqi"
"""The members of Linux's ``struct flock``: type, whence, start, length, process."""


def _is_in_use(file: int) -> bool:
    """Tell whether another process has the database of an index open."""
    if sys.platform != "linux":
        return False
    import fcntl

    asked = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, _IN_USE_BYTE, 1, 0)
    found: bytes = fcntl.fcntl(file, fcntl.F_GETLK, asked)
    kind: int = struct.unpack(_LOCK, found[: struct.calcsize(_LOCK)])[0]
    return kind != fcntl.F_UNLCK


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
    """Return SQLite's checksum of a multiple of 8 bytes, continued from the checksum of the bytes before."""
    words: Iterable[int] = iter(struct.unpack(f"{'>' if order == 'big' else '<'}{len(raw) // 4}I", raw))
    first, second = sums
    for word, next_word in zip(words, words, strict=True):
        first = (first + word + second) & 0xFFFFFFFF
        second = (second + next_word + first) & 0xFFFFFFFF
    return first, second
