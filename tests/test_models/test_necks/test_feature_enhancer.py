# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""FeatureEnhancer: neutral at first, fully connected, clear about its inputs."""

from __future__ import annotations

import pytest
import torch
from mmengine.model import Sequential
from torch import Tensor, nn

from tlpg_mmtrack.models.necks import FeatureEnhancer

IN_CHANNELS = (6, 10, 12)


def random_inputs(sizes: tuple[int, int, int] = (12, 6, 3), number: int = 2) -> list[Tensor]:
    """x, high and low, in the order of ``forward``."""
    generator = torch.Generator().manual_seed(0)
    high, mid, low = (
        torch.randn(number, c, size, size, generator=generator)
        for c, size in zip(IN_CHANNELS, sizes, strict=True)
    )
    return [mid, high, low]


def build(low_source: str = 'c5', out_channels: int | None = None) -> FeatureEnhancer:
    return FeatureEnhancer(IN_CHANNELS, 16, out_channels, low_source)


def wake(enhancer: FeatureEnhancer) -> FeatureEnhancer:
    """Give the combining convolution, which starts at zero, random weights."""
    generator = torch.Generator().manual_seed(1)
    nn.init.normal_(enhancer.combine.weight, generator=generator)
    return enhancer


@pytest.mark.parametrize('low_source', ['c5', 'conv'])
def test_starts_as_the_identity(low_source: str) -> None:
    inputs = random_inputs()
    assert torch.equal(build(low_source)(*inputs), inputs[0])


CONSTANT = dict(type='Constant', layer='Conv2d', val=0.5)


def test_init_weights_restores_the_start_that_a_model_s_init_cfg_overwrote() -> None:
    enhancer, inputs = build(), random_inputs()
    Sequential(enhancer, init_cfg=CONSTANT).init_weights()
    assert torch.equal(enhancer(*inputs), inputs[0])


def test_an_init_cfg_of_its_own_counts() -> None:
    enhancer = FeatureEnhancer(IN_CHANNELS, 16, init_cfg=CONSTANT)
    enhancer.init_weights()
    assert (enhancer.combine.weight == 0.5).all()


@pytest.mark.parametrize(
    ('low_source', 'sizes', 'out_channels'),
    [('c5', (13, 7, 4), None), ('c5', (18, 9, 5), 5), ('conv', (12, 6, 3), 5)],
)
def test_has_the_size_of_x(low_source, sizes, out_channels):
    enhancer = build(low_source, out_channels)
    assert enhancer.out_channels == (out_channels or 10)
    enhanced = wake(enhancer)(*random_inputs(sizes))
    assert enhanced.shape == (2, out_channels or 10, sizes[1], sizes[1])
    assert enhanced.isfinite().all()


@pytest.mark.parametrize('low_source', ['c5', 'conv'])
def test_gradients_reach_every_parameter(low_source: str) -> None:
    enhancer = wake(build(low_source, 5))
    enhancer(*random_inputs()).square().sum().backward()
    for name, parameter in enhancer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_learns_from_its_start() -> None:
    """The zero convolution gets a gradient at once, the layers before it after one step."""
    enhancer = build()
    inputs = random_inputs()
    optimizer = torch.optim.SGD(enhancer.parameters(), lr=0.1)
    enhancer(*inputs).square().mean().backward()
    assert enhancer.combine.weight.grad.abs().max() > 0
    optimizer.step()
    optimizer.zero_grad()
    enhancer(*inputs).square().mean().backward()
    assert enhancer.enter[0][0].weight.grad.abs().max() > 0


@pytest.mark.parametrize('source', [0, 1, 2])
def test_every_branch_hears_every_source(source: int) -> None:
    """Each of the three fused branches changes when any one source changes."""
    enhancer = build()
    branches: list[list[Tensor]] = []
    enhancer.fusion.register_forward_hook(lambda _, __, output: branches.append(output))
    inputs = random_inputs()
    enhancer(*inputs)
    inputs[source] = inputs[source].flip(-1)
    enhancer(*inputs)
    for before, after in zip(*branches, strict=True):
        assert not torch.allclose(before, after)


def test_low_source_conv_does_not_read_c5() -> None:
    enhancer = wake(build('conv'))
    x, high, low = random_inputs()
    assert torch.equal(enhancer(x, high), enhancer(x, high, low))


def test_a_frame_does_not_depend_on_the_batch() -> None:
    enhancer = wake(build()).train()
    inputs = random_inputs(number=3)
    together = enhancer(*inputs)
    alone = enhancer(*(level[1:2] for level in inputs))
    torch.testing.assert_close(together[1:2], alone)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(in_channels=(6, 10)), r'FeatureEnhancer: in_channels .*got \(6, 10\)'),
        (dict(channels=12), 'FeatureEnhancer: channels .* got 12'),
        (dict(low_source='c6'), "FeatureEnhancer: low_source .* got 'c6'"),
    ],
)
def test_refuses_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FeatureEnhancer(**{'in_channels': IN_CHANNELS, 'channels': 16, **arguments})


@pytest.mark.parametrize(('position', 'key'), [(0, 'x'), (1, 'high'), (2, 'low')])
def test_refuses_maps_of_other_widths(position: int, key: str) -> None:
    inputs = random_inputs()
    inputs[position] = inputs[position][:, 1:]
    with pytest.raises(ValueError, match=rf'FeatureEnhancer: {key} must have'):
        build()(*inputs)


def test_refuses_to_go_without_c5() -> None:
    x, high, _ = random_inputs()
    with pytest.raises(ValueError, match=r'FeatureEnhancer: low must have 12 channels.*got None'):
        build('c5')(x, high)
