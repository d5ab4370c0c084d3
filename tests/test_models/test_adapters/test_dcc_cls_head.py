# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""DCCClsHead: when it learns, and which options it takes."""

from __future__ import annotations

import pytest
import torch
from mixed_models import build
from mmengine.registry import init_default_scope

from tlpg_mmtrack.models.adapters import DCCClsHead

BOX = torch.tensor([144.0, 144.0, 64.0, 64.0])


def dcc_head(options: dict) -> DCCClsHead:
    """A narrow one."""
    init_default_scope('mmtrack')
    head = dict(type='DCCHead', in_channels=16, feat_channels=16)
    test_cfg = dict(img_sample_size=288)
    config = dict(type='DCCClsHead', head=head, options=options, test_cfg=test_cfg)
    return build(config).eval()


@torch.no_grad()
def test_it_learns_from_sure_frames_when_that_is_due_or_was_missed() -> None:
    head = dcc_head(dict(update_interval=3))
    maps = torch.randn(3, 16, 18, 18, generator=torch.Generator().manual_seed(0))
    head.init_classifier(maps, BOX.repeat(3, 1))

    def scores() -> torch.Tensor:
        return head.predict((maps[:1],), [], BOX, torch.zeros(2), torch.ones(1))[1]

    changed = []
    # Frame 4, where it was due, was lost: it is made up for at the second good frame after it.
    for frame in (2, 3, 5, 6, 7, 8):
        before = scores()
        head.update_classifier(BOX, frame_num=frame)
        changed.append(not torch.equal(scores(), before))
    assert changed == [False, False, False, True, True, False]


def test_an_option_that_is_not_the_slot_s_is_refused() -> None:
    with pytest.raises(ValueError, match=r'DCCClsHead: options must be .*first_iters.*crop_size'):
        dcc_head(dict(crop_size=288))
