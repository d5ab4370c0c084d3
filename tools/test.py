# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Test and evaluate a model: mmtrack's own tool, made to run on a current stack.

Usage: python tools/test.py CONFIG [--checkpoint] FILE [--work-dir DIR] [--repeat N]
    [--launcher pytorch] [--cfg-options KEY=VALUE ...]

That the checkpoint may also follow the config, as in MMDetection, is ours: MIM calls it so. A
relative path is taken from the current folder.

--repeat N runs the test N times, 2 or more, with the seeds randomness.seed, randomness.seed + 1
and so on (0 where the config has none), and prints mean and spread of every figure. The seed
decides how TLPG's first frame is augmented, and what other models draw. Run K has the folder
DIR/seedK, with its own results, manifest and log: each goes on where it stopped, and a larger N
adds runs to those that are there. DIR/repeats.json has the figures. The config's test_cfg must be
a ResumableTestLoop without results_dir.

All other options are those of mmtrack's tool:
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tlpg_tools import mmtrack_tool
from tlpg_tools.command_line import command

# A data loader's spawned process imports this file, and then finds mmtrack importable too.
from tlpg_mmtrack.utils.atomic_write import write_text
from tlpg_mmtrack.utils.errors import InputError

#: In every table's and file's ``spread``.
SPREAD = 'standard deviation of a sample (divided by the number of runs less one)'


def name_checkpoint(arguments: list[str]) -> list[str]:
    """The command line with ``--checkpoint`` before a checkpoint that follows the config."""
    if len(arguments) > 1 and not any(argument.startswith('-') for argument in arguments[:2]):
        return [arguments[0], '--checkpoint', *arguments[1:]]
    return arguments


@command(resume='with ResumableTestLoop the same command goes on')
def main() -> None:
    """Hand over to mmtrack's tool, once or as often as `--repeat` says."""
    from tlpg_tools.allocator import keep_freed_memory

    keep_freed_memory()
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--repeat', type=int)
    args, rest = parser.parse_known_args()
    if '-h' in rest or '--help' in rest:
        print(__doc__)
    sys.argv[1:] = name_checkpoint(rest)
    tool = mmtrack_tool.load_mmtrack_tool('test.py')
    check_checkpoint(mmtrack_tool.options_of(tool).checkpoint)
    if args.repeat is None:
        tool.main()
    else:
        repeat(tool, args.repeat)
    mmtrack_tool.leave_process_group()


def check_checkpoint(checkpoint: str | None) -> None:
    """Refuse a file that is damaged or not there, before anything is built.

    Args:
        checkpoint: What the command line names; a URL is not looked at.

    Raises:
        InputError: If it is not there, truncated, altered or no checkpoint.
    """
    # mmengine reads more, such as https:// and tlpg://.
    if checkpoint and ':' not in checkpoint:
        from tlpg_mmtrack.utils.checkpoint import read_weights

        read_weights(Path(checkpoint))


def repeat(tool: ModuleType, count: int) -> None:
    """Run mmtrack's tool with one seed after the other, then print mean and spread.

    Args:
        tool: The module of mmtrack's tool.
        count: Number of runs.

    Raises:
        InputError: If the number or the config does not allow it, or the runs do not fit together.
    """
    from mmengine.config import Config
    from mmengine.dist import is_main_process

    options = tool.parse_args()
    config = Config.fromfile(options.config)
    config.merge_from_dict(options.cfg_options or {})
    check_repeatable(config, count)
    name = Path(options.config).stem
    folder = Path(options.work_dir or config.get('work_dir') or f'work_dirs/{name}')
    first = (config.get('randomness') or {}).get('seed') or 0
    runs = {seed: folder / f'seed{seed}' for seed in range(first, first + count)}
    for seed, work_dir in runs.items():
        run = copy.copy(options)
        run.work_dir = str(work_dir)
        # mmengine finds loggers and visualizers by name, and would take the first run's.
        label = f'{name}-seed{seed}'
        run.cfg_options = {
            **(options.cfg_options or {}),
            'randomness.seed': seed,
            'experiment_name': label,
        }
        if config.get('visualizer'):
            run.cfg_options['visualizer.name'] = label
        # Where mmtrack's main looks its options up.
        tool.parse_args = lambda run=run: run
        tool.main()
    if is_main_process():
        results = {seed: work_dir / 'results' for seed, work_dir in runs.items()}
        print(summarise_repeats(folder / 'repeats.json', results))


def check_repeatable(config: dict, count: int) -> None:
    """Look before hours of tracking whether several runs can be told apart and summed up.

    Raises:
        InputError: If they cannot.
    """
    if count < 2:
        raise InputError(f'--repeat: a spread takes 2 runs or more, got {count}')
    loop = config.get('test_cfg') or {}
    if loop.get('type') != 'ResumableTestLoop':
        raise InputError(
            f"--repeat: the config's test_cfg is {loop.get('type')!r}, which writes no results to "
            'sum up; pass one with ResumableTestLoop and TLPGSOTMetric, such as ..._test-otb100.py'
        )
    if loop.get('results_dir'):
        raise InputError(
            f"--repeat: the config's test_cfg.results_dir, {loop['results_dir']!r}, would be one "
            'folder for all runs; leave it out, and pass --work-dir'
        )


def summarise_repeats(path: Path, runs: Mapping[int, Path]) -> str:
    """Write mean and spread of every figure to a file, and give them as a table.

    Args:
        path: JSON file to write.
        runs: Results folder of each run by its seed, two or more, each with its ``summary.json``.

    Raises:
        InputError: If a run has no summary, or figures or videos differ between runs.
        OSError: If the file cannot be written.
    """
    summaries = {seed: _read_summary(folder) for seed, folder in runs.items()}
    _check_alike(summaries)
    figures = {seed: summary['figures'] for seed, summary in summaries.items()}
    rows = {
        name: _statistics([run[name] for run in figures.values()])
        for name in next(iter(figures.values()))
        if name != 'videos'
    }
    left_out = next(iter(summaries.values()))['left_out']
    content = dict(spread=SPREAD, figures=rows, runs=figures, left_out=left_out)
    write_text(path, json.dumps(content, indent=1) + '\n')
    return _table(rows, list(runs), left_out)


def _read_summary(folder: Path) -> dict[str, Any]:
    path = folder / 'summary.json'
    try:
        summary = json.loads(path.read_text(encoding='utf-8'))
        return dict(figures=dict(summary['figures']), left_out=dict(summary['left_out']))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'repeat: {path} cannot be read ({type(error).__name__}: {error}); run the same '
            'command again'
        ) from error


def _check_alike(summaries: Mapping[int, Mapping[str, Any]]) -> None:
    """Raise where a mean would be of figures that cannot be compared."""
    (first, expected), *others = summaries.items()
    for seed, summary in others:
        there, here = (sorted(each['left_out']) for each in (expected, summary))
        if there != here:
            raise InputError(
                f'repeat: the run of seed {first} left out {there}, that of seed {seed} {here}; '
                'there is no mean over different videos: run the same command again, which tracks '
                'those that are missing'
            )
        if set(summary['figures']) != set(expected['figures']):
            raise InputError(
                f'repeat: the runs of seeds {first} and {seed} have different figures; run the '
                'same command again, which computes all'
            )


def _statistics(values: list[float]) -> dict[str, float]:
    return dict(
        mean=statistics.fmean(values),
        spread=statistics.stdev(values),
        lowest=min(values),
        highest=max(values),
    )


def _table(
    rows: Mapping[str, Mapping[str, float]], seeds: list[int], left_out: Mapping[str, str]
) -> str:
    width = max(len(name) for name in rows)
    columns = ('mean', 'spread', 'lowest', 'highest')
    lines = [
        f'{len(seeds)} runs, seeds {seeds[0]} to {seeds[-1]}; spread: {SPREAD}',
        ' ' * width + ''.join(f'  {column:>8}' for column in columns),
    ]
    for name, row in rows.items():
        lines.append(f'{name:{width}}' + ''.join(f'  {row[column]:8.2f}' for column in columns))
    if left_out:
        lines.append(f'left out in every run: {", ".join(sorted(left_out))}')
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
