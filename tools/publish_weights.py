# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Turn training checkpoints into the small file that is shipped, with its manifest.

Keeps the weights only, as float16, without the optimiser's state; a frozen backbone is not in the
checkpoint to begin with. The first checkpoint gives all of its weights, each further one the parts
that its run trained, those not in its config's `frozen_modules`; together they must make up the
whole model. The initial offset kernel of --offsets, and the scalars of its optimiser, go into
every stage: a second stage's features start as the first one's. Beside the .safetensors file lies
a .json with its SHA-256, the config's name and the training's seed; `Tracker.from_pretrained()`
verifies them. Weights that are there already stay, unless --overwrite is given.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tlpg_tools.command_line import command, describe

from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from tlpg_mmtrack.utils.checkpoint import WeightsManifest


OFFSETS = ('initial_affine', 'initial_free', 'learner.offset_optimizer.')
"""What names of a stage's weights begin with that say where and how offset kernels are learned."""


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = describe(
        __doc__,
        'tools/publish_weights.py configs/tlpg/tlpg_efflite0_small.py '
        'work_dirs/tlpg_efflite0_small_iou/epoch_20.pth '
        'work_dirs/tlpg_efflite0_small_regression/epoch_20.pth',
    )
    parser.add_argument('config', type=Path, help='the config of the whole model')
    parser.add_argument(
        'checkpoints', type=Path, nargs='+', help="training runs' .pth files", metavar='checkpoint'
    )
    parser.add_argument(
        '--offsets', type=Path, help="a training's .pth file, of tlpg_efflite0_small_offsets.py"
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path(__file__).resolve().parents[1] / 'tlpg_mmtrack' / 'weights',
        help='folder to write to (default: where the package looks)',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace weights of that name, as the shipped ones',
    )
    return parser.parse_args(arguments)


def trained_weights(path: Path) -> dict[str, Tensor]:
    """The weights of one checkpoint that its run trained.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is no checkpoint, or not of a training.
    """
    import torch
    from mmengine.config import Config

    from tlpg_mmtrack.utils.checkpoint import read_weights

    weights = read_weights(path)
    try:
        text = torch.load(path, map_location='cpu', weights_only=True)['meta']['cfg']
    except Exception as error:  # Of a file that is no .pth, torch.load raises nearly anything.
        raise InputError(
            f'checkpoint: {path} does not say what its run trained ({type(error).__name__}); pass '
            'what tools/train.py wrote'
        ) from error
    frozen = Config.fromstring(text, '.py').model.get('frozen_modules', ())
    prefixes = tuple(f'{name}.' for name in frozen)
    return {name: value for name, value in weights.items() if not name.startswith(prefixes)}


def offset_weights(path: Path, names: Iterable[str]) -> dict[str, Tensor]:
    """What a training of the initial offset kernel gives every stage among the names.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is no checkpoint, or has no stage.
    """
    from tlpg_mmtrack.utils.checkpoint import read_weights

    prefixes = tuple(f'head.{name}' for name in OFFSETS)
    offsets = {
        stage + name: value
        for name, value in read_weights(path).items()
        for stage in ('', 'refiner.')
        if name.startswith(prefixes) and stage + name in names
    }
    if not offsets:
        raise InputError(
            f'--offsets: {path} has no initial offset kernel; pass what '
            'tlpg_efflite0_small_offsets.py trained'
        )
    return offsets


def save_weights(
    state_dict: Mapping[str, Tensor], path: Path, config: str, seed: int, half: bool = True
) -> WeightsManifest:
    """Write a ``.safetensors`` file and its manifest, both or neither.

    ``config`` is the name of the one that the weights were trained with, ``seed`` that training's;
    with ``half`` floating-point weights are stored as float16.
    """
    from safetensors.torch import save_file

    from tlpg_mmtrack.utils.checkpoint import WeightsManifest, file_sha256

    stored = {
        key: (value.half() if half and value.is_floating_point() else value)
        .cpu()
        .clone()
        .contiguous()
        for key, value in state_dict.items()
    }
    # Both are written before either is put in place: one of a pair would not fit the other.
    with atomic_write(path.with_suffix('.json')) as note, atomic_write(path) as part:
        save_file(stored, part)
        part.chmod(0o644)  # safetensors makes it readable to the owner alone
        manifest = WeightsManifest(file_sha256(part), config, seed)
        note.write_text(json.dumps(asdict(manifest), indent=2) + '\n')
    return manifest


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Convert checkpoints, and say what was written."""
    args = parse_args(arguments)
    # After --help: these take seconds.
    from mmengine.registry import init_default_scope

    # First: it makes mmtrack importable.
    from tlpg_mmtrack.utils.checkpoint import read_weights
    from tlpg_mmtrack.utils.config import read_config

    # isort: split
    from mmtrack.registry import MODELS

    path = args.out / f'{args.config.stem}.safetensors'
    for written in (path, path.with_suffix('.json')):
        if written.exists() and not args.overwrite:
            raise InputError(
                f'--out: {written} is there already; pass --overwrite to replace it, or another '
                'folder with --out'
            )
    config = read_config(args.config)
    weights = read_weights(args.checkpoints[0])
    for checkpoint in args.checkpoints[1:]:
        weights.update(trained_weights(checkpoint))
    if args.offsets is not None:
        weights.update(offset_weights(args.offsets, weights))
    init_default_scope('mmtrack')
    missing = MODELS.build(config.model).state_dict().keys() ^ weights.keys()
    if missing:
        raise InputError(
            f'checkpoint: the weights are not those of {args.config.name}: {sorted(missing)[:5]} '
            f'... ({len(missing)}); pass the checkpoint of every part'
        )
    args.out.mkdir(parents=True, exist_ok=True)
    manifest = save_weights(weights, path, args.config.stem, config.randomness.seed)
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {manifest.sha256}')


if __name__ == '__main__':
    sys.exit(main())
