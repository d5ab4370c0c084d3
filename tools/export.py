# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Write the per-frame network of a tracker as an ONNX file, for one crop and fixed shapes.

From the crop to the score maps and proposals of both stages, with the target's models as inputs;
docs/export.md describes them and says what stays in PyTorch. The file is run once with onnxruntime
and compared with PyTorch before it is put in place.

Needs: pip install -r requirements/export.txt
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tlpg_tools.command_line import command, describe


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = describe(
        __doc__,
        'tools/export.py configs/tlpg/tlpg_efflite0_small.py --out model.onnx',
    )
    parser.add_argument('config', type=Path, help='config of a TLPG model')
    parser.add_argument(
        '--checkpoint', help='trained weights (default: those shipped for the config)'
    )
    parser.add_argument('--out', type=Path, required=True, help='file to write, ending in .onnx')
    return parser.parse_args(arguments)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Export."""
    args = parse_args(arguments)
    # After --help: these take seconds.
    from tlpg_tools.onnx_file import export_onnx

    from tlpg_mmtrack import Tracker

    model = Tracker.from_pretrained(args.config, args.checkpoint, device='cpu').model
    differences = export_onnx(model, args.out)
    name = max(differences, key=differences.get)
    print(
        f'wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB; onnxruntime against PyTorch: '
        f'largest relative difference {differences[name]:.0e} ({name})'
    )


if __name__ == '__main__':
    sys.exit(main())
