"""Verify every installed distribution against its own RECORD.

The flow shows a parameter, a task mapped over another's result, a user's state and signal, a retry after an error, a
report that is written whatever happened, and the choice of tasks that decide whether the flow succeeded::

    run = flow.run()                        # this environment
    run = flow.run(site=Path("/srv/site"))  # another site-packages folder
    run.state                               # Success, or what went wrong
    run[summary].unwrap()                   # the Report

An option chooses the executor, and with a store the run survives even a killed process::

    statesig run statesig.examples.packages --executor processes --store runs.db
    statesig resume statesig.examples.packages RUN --executor threads --store runs.db

For this, arguments and results must be typed and pickle, and a task must read nothing but its arguments.
"""

import base64
import csv
import hashlib
import os
import sys
from pathlib import Path

from pydantic import BaseModel
from typing_extensions import override

from statesig import (
    FAIL,
    RETRY,
    SKIP,
    AnyState,
    Flow,
    Signal,
    Skipped,
    Success,
    ValidationFailed,
    all_finished,
    states_of,
    task,
)

__all__ = ["DAMAGED", "Damaged", "Distribution", "Report", "Verified", "distributions", "flow", "report", "verify"]


class Damaged(ValidationFailed):
    """A distribution whose files differ from its RECORD; a further attempt would not change that.

    Args:
        distribution: Its name.
        changed: The files with another hash or size, by their paths in RECORD.
        missing: The files that do not exist.
    """

    retryable: bool = False
    distribution: str
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class DAMAGED(Signal[Damaged]):
    """Raise it for a distribution that differs from its RECORD."""


class Distribution(BaseModel, frozen=True):
    """An installed distribution.

    Args:
        name: Its name in the folder's spelling, ``typing_extensions``.
        version: Its version in the folder's spelling, empty if the folder has none.
        info: Its ``.dist-info`` folder, or the ``.egg-info`` of an older one.
    """

    name: str
    version: str
    info: Path

    @override
    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


class Verified(BaseModel, frozen=True):
    """A distribution whose files all match its RECORD.

    Args:
        name: Its name.
        version: Its version.
        files: The number of compared files, which are those with a hash.
        bytes: Their total size.
    """

    name: str
    version: str
    files: int
    bytes: int


class Report(BaseModel, frozen=True):
    """The outcome for all distributions.

    Args:
        verified: The number of undamaged distributions.
        files: The number of their files.
        bytes: The total size of their files.
        skipped: One sentence for each distribution that was skipped.
        damaged: The states of the damaged ones; a state is a model, so a field may hold it.
        failed: One sentence for each distribution that could not be compared.
    """

    verified: int
    files: int
    bytes: int
    skipped: tuple[str, ...]
    damaged: tuple[Damaged, ...]
    failed: tuple[str, ...]


@task
def distributions(site: Path | None) -> list[Distribution]:
    """Return the distributions in a folder, or in all folders that this interpreter imports from, sorted by name.

    The names come from the folders, since a damaged distribution may have lost its METADATA. An error needs no signal:
    a folder that cannot be listed raises `OSError`, and the task is Failed.
    """
    folders = [entry for entry in sys.path if os.path.isdir(entry or ".")] if site is None else [site]
    found: list[Distribution] = []
    for folder in dict.fromkeys(Path(folder).resolve() for folder in folders):
        for info in folder.iterdir():
            # An interrupted pip leaves folders that begin with a tilde, and ignores them afterwards.
            if info.suffix in (".dist-info", ".egg-info") and not info.name.startswith("~"):
                name, version, *_ = (*info.stem.split("-"), "")
                found.append(Distribution(name=name, version=version, info=info))
    return sorted(found, key=lambda one: (one.name.lower(), one.info))


@task(retries=2, retry_delay=0.2)
def verify(distribution: Distribution) -> Verified:
    """Compare a distribution's files with its RECORD, and return their number and size.

    Each signal is an outcome: SKIP without a RECORD, DAMAGED for a difference, FAIL for an invalid RECORD. A file
    that cannot be read now may be readable in a moment, hence RETRY; after the last attempt the task is Failed,
    with the error as cause.
    """
    changed: list[str] = []
    missing: list[str] = []
    sizes: list[int] = []
    for path, expected, size in _recorded(distribution):
        try:
            digest, length = _measured(distribution.info.parent / path, expected.partition("=")[0])
        except (FileNotFoundError, NotADirectoryError):
            missing.append(path)
        except OSError as exc:
            raise RETRY(f"{distribution}: {path} cannot be read") from exc
        except ValueError as exc:  # a hash that this Python does not have
            raise FAIL(f"{distribution}: {path} cannot be compared", retryable=False) from exc
        else:
            sizes.append(length)
            if digest != expected or size not in ("", str(length)):
                changed.append(path)
    if changed or missing:
        differences = [(changed, "changed"), (missing, "missing")]
        what = ", ".join(f"{_shortened(files)} {how}" for files, how in differences if files)
        raise DAMAGED(
            f"{distribution}: {what}",
            distribution=distribution.name,
            changed=tuple(changed),
            missing=tuple(missing),
        )
    return Verified(name=distribution.name, version=distribution.version, files=len(sizes), bytes=sum(sizes))


@task(trigger=all_finished)
def report(states: list[AnyState[Verified]]) -> Report:
    """Sum up the outcomes of all distributions; its trigger and `states_of` let it run whatever they are."""
    verified: list[Verified] = []
    skipped: list[str] = []
    damaged: list[Damaged] = []
    failed: list[str] = []
    for state in states:
        match state:
            case Skipped():
                skipped.append(state.message or "")
            case Success():
                verified.append(state.unwrap())
            case Damaged():
                damaged.append(state)
            case _:
                failed.append(state.message or "")
    return Report(
        verified=len(verified),
        files=sum(one.files for one in verified),
        bytes=sum(one.bytes for one in verified),
        skipped=tuple(skipped),
        damaged=tuple(damaged),
        failed=tuple(failed),
    )


def _recorded(distribution: Distribution) -> list[tuple[str, str, str]]:
    """Return path, hash and size of each file with a hash, which RECORD itself and compiled files lack.

    `importlib.metadata` is no help: it leaves out missing files, and treats an unreadable RECORD as a missing one.
    """
    try:
        with (distribution.info / "RECORD").open(encoding="utf-8", newline="") as lines:
            rows = [(*row, "", "", "")[:3] for row in csv.reader(lines)]
    except (FileNotFoundError, NotADirectoryError):
        raise SKIP(f"{distribution} has no RECORD") from None
    except OSError as exc:
        raise RETRY(f"{distribution}: its RECORD cannot be read") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise FAIL(f"{distribution}: its RECORD is not valid CSV", retryable=False) from exc
    return [(path, expected, size) for path, expected, size in rows if expected]


def _measured(path: Path, algorithm: str) -> tuple[str, int]:
    """Return a file's hash, in RECORD's notation, and its size in bytes; read it in chunks."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).digest()
        return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}", file.tell()


def _shortened(files: list[str]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"


with Flow("packages") as flow:
    site = flow.parameter("site", Path, default=None)
    found = distributions(site)
    verified = flow.map(verify, found)
    summary = report(states_of(verified))
    # The report always succeeds, so the tasks that it reports on decide, too.
    flow.reference(found, verified, summary)
