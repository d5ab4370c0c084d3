# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A folder of tracking results, which belongs to one model and one set of data.

::

    results/
      manifest.json     what the results belong to, and every run that added to them
      videos/<name>.json  one video: regions, times, and the ground truth
      summary.json      the figures of the last whole evaluation
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tlpg_mmtrack.utils.atomic_write import write_text
from tlpg_mmtrack.utils.errors import InputError

try:
    import fcntl
except ImportError:  # Not on Windows: two runs on one folder are then not noticed.
    fcntl = None

_SHOWN_DIFFERENCES = 5


@dataclass(frozen=True)
class VideoResult:
    """What was tracked in one video; plain numbers, as they are written.

    Attributes:
        name: The video's name, unique in its data set.
        size: (width, height) of the frames.
        regions: For each frame 4 numbers, (x1, y1, x2, y2) in pixels; or, in VOT's protocol, a
            single one that says that the frame was a start, a failure or skipped.
        truth: For each frame the true region, 4 numbers (x1, y1, x2, y2) or 8, four corners; only
            of the first frame where the data set gives no more.
        visible: For each frame whether the target can be seen.
        times: For each frame the seconds that tracking took, reading the image not included.
        fingerprint: What :func:`data_fingerprint` says of the data that it was tracked on; None
            where that is not known.
    """

    name: str
    size: tuple[int, int]
    regions: list[list[float]]
    truth: list[list[float]]
    visible: list[bool]
    times: list[float]
    fingerprint: str | None = None

    def can_be_of(self, fingerprint: str | None) -> bool:
        """Whether it can be of data of this fingerprint; where one is not known it can."""
        return None in (self.fingerprint, fingerprint) or self.fingerprint == fingerprint


class ResultsFolder:
    """Reads and writes the results of one run, which may be interrupted and go on.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._videos = self.path / 'videos'

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.path / 'manifest.json'

    def prepare(self, identity: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
        """Make the folder, or check that what it holds belongs to this run; note the run.

        Args:
            identity: What decides the results: config, weights, seed. Values that JSON has.
            run: What does not decide them but is worth noting: versions, hardware.

        Returns:
            Names of what differs between this run's ``run`` and the last one's.

        Raises:
            InputError: If the folder holds results of another identity or of none, or cannot be
                written to.
        """
        identity = json.loads(json.dumps(identity))
        manifest = self._read_manifest()
        if manifest is None:
            manifest = dict(format=1, identity=identity, runs=[])
            if self._videos.is_dir() and any(self._videos.glob('*.json')):
                raise InputError(
                    f'results: {self.path} holds results without a manifest.json, so that nobody '
                    'knows what they belong to; pass another folder, or remove this one'
                )
        differences = _differences(manifest['identity'], identity)
        if differences:
            shown = '; '.join(differences[:_SHOWN_DIFFERENCES])
            more = len(differences) - _SHOWN_DIFFERENCES
            raise InputError(
                f'results: {self.path} belongs to another config, checkpoint or seed, and is not '
                f'mixed with this one: {shown}{f"; and {more} more" if more > 0 else ""}. Pass '
                'another folder, or remove this one'
            )
        run = json.loads(json.dumps(run))
        last = manifest['runs'][-1] if manifest['runs'] else run
        self._make()
        manifest['runs'].append(run)
        write_text(self.manifest_path, json.dumps(manifest, indent=1) + '\n')
        return _differences(
            {key: value for key, value in last.items() if key != 'started'},
            {key: value for key, value in run.items() if key != 'started'},
        )

    def lock(self) -> AbstractContextManager:
        """Keep other runs off the folder while the context lasts; the end of the process ends it.

        Raises:
            InputError: If another run has it.
        """
        self._make()
        if fcntl is None:
            return nullcontext()
        file = open(self.path / '.lock', 'w')  # noqa: SIM115 - the caller's context closes it
        try:
            # Not flock, whose lock a data loader's forked process would keep after a kill.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.close()
            raise InputError(
                f'results: another run is writing to {self.path}; wait for it, or pass another '
                'folder'
            ) from error
        return file

    def write(self, result: VideoResult) -> None:
        """Write one video's result, whole or not at all.

        Raises:
            InputError: If it cannot be written; it names the file.
        """
        # A NaN that a tracker answered is written as it is, for the evaluation to report.
        write_text(self._file(result.name), json.dumps(asdict(result)) + '\n')

    def read(self, name: str) -> VideoResult:
        """Read one video's result.

        Raises:
            FileNotFoundError: If there is none.
            InputError: If the file is damaged; it names the file.
        """
        path = self._file(name)
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            # One written by an earlier version has no fingerprint.
            known = [field.name for field in fields(VideoResult) if field.name in content]
            result = VideoResult(**{key: content[key] for key in known})
            lengths = {len(result.regions), len(result.visible), len(result.times)}
            if result.name != name or len(lengths) != 1:
                raise InputError(f'it is of {result.name!r}, with lists of lengths {lengths}')
        except FileNotFoundError:
            raise
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise InputError(
                f'results: {path} is damaged ({type(error).__name__}: {error}); remove it, and '
                'run the same command again'
            ) from error
        return result

    def finished(self) -> set[str]:
        """Names of the videos whose result is there and can be read."""
        names = set()
        for path in self._videos.glob('*.json'):
            try:
                names.add(self.read(path.stem).name)
            except InputError:
                continue
        return names

    def other_data(self, name: str) -> InputError:
        """The error for a finished video whose data are no longer those it was tracked on."""
        return InputError(
            f'results: {self.path} holds {name!r} of other data: its frames or its true boxes '
            f'have changed since it was tracked; remove {self._file(name)} to track it again, or '
            'pass another folder'
        )

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the figures of a whole evaluation."""
        write_text(self.path / 'summary.json', json.dumps(summary, indent=1) + '\n')

    def _file(self, name: str) -> Path:
        if not name or name.startswith('.') or any(mark in name for mark in '/\\:'):
            raise InputError(
                f'results: {name!r} cannot be a file name; rename the video, without / \\ : and '
                'a leading dot'
            )
        return self._videos / f'{name}.json'

    def _make(self) -> None:
        try:
            self._videos.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f'results: the folder {self._videos} cannot be made ({error.strerror}); pass '
                'another folder'
            ) from error
        if not os.access(self._videos, os.W_OK):
            raise InputError(f'results: {self._videos} is read-only; pass another folder')

    def _read_manifest(self) -> dict[str, Any] | None:
        try:
            manifest = json.loads(self.manifest_path.read_text(encoding='utf-8'))
            if manifest['format'] != 1 or not isinstance(manifest['runs'], list):
                raise InputError(f'format {manifest["format"]!r} is not known')
            if not isinstance(manifest['identity'], dict):
                raise InputError('it names no identity')
            return manifest
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f'results: {self.manifest_path} is damaged or of another version ({error}); pass '
                'another folder, or remove this one'
            ) from error


def _differences(old: Any, new: Any, path: str = '') -> list[str]:
    """Where two JSON values differ, each as 'a.b was 1, is 2'."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = dict.fromkeys([*old, *new])
        return [
            difference
            for name in names
            for difference in _differences(
                old.get(name, 'absent'), new.get(name, 'absent'), f'{path}.{name}'
            )
        ]
    return [] if old == new else [f'{path.lstrip(".")} was {_short(old)}, is {_short(new)}']


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
