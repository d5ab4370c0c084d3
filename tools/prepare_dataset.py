# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Check a downloaded benchmark and write mmtrack's list of its videos. Downloads nothing.

Every missing or malformed file is named, and nothing is written then.

Exit code 1: with --partial, videos were left out.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tlpg_tools.command_line import BAD_INPUT, LEFT_OUT, command, describe

import tlpg_mmtrack
from tlpg_mmtrack.utils.atomic_write import write_text
from tlpg_mmtrack.utils.box_files import read_boxes, read_lines
from tlpg_mmtrack.utils.errors import InputError

_HEADER = (
    'The format of each line in this txt is '
    '(video_path,annotation_path,start_frame_id,end_frame_id)'
)
_SHOWN_FRAMES = 5
#: Numbers of videos of the benchmarks whose own files name them.
VIDEOS = {'GOT-10k': 180, 'TrackingNet': 511}
#: Boxes of OTB-100 before the first frame that is tracked: mmtrack's reader drops them.
_SKIPPED_BOXES = {'Tiger1': 5}


@dataclass(frozen=True)
class ListedVideo:
    """One line of mmtrack's list."""

    frames: str  #: Folder of the frames.
    boxes: str  #: File of the annotations.
    first: int  #: Number in the name of the first frame.
    last: int  #: Number in the name of the last frame.

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.last - self.first + 1


@dataclass
class Findings:
    """The outcome of a check."""

    videos: list[ListedVideo] = field(default_factory=list)  #: Those that are complete.
    #: What is wrong, each naming a file or folder.
    problems: list[str] = field(default_factory=list)

    def check(
        self,
        root: Path,
        frames: str,
        boxes: str,
        template: str,
        first: int = 1,
        last: int | None = None,
        lines: int | None = None,
        flags: Iterable[tuple[str, str | None, int]] = (),
        **rules: bool,
    ) -> None:
        """Check one video.

        Args:
            root: Folder that its paths start from.
            frames: Folder of its frames.
            boxes: File of its boxes.
            template: %-template of the frames' names.
            first: Number of the first frame.
            last: Number of the last one; None for the greatest that there is.
            lines: Number of boxes; None for one a frame.
            flags: Files of one small number a frame, each with what separates them, None for any
                white space, and the greatest that may occur.
            **rules: Options of :func:`check_boxes`.
        """
        last = last_frame(root / frames) if last is None else last
        if last is None:
            self.problems.append(f'{root / frames}: there are no frames; unpack its archive')
            return
        video = ListedVideo(frames, boxes, first, last)
        problems = check_frames(root, video, template)
        problems += check_boxes(root / boxes, lines or video.length, **rules)
        for name, separator, most in flags:
            problems += check_flags(root / name, video.length, separator, most)
        self.problems += problems
        if not problems:
            self.videos.append(video)


def check_got10k(root: Path, split: str = 'test') -> Findings:
    """``test/`` or ``val/`` with ``list.txt`` and a folder for each of 180 videos.

    In ``test`` only the first box of a video is public. In ``val`` every frame has a box, a flag
    for absence, and in 0..8 how much of the target can be seen.
    """
    findings = Findings()
    path = root / split / 'list.txt'
    if not path.is_file():
        findings.problems.append(f'{path}: the file is missing; it names the videos')
        return findings
    names = sorted(path.read_text(encoding='utf-8').split())
    if len(names) != VIDEOS['GOT-10k']:
        findings.problems.append(
            f'{path}: names {len(names)} videos, {split} has {VIDEOS["GOT-10k"]}'
        )
    for name in names:
        folder = f'{split}/{name}'
        known = split == 'val'
        flags = ((f'{folder}/absence.label', None, 1), (f'{folder}/cover.label', None, 8))
        findings.check(
            root,
            folder,
            f'{folder}/groundtruth.txt',
            '%08d.jpg',
            lines=None if known else 1,
            flags=flags if known else (),
        )
    return findings


def check_lasot(root: Path) -> Findings:
    """280 test videos, ``LaSOTBenchmark/airplane/airplane-1/{img,*.txt}``."""
    findings = Findings()
    for (name,) in read_names('lasot_test.txt'):
        folder = f'{name.rpartition("-")[0]}/{name}'
        flags = [(f'{folder}/{flag}.txt', ',', 1) for flag in ('full_occlusion', 'out_of_view')]
        files = f'{folder}/img', f'{folder}/groundtruth.txt', '%08d.jpg'
        findings.check(root / 'LaSOTBenchmark', *files, flags=flags)
    return findings


def check_otb100(root: Path) -> Findings:
    """``data/Basketball/{img,groundtruth_rect.txt}`` and so on, with OTB's exceptions.

    David starts at frame 300, three of the BlurCar videos at the first frame that there is;
    Football1, Freeman3, Freeman4 and Diving end before their last frame. Jogging and Skating2 have
    two targets; of Human4's two files the first is empty. Board's frames have five digits, all
    others' four.
    """
    findings = Findings()
    for folder, boxes, first, last in read_names('otb100.txt'):
        findings.check(
            root,
            f'data/{folder}/img',
            f'data/{folder}/{boxes}',
            f'%0{5 if folder == "Board" else 4}d.jpg',
            int(first),
            int(last),
            lines=int(last) - int(first) + 1 + _SKIPPED_BOXES.get(folder, 0),
            integers=True,
        )
    return findings


def check_trackingnet(root: Path) -> Findings:
    """511 test videos, ``TEST/frames/NAME/0.jpg`` and the first box, ``TEST/anno/NAME.txt``."""
    findings = Findings()
    annotations = root / 'TEST' / 'anno'
    names = sorted(path.stem for path in annotations.glob('*.txt'))
    if len(names) != VIDEOS['TrackingNet']:
        findings.problems.append(
            f'{annotations}: has {len(names)} annotation files, the test set has '
            f'{VIDEOS["TrackingNet"]}'
        )
    for name in names:
        files = f'TEST/frames/{name}', f'TEST/anno/{name}.txt', '%d.jpg'
        findings.check(root, *files, first=0, lines=1)
    return findings


def check_uav123(root: Path) -> Findings:
    """123 targets in 91 folders of frames; a line of NaN says that the target is not shown."""
    findings = Findings()
    for name, folder, first, last in read_names('uav123.txt'):
        files = f'data_seq/UAV123/{folder}', f'anno/UAV123/{name}.txt', '%06d.jpg'
        findings.check(root, *files, int(first), int(last), nan=True)
    return findings


def check_vot2018(root: Path) -> Findings:
    """60 short-term videos, ``data/ants1/{color,groundtruth.txt}``; boxes or quadrilaterals."""
    findings = Findings()
    for (name,) in read_names('vot2018.txt'):
        findings.check(root, f'data/{name}/color', f'data/{name}/groundtruth.txt', '%08d.jpg')
    return findings


#: For each benchmark how it is checked, and the name of its list.
BENCHMARKS = {
    'got10k-test': (check_got10k, 'got10k_test_infos.txt'),
    'got10k-val': (lambda root: check_got10k(root, 'val'), 'got10k_val_infos.txt'),
    'lasot': (check_lasot, 'lasot_test_infos.txt'),
    'otb100': (check_otb100, 'otb100_infos.txt'),
    'trackingnet': (check_trackingnet, 'trackingnet_test_infos.txt'),
    'uav123': (check_uav123, 'uav123_infos.txt'),
    'vot2018': (check_vot2018, 'vot2018_infos.txt'),
}


def write_list(path: Path, videos: Sequence[ListedVideo]) -> None:
    """Write mmtrack's list of videos."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f'{video.frames},{video.boxes},{video.first},{video.last}' for video in videos)
    write_text(path, '\n'.join((_HEADER, *lines)))


def read_names(name: str) -> list[list[str]]:
    """The rows of a list in the package's ``datasets/lists/``, each split at its spaces."""
    text = (Path(tlpg_mmtrack.__file__).parent / 'datasets' / 'lists' / name).read_text(
        encoding='utf-8'
    )
    return [line.split() for line in text.splitlines()]


def check_frames(root: Path, video: ListedVideo, template: str) -> list[str]:
    """Say which frames are missing."""
    folder = root / video.frames
    if not folder.is_dir():
        return [f'{folder}: the folder is missing']
    present = {path.name for path in folder.iterdir()}
    names = [template % number for number in range(video.first, video.last + 1)]
    missing = [name for name in names if name not in present]
    if not missing:
        return []
    more = len(missing) - _SHOWN_FRAMES
    rest = f' and {more} more' if more > 0 else ''
    return [
        f'{folder}: {len(missing)} of {len(names)} frames are missing: '
        f'{", ".join(missing[:_SHOWN_FRAMES])}{rest}'
    ]


def last_frame(folder: Path) -> int | None:
    """The greatest number that names a frame, ``00000012.jpg``; None without any."""
    if not folder.is_dir():
        return None
    numbers = [int(path.stem) for path in folder.glob('*.jpg') if path.stem.isdigit()]
    return max(numbers, default=None)


def check_boxes(path: Path, expected: int, nan: bool = False, integers: bool = False) -> list[str]:
    """Say what is wrong with an annotation file, for mmtrack's readers, too.

    Args:
        path: The file, one line a frame.
        expected: Number of lines that it must have.
        nan: Whether a line of NaN may say that the target is absent.
        integers: Whether the numbers must be integers, which is all that mmtrack's reader of OTB
            understands. Its others understand commas alone.
    """
    try:
        boxes = read_boxes(path)
        lines = read_lines(path)
        if not integers:
            np.loadtxt(io.StringIO(path.read_text(encoding='utf-8')), delimiter=',')
    except FileNotFoundError:
        return [f'{path}: the file is missing']
    except InputError as error:
        return [str(error)]
    except (OSError, ValueError) as error:
        return [f'{path}: cannot be read ({error})']
    if len(boxes) != expected:
        return [f'{path}: has {len(boxes)} lines, but {expected} are expected']
    wrong = ~np.isfinite(boxes).all(axis=1) if not nan else np.zeros(len(boxes), dtype=bool)
    if integers:
        wrong |= np.array([re.search(r'[^-+\d,;\s]', line) is not None for line in lines])
    if wrong.any():
        index = int(wrong.argmax())
        kind = 'whole numbers' if integers else 'numbers'
        return [f'{path}: line {index + 1} must be {kind}, is {lines[index][:60]!r}']
    return []


def check_flags(path: Path, expected: int, separator: str | None, most: int) -> list[str]:
    """Say what is wrong with a file of so many numbers in 0..most."""
    try:
        values = path.read_text(encoding='utf-8').strip().split(separator)
    except FileNotFoundError:
        return [f'{path}: the file is missing']
    if len(values) != expected:
        return [f'{path}: has {len(values)} values, but {expected} are expected']
    wrong = [value for value in values if not value.strip().isdigit() or int(value) > most]
    return [f'{path}: {wrong[0]!r} is not a number in 0..{most}'] if wrong else []


@command()
def main(arguments: Sequence[str] | None = None) -> int:
    """Check a benchmark, and write its list; the exit code."""
    parser = describe(__doc__)
    parser.epilog = 'docs/evaluation.md shows where each benchmark is expected.'
    parser.add_argument('name', choices=sorted(BENCHMARKS), help='the benchmark')
    parser.add_argument('root', type=Path, help='its folder, such as data/OTB100')
    parser.add_argument(
        '--partial',
        action='store_true',
        help='list the complete videos although others are not; figures over them are not '
        "the benchmark's",
    )
    args = parser.parse_args(arguments)
    if not args.root.is_dir():
        raise InputError(
            f'root: {args.root} is not a folder; pass the one that holds the benchmark'
        )
    check, list_name = BENCHMARKS[args.name]
    findings = check(args.root)
    for problem in findings.problems:
        print(problem)
    path = args.root / 'annotations' / list_name
    frames = sum(video.length for video in findings.videos)
    print(
        f'{args.name}: {len(findings.videos)} videos with {frames} frames are complete; '
        f'{len(findings.problems)} problems'
    )
    if not findings.videos or (findings.problems and not args.partial):
        print(f'{path} was not written')
        return BAD_INPUT
    write_list(path, findings.videos)
    print(f'wrote {path}')
    return LEFT_OUT if findings.problems else 0


if __name__ == '__main__':
    sys.exit(main())
