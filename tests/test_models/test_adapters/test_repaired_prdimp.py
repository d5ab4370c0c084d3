# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The repairs of mmtrack's PrDiMP: each test fails on upstream's class and passes on ours."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from mixed_models import CONFIGS, build, mix_config, train_step, training_batch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmtrack.registry import MODELS
from torch import Tensor, nn

UPSTREAM_CONFIG = 'mmtrack::sot/prdimp/prdimp_r50_8xb10-50e_got10k-lasot-trackingnet-coco_base.py'


def ours_and_upstreams(ours: str, upstreams: str) -> pytest.MarkDecorator:
    """Run a test on both; on upstream's it must fail, or the repair is not needed any more."""
    defect = pytest.mark.xfail(strict=True, raises=AssertionError, reason='mmtrack 1.0.0rc1')
    return pytest.mark.parametrize('name', [ours, pytest.param(upstreams, marks=defect)])


def _head(name: str, filter_size: int = 4, file: str = 'prdimp_r50') -> nn.Module:
    """The classifier of a config, narrower, with random weights."""
    init_default_scope('mmtrack')
    model = Config.fromfile(CONFIGS / f'{file}.py').model
    config = model.cls_head
    config.update(type=name, in_dim=16, out_dim=16, test_cfg=model.test_cfg)
    config.test_cfg.img_sample_size = 288
    config.filter_initializer.update(filter_size=filter_size, feature_dim=16)
    return build(config).eval()


def _maps(count: int, box: tuple[int, int, int, int]) -> Tensor:
    """Noise with another look inside a box (x1, y1, x2, y2) of cells."""
    generator = torch.Generator().manual_seed(0)
    maps = 0.3 * torch.randn(count, 16, 18, 18, generator=generator)
    x1, y1, x2, y2 = box
    maps[:, :, y1:y2, x1:x2] += torch.randn(16, 1, 1, generator=generator)
    return maps


@ours_and_upstreams('RepairedPrDiMPClsHead', 'PrDiMPClsHead')
@torch.no_grad()
def test_a_normal_frame_enters_the_memory(name: str) -> None:
    head = _head(name)
    maps = _maps(3, (7, 7, 11, 11))
    head.init_classifier(maps, torch.tensor([144.0, 144.0, 64.0, 64.0]).repeat(3, 1))
    _, head.memo.sample_feat = head(maps[:1])
    found = torch.tensor([150.0, 140.0, 60.0, 66.0])
    for frame in (2, 3):
        head.update_classifier(found, frame_num=frame, hard_neg_flag=False)
    assert head.memo.num_samples == 5
    assert torch.equal(head.memo.bboxes[3:5], found.repeat(2, 1))
    assert head.memo.sample_weights[:5].sum().item() == pytest.approx(1.0)


@ours_and_upstreams('RepairedPrDiMPClsHead', 'PrDiMPClsHead')
@torch.no_grad()
def test_an_update_that_fell_on_a_lost_frame_is_made_up_for(name: str) -> None:
    head = _head(name)
    maps = _maps(3, (7, 7, 11, 11))
    box = torch.tensor([144.0, 144.0, 64.0, 64.0])
    head.init_classifier(maps, box.repeat(3, 1))
    _, head.memo.sample_feat = head(maps[:1])
    due = head.update_cfg['train_skipping'] + 1
    changed = []
    # The frame at which the first one is due is lost.
    for frame in (due - 1, due + 1, due + 2, due + 3, 2 * due - 1):
        before = head.target_filter.clone()
        head.update_classifier(box, frame_num=frame)
        changed.append(not torch.equal(head.target_filter, before))
    assert changed == [False, False, True, False, True]


@ours_and_upstreams('RepairedPrDiMPClsHead', 'PrDiMPClsHead')
@pytest.mark.parametrize('filter_size', [4, 5])
def test_a_target_is_found_where_the_labels_have_it(name: str, filter_size: int) -> None:
    """Upstream's own labels for a score map, read by the classifier."""
    head = _head(name, filter_size)
    middle = torch.tensor([8.0, 8.0]) if filter_size % 2 else torch.zeros(2)
    place = 16 * torch.tensor([9.0, 7.0]) + middle
    labels = head.filter_optimizer.gen_label_density(
        (place.flip(0) / 16 - (filter_size % 2) / 2).view(1, 1, 2),
        torch.tensor([18, 18]) + (filter_size + 1) % 2,
    )
    crop_center, scale = torch.tensor([200.0, 120.0]), torch.tensor([1.5])
    last_box = torch.tensor([200.0, 120.0, 80.0, 60.0])
    found, state = head.predict_by_feat(labels, last_box, crop_center, scale)
    assert state == 'normal'
    torch.testing.assert_close(found, crop_center + 1.5 * (place - 144))


@torch.no_grad()
def test_sd_optimizer_s_peak_is_read_where_the_target_is() -> None:
    head = _head('RepairedPrDiMPClsHead', filter_size=5, file='prdimp_r50_sd-optimizer')
    maps = _maps(3, (8, 8, 11, 11))
    # The middle of cell 9 is pixel 9 * 16 + 8.
    box = torch.tensor([152.0, 152.0, 48.0, 48.0])
    head.init_classifier(maps, box.repeat(3, 1))
    found, scores, _ = head.predict(
        (maps[:1],), [], torch.tensor([100.0, 100.0, 48.0, 48.0]), torch.zeros(2), torch.ones(1)
    )
    assert scores.max() > 0.5
    torch.testing.assert_close(found, box[:2] - 144)


@ours_and_upstreams(str(CONFIGS / 'prdimp_r50.py'), UPSTREAM_CONFIG)
def test_the_parts_train_at_the_rates_of_the_config(name: str, tmp_path) -> None:
    init_default_scope('mmtrack')
    path = tmp_path / 'config.py'
    path.write_text(f'_base_ = {name!r}\n')
    model = nn.ModuleDict(
        {part: nn.Linear(1, 1) for part in ('backbone', 'classifier', 'bbox_regressor')}
    )
    wrapper = build_optim_wrapper(model, Config.fromfile(path).optim_wrapper)
    rates = {
        id(parameter): group['lr']
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    by_part = {part: rates[id(model[part].weight)] for part in model}
    assert by_part == pytest.approx(dict(backbone=2e-5, classifier=1e-3, bbox_regressor=1e-3))


@ours_and_upstreams('RepairedPrDiMP', 'PrDiMP')
def test_the_neck_is_built_and_learns(name: str) -> None:
    config = mix_config('prdimp_efflite0')
    config.update(type=name, neck=dict(type='BalancedNeck', in_channels=(40, 112)))
    model = build(config)
    _, gradients = train_step(model)
    assert any(gradients[name].any() for name in gradients if name.startswith('neck.'))


@pytest.mark.parametrize('neck', [None, dict(type='BalancedNeck')])
def test_losses_on_stored_features_are_those_on_their_images(neck: dict | None) -> None:
    config = mix_config('prdimp_efflite0_small')
    config.neck = neck
    model = build(config).train()
    inputs, samples = training_batch(model)
    images = dict(template=inputs['img'], search=inputs['search_img'])
    with torch.no_grad():
        # The backbone alone: the neck, a hook on it, comes after what is stored.
        levels = build(mix_config('prdimp_efflite0_small')).eval().backbone
        stored = {
            name: [
                list(level.unflatten(0, batch.shape[:2])) for level in levels(batch.flatten(0, 1))
            ]
            for name, batch in images.items()
        }
        losses = []
        for batch in (inputs, stored):
            torch.manual_seed(0)
            losses.append(model.loss(batch, samples))
    assert losses[0].keys() == losses[1].keys()
    for name, value in losses[0].items():
        torch.testing.assert_close(losses[1][name], value, rtol=1e-4, atol=1e-5)


def test_a_neck_of_one_map_leaves_iou_net_the_backbone_s_first_level() -> None:
    config = mix_config('prdimp_efflite0')
    config.neck = dict(type='BalancedNeck')
    model = build(config).eval()
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first, x = model.backbone(image)
        levels = build(mix_config('prdimp_efflite0')).eval().backbone(image)
        (expected,) = model.neck(levels)
    torch.testing.assert_close(first, levels[0])
    torch.testing.assert_close(x, expected)


def test_a_copy_of_the_model_has_a_neck_of_its_own() -> None:
    config = mix_config('prdimp_efflite0')
    config.neck = dict(type='BalancedNeck')
    model = build(config).eval()
    copied = deepcopy(model)
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in copied.neck.parameters():
            parameter.zero_()
        assert not copied.backbone(image)[1].any()
        assert model.backbone(image)[1].any()


def test_names_of_the_weights_are_upstreams() -> None:
    config = mix_config('prdimp_efflite0')
    ours = build(config).state_dict()
    config.type, config.cls_head.type = 'PrDiMP', 'PrDiMPClsHead'
    assert MODELS.build(config).state_dict().keys() == ours.keys()
