# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A folder of tracking results, which belongs to one model and one set of data.

::

    results/
      manifest.json       what the results belong to, and every run that added to them
      videos/<name>.json  one video: regions, times, and the ground truth
      summary.json        the figures of the last complete evaluation

Every file is written atomically.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from tlpg_mmtrack.utils.atomic_write import atomic_write, write_text
from tlpg_mmtrack.utils.errors import InputError

from .one_pass import TrackedVideo

SUBMISSIONS = ('got10k', 'trackingnet')
_MOST_NUMBERS = 8  #: Numbers of the longest region, four corners.
_SHORTEST_TIME = 1e-8  #: A time that no clock is too coarse for; GOT-10k's server divides by it.


@dataclass(frozen=True)
class VideoResult:
    """What was tracked in one video; plain numbers, as they are written."""

    name: str  #: The video's name, unique in its data set.
    size: tuple[int, int]  #: (width, height) of the frames.
    #: Of each frame 4 numbers, (x1, y1, x2, y2) in pixels; or, in VOT's protocol, one of
    #: :mod:`~tlpg_mmtrack.compat.vot`'s codes.
    regions: list[list[float]]
    #: Of each frame 4 numbers (x1, y1, x2, y2) or 8, four corners; only of the first frame where
    #: the data set gives no more.
    truth: list[list[float]]
    visible: list[bool]  #: Of each frame whether the target can be seen.
    times: list[float]  #: Of each frame the seconds that tracking took, without reading the image.
    #: :func:`~.provenance.data_fingerprint` of the data; None if not known.
    fingerprint: str | None = None

    def tracked(self) -> TrackedVideo:
        """One pass as the measures take it, with boxes (x, y, width, height)."""
        boxes, truth = (np.array(part, dtype=np.float64) for part in (self.regions, self.truth))
        for part in (boxes, truth):
            part[:, 2:] -= part[:, :2]
        return TrackedVideo(self.name, boxes, truth, np.array(self.visible), self.size)

    def can_be_of(self, fingerprint: str | None) -> bool:
        """Whether it can be of data of this fingerprint; where one is not known it can."""
        return None in (self.fingerprint, fingerprint) or self.fingerprint == fingerprint


class VideoRecord:
    """What is known so far of a video of ``frames`` frames, in arrays of that length.

    Small objects that are kept between frames fragment the memory: the next frame does not fit
    where the last one was, and 20,000 such objects can cost as much as 20,000 frames.
    """

    def __init__(self, frames: int) -> None:
        self.frames = 0
        # Written to, not only asked for: else it becomes resident as the video goes on.
        self._numbers = np.full((2, frames, _MOST_NUMBERS), np.nan, dtype=np.float32)
        self._counts = np.full((2, frames), 0, dtype=np.uint8)
        self._visible, self._times = np.full(frames, False), np.full(frames, np.nan)

    def add(
        self, region: Sequence[float], truth: Sequence[float] | None, visible: bool, time: float
    ) -> None:
        """Note the next frame, as :class:`VideoResult` has it; ``truth`` may be None."""
        frame = self.frames
        for kind, values in enumerate((region, () if truth is None else truth)):
            self._numbers[kind, frame, : len(values)] = values
            self._counts[kind, frame] = len(values)
        self._visible[frame], self._times[frame] = visible, time
        self.frames += 1

    def result(
        self, name: str, size: tuple[int, int], fingerprint: str | None = None
    ) -> VideoResult:
        """The result of the video; see there for the arguments."""
        regions, truth = (
            [row[:count].tolist() for row, count in zip(*part, strict=True) if count]
            for part in zip(self._numbers, self._counts, strict=True)
        )
        visible, times = self._visible.tolist(), self._times.tolist()
        return VideoResult(name, size, regions, truth, visible, times, fingerprint)


class ResultsFolder:
    """Reads and writes the results of one run, which may be interrupted and go on."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest_path = self.path / 'manifest.json'
        self._videos = self.path / 'videos'

    def prepare(self, identity: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
        """Make the folder, or check that what it holds belongs to this run; note the run.

        ``identity`` decides the results: config, weights, seed; ``run`` does not, but is worth
        noting: versions, hardware. Both are values of JSON. Returns how ``run`` differs from the
        last one's; an InputError if the folder holds results of another identity, or cannot be
        written to.
        """
        identity, run = (json.loads(json.dumps(part)) for part in (identity, run))
        self._make()
        manifest = self._read_manifest() or dict(identity=identity, runs=[])
        differences = _differences(manifest['identity'], identity)
        if differences:
            shown = '; '.join(differences[:5])
            raise InputError(
                f'results: {self.path} belongs to another config, checkpoint or seed, and is not '
                f'mixed with this one: {len(differences)} differences, {shown}. Pass another '
                'folder, or remove this one'
            )
        last = manifest['runs'][-1] if manifest['runs'] else run
        manifest['runs'].append(run)
        write_text(self.manifest_path, json.dumps(manifest, indent=1) + '\n')
        return _differences(last | dict(started=''), run | dict(started=''))

    def lock(self) -> AbstractContextManager:
        """Keep other runs off the folder while the context lasts.

        Raises:
            InputError: If another one has it, or the folder cannot be made or written to.
        """
        self._make()
        try:
            return FileLock(self.path / '.lock').acquire(blocking=False)
        except Timeout:
            raise InputError(
                f'results: another run is writing to {self.path}; wait for it, or pass another '
                'folder'
            ) from None
        except OSError as error:
            raise InputError(
                f'results: the folder {self.path} cannot be written to ({error.strerror}); pass '
                'another folder'
            ) from error

    def write(self, result: VideoResult) -> None:
        """Write one video's result; InputError, which names the file, if that fails."""
        # A NaN that a tracker answered is written as it is, for the evaluation to report.
        write_text(self._file(result.name), json.dumps(asdict(result)) + '\n')

    def read(self, name: str) -> VideoResult:
        """Read one video's result; FileNotFoundError if there is none, InputError if damaged."""
        path = self._file(name)
        try:
            result = VideoResult(**json.loads(path.read_text(encoding='utf-8')))
            lengths = {len(result.regions), len(result.visible), len(result.times)}
            if result.name != name or len(lengths) != 1:
                raise InputError(f'it is of {result.name!r}, with lists of lengths {lengths}')
            return result
        except (ValueError, TypeError) as error:
            raise InputError(
                f'results: {path} is damaged ({type(error).__name__}: {error}); remove it, and '
                'run the same command again'
            ) from error

    def finished(self) -> set[str]:
        """Names of the videos whose result is there and can be read."""
        names = set()
        for path in self._videos.glob('*.json'):
            with suppress(InputError):
                names.add(self.read(path.stem).name)
        return names

    def other_data(self, name: str) -> InputError:
        """The error for a finished video whose data are no longer those it was tracked on."""
        return InputError(
            f'results: {self.path} holds {name!r} of other data: its frames or its true boxes '
            f'have changed since it was tracked; remove {self._file(name)} to track it again, or '
            'pass another folder'
        )

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        write_text(self.path / 'summary.json', json.dumps(summary, indent=1) + '\n')

    def _file(self, name: str) -> Path:
        return self._videos / f'{name}.json'

    def _make(self) -> None:
        try:
            self._videos.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f'results: the folder {self._videos} cannot be made ({error.strerror}); pass '
                'another folder'
            ) from error

    def _read_manifest(self) -> dict[str, Any] | None:
        try:
            manifest = json.loads(self.manifest_path.read_text(encoding='utf-8'))
            return dict(identity=dict(manifest['identity']), runs=list(manifest['runs']))
        except FileNotFoundError:
            if not any(self._videos.glob('*.json')):
                return None
            reason = 'is missing although there are results, so that nobody knows whose'
        except (ValueError, KeyError, TypeError) as error:
            reason = f'is damaged ({error})'
        raise InputError(
            f'results: {self.manifest_path} {reason}; pass another folder, or remove this one'
        )


def write_submission(kind: str, path: Path, results: Iterable[VideoResult]) -> None:
    """Write one-pass results as a ``.zip`` archive for a benchmark's server.

    ``'got10k'``: for each video ``V/V_001.txt`` with x,y,w,h of each frame and ``V/V_time.txt``
    with the seconds that it took. ``'trackingnet'``: ``V.txt`` with x,y,w,h of each frame.
    """
    with atomic_write(path) as part, zipfile.ZipFile(part, 'w', zipfile.ZIP_DEFLATED) as archive:
        for result in results:
            boxes = ''.join(
                f'{x1:.4f},{y1:.4f},{x2 - x1:.4f},{y2 - y1:.4f}\n'
                for x1, y1, x2, y2 in result.regions
            )
            if kind == 'trackingnet':
                archive.writestr(f'{result.name}.txt', boxes)
                continue
            times = (f'{max(time, _SHORTEST_TIME):.8f}\n' for time in result.times)
            archive.writestr(f'{result.name}/{result.name}_001.txt', boxes)
            archive.writestr(f'{result.name}/{result.name}_time.txt', ''.join(times))


def _differences(old: dict, new: dict) -> list[str]:
    """Where two JSON objects differ, each as 'a.b was 1, is 2'."""
    was, now = _leaves(old), _leaves(new)
    absent = '"absent"'
    return [
        f'{path.lstrip(".")} was {was.get(path, absent):.60}, is {now.get(path, absent):.60}'
        for path in was | now
        if was.get(path) != now.get(path)
    ]


def _leaves(value: Any, path: str = '') -> dict[str, str]:
    """What a JSON value holds, as text, by its path."""
    if not isinstance(value, dict) or not value:
        return {path: json.dumps(value)}
    return {k: v for name in value for k, v in _leaves(value[name], f'{path}.{name}').items()}
