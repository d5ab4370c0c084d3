# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is traced gives what the function gives, also with other shapes and weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tlpg_mmtrack.models.torchscript import TracedFunction


@pytest.fixture
def layer() -> nn.Linear:
    """A linear layer with gradients."""
    return nn.Linear(3, 3)


def _nested(layer: nn.Linear) -> TracedFunction:
    def function(x: Tensor, pair: tuple[Tensor, Tensor], nothing: tuple) -> tuple:
        return (layer(x), (pair[0] * 2,)), pair[1] + 1, nothing

    return TracedFunction(function, [layer])


@torch.inference_mode()
def test_results_are_nested_as_the_functions_are(layer):
    traced = _nested(layer)
    for length in (2, 5):
        inputs = torch.rand(length, 3), (torch.rand(1), torch.rand(2)), ()
        (first, (second,)), third, nothing = traced(*inputs)
        (first_, (second_,)), third_, _ = traced.function(*inputs)
        assert torch.equal(first, first_)
        assert torch.equal(second, second_)
        assert torch.equal(third, third_)
        assert nothing == ()
    assert len(traced.made) == 2


@torch.inference_mode()
def test_a_second_call_does_not_run_python(layer):
    calls = []

    def function(x: Tensor) -> Tensor:
        calls.append(1)
        return layer(x)

    traced = TracedFunction(function, [layer])
    traced(torch.rand(2, 3))
    seen = len(calls)
    traced(torch.rand(2, 3))
    assert len(calls) == seen
    traced(torch.rand(3, 3))
    assert len(calls) > seen


@pytest.mark.parametrize('how', ['loaded', 'in place', 'another parameter', 'there and back'])
def test_it_follows_the_weights(layer, how):
    x = torch.rand(2, 3)
    traced = TracedFunction(lambda x: layer(x), [layer])
    with torch.inference_mode():
        before = traced(x)
    if how == 'loaded':
        layer.load_state_dict({key: value * 2 for key, value in layer.state_dict().items()})
    elif how == 'in place':
        with torch.no_grad():
            layer.bias += 1
    elif how == 'another parameter':
        layer.weight = nn.Parameter(torch.rand(3, 3))
    else:
        layer.double()
        with torch.no_grad():
            layer.bias += 1
        layer.float()
    with torch.inference_mode():
        assert torch.equal(traced(x), layer(x))
        assert not torch.equal(traced(x), before)
    assert layer.weight.requires_grad


@pytest.mark.parametrize('how', ['loaded', 'assigned', 'in place', 'there and back'])
def test_of_two_norms_that_are_alike_each_follows_its_own_statistics(how):
    """A trace would keep one constant for buffers that are equal when it is made."""
    norms = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3)).eval()
    traced = TracedFunction(lambda x: norms(x), [norms])
    x = torch.rand(2, 3)
    with torch.inference_mode():
        traced(x)
    state = {key: value.clone() for key, value in norms.state_dict().items()}
    state['0.running_mean'] += 7
    state['1.running_var'] *= 4
    if how == 'in place':
        norms[0].running_mean += 7
        norms[1].running_var *= 4
    else:
        norms.load_state_dict(state, assign=how == 'assigned')
    if how == 'there and back':
        norms.double().float()
    with torch.inference_mode():
        torch.testing.assert_close(traced(x), (x - 7) / 2, rtol=0, atol=1e-4)
        assert torch.equal(traced(x), norms(x))
    assert dict(norms.named_buffers()).keys() <= norms.state_dict().keys()


def test_gradients_autocast_and_other_types_get_the_function_itself(layer):
    traced = TracedFunction(lambda x: layer(x.to(layer.weight.dtype)), [layer])
    x = torch.rand(2, 3)
    traced(x).sum().backward()
    assert layer.weight.grad is not None
    with torch.inference_mode():
        with torch.autocast('cpu', torch.bfloat16):
            assert traced(x).dtype == torch.bfloat16
        traced(x.double())
        assert not traced.made
        traced(x)
    assert len(traced.made) == 1


def test_weights_are_the_modules_own_again_where_tracing_fails(layer):
    def function(x: Tensor) -> Tensor:
        layer(x)
        raise RuntimeError('in vain')

    weight = layer.weight
    with torch.inference_mode(), pytest.raises(RuntimeError, match='in vain'):
        TracedFunction(function, [layer])(torch.rand(2, 3))
    assert layer.weight is weight
