# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""configs/mix/tlpg_*: mmdet's and mmtrack's components in TLPG train a step and track a clip."""

from __future__ import annotations

import pytest
import torch
from mixed_models import build, check_track, check_train_step, mix_config, names
from mmtrack.models.track_heads import IouNetHead

from tlpg_mmtrack.models.adapters import MMTrackIoUHead

# Channels of C3, C4, C5 that the backbone has, and of the map that stage 1 searches.
CHANNELS = {
    'tlpg_r50_fpn': ((512, 1024, 2048), 256),
    'tlpg_r50_iou-net-head': ((512, 1024, 2048), 1024),
    'tlpg_swin-t': ((192, 384, 768), 384),
    'tlpg_mobilenet-v2': ((32, 96, 320), 96),
}


@pytest.mark.parametrize('name', names('tlpg'))
def test_it_trains_a_step_and_tracks(name: str) -> None:
    model = build(mix_config(name))
    channels, width = CHANNELS[name]
    assert tuple(model.neck.in_channels) == channels
    assert tuple(model.iou_head.in_channels) == channels[:2]
    assert model.head.in_channels == model.refiner.head.in_channels == width
    check_train_step(name, model, 'backbone', 'neck', 'head', 'refiner', 'iou_head')
    check_track(model)


class TestMMTrackIoUHead:
    """mmtrack's IoU-Net behind the calls of ours."""

    @pytest.fixture
    def head(self) -> MMTrackIoUHead:
        """The configured head for narrow maps."""
        config = mix_config('tlpg_r50_iou-net-head').iou_head
        config.in_channels = (8, 16)
        return build(config).eval()

    @pytest.fixture
    def maps(self) -> tuple[torch.Tensor, ...]:
        """Maps of stride 8 and 16 of one crop of 128 pixels."""
        generator = torch.Generator().manual_seed(0)
        return tuple(
            torch.randn(1, channels, size, size, generator=generator)
            for channels, size in ((8, 16), (16, 8))
        )

    def test_its_boxes_are_ours(self, head, maps) -> None:
        """mmtrack's own head takes (x, y, w, h) there."""
        boxes = torch.tensor([[[30.0, 40.0, 80.0, 70.0], [20.0, 20.0, 90.0, 90.0]]])
        own = torch.tensor([[[30.0, 40.0, 50.0, 30.0], [20.0, 20.0, 70.0, 70.0]]])
        modulation, features = head.modulation(maps, boxes[:, 0]), head.features(maps)
        predicted = head.predict_iou(modulation, features, boxes)
        assert isinstance(head.head, IouNetHead)
        assert predicted.shape == (1, 2)
        assert torch.equal(predicted, head.head.predict_iou(modulation, features, own))

    def test_a_search_raises_the_predicted_iou(self, head, maps) -> None:
        boxes = torch.tensor([[30.0, 40.0, 80.0, 70.0]])
        with torch.no_grad():
            modulation, features = head.modulation(maps, boxes), head.features(maps)
            found = head.search(modulation, features, boxes)
            before, after = (
                head.predict_iou(modulation, features, each[None]) for each in (boxes, found)
            )
        assert found.shape == (1, 4)
        assert after > before

    def test_a_penalty_on_sizes_is_refused_where_it_is_configured(self) -> None:
        config = mix_config('tlpg_r50_iou-net-head')
        config.test_cfg.update(size_penalty=0.3)
        with pytest.raises(ValueError, match=r'TLPG: test_cfg\.size_penalty must be 0 with an MM'):
            build(config)

    def test_wrong_in_dim_is_refused(self) -> None:
        config = mix_config('tlpg_r50_iou-net-head').iou_head
        config.head.in_dim = (8, 32)
        config.in_channels = (8, 16)
        with pytest.raises(ValueError, match=r'IouNetHead: in_dim is \(8, 32\), but .* \(8, 16\)'):
            build(config)
