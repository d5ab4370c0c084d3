# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""SampleMemory: weights, replacement, and that nothing is copied."""

from __future__ import annotations

import pytest
import torch

from tlpg_mmtrack.models.trackers.memory import SampleMemory
from tlpg_mmtrack.structures import FilterSamples, TemplateSamples


def _samples(*values: float) -> TemplateSamples:
    """One frame per value, which fills its features."""
    count = len(values)
    features = torch.tensor(values).view(1, count, 1, 1, 1).expand(1, count, 2, 3, 3).clone()
    return TemplateSamples(
        features=features,
        labels=features[:, :, 0] / 100,
        descriptors=torch.zeros(1, count, 4, 5),
        targets=torch.zeros(1, count, 4, 4),
        central=torch.zeros(1, count, 4),
        weights=torch.full((1, count), 1 / count),
    )


def _memory(first: int = 4, capacity: int = 3, rate: float = 0.1, share: float = 0.25):
    return SampleMemory(_samples(*range(first)), capacity, rate, share)


def _values(memory: SampleMemory) -> list[float]:
    return memory.samples.features[0, :, 0, 0, 0].tolist()


class TestWeights:
    @pytest.mark.parametrize('rate', [0.01, 0.1, 0.5])
    def test_sum_to_one_and_keep_the_first_frame_s_share(self, rate):
        memory = _memory(rate=rate)
        for value in range(30):
            memory.add(_samples(value))
            weights = memory.samples.weights[0]
            torch.testing.assert_close(weights.sum(), torch.tensor(1.0))
            assert weights[:4].sum() > 0.25 - 1e-6
            assert (weights > 0).all()

    def test_by_hand(self):
        """The first sample gets the rate, each later one grows from the one before it."""
        memory = _memory(first=2)
        memory.add(_samples(10))
        expected = torch.tensor([[0.45, 0.45, 0.1]])
        torch.testing.assert_close(memory.samples.weights, expected)
        memory.add(_samples(11), learning_rate=0.5)
        # 0.1 / (1 - 0.5), before all are divided by their sum.
        expected = torch.tensor([[0.45, 0.45, 0.1, 0.2]]) / 1.2
        torch.testing.assert_close(memory.samples.weights, expected)

    def test_a_sample_of_little_confidence_weighs_less_and_the_next_ones_do_not(self):
        sure, memory = _memory(first=2, share=0.01), _memory(first=2, share=0.01)
        for value, confidence in ((10, 0.5), (11, 1.0), (12, 0.1)):
            sure.add(_samples(value))
            memory.add(_samples(value), confidence=confidence)
        expected = sure.samples.weights * torch.tensor([1.0, 1.0, 0.5, 1.0, 0.1])
        torch.testing.assert_close(memory.samples.weights, expected / expected.sum())

    def test_the_first_share_is_restored(self):
        memory = _memory(first=2, share=0.6)
        memory.add(_samples(10), learning_rate=0.7)
        expected = torch.tensor([[0.3, 0.3, 0.4]])
        torch.testing.assert_close(memory.samples.weights, expected)

    @pytest.mark.parametrize(('rate', 'restored'), [(0.01, False), (0.05, True)])
    def test_fade_with_age(self, rate, restored):
        """200 samples, 50 kept: whenever it came, each weighs less than the next one."""
        memory = _memory(capacity=50, rate=rate)
        for value in range(200):
            memory.add(_samples(value))
        ages, weights = 200 - memory.samples.features[0, 4:, 0, 0, 0], memory.samples.weights[0]
        order = ages.argsort()
        assert ages[order].tolist() == list(range(1, 51))
        tracked = weights[4:][order]
        assert (tracked.diff() < 0).all()
        torch.testing.assert_close(tracked[1:], (1 - rate) * tracked[:-1])
        # The k-th sample has rate / (1 - rate)^k of the first frame's weight, unless restored.
        share = 0.25 if restored else 1 / (1 + (1 - rate) ** -200 - (1 - rate) ** -150)
        assert share >= 0.25
        torch.testing.assert_close(weights[:4], torch.full((4,), share / 4))


class TestReplacement:
    def test_grows_to_its_capacity_and_no_further(self):
        memory = _memory()
        counts = []
        for value in range(10, 16):
            memory.add(_samples(value))
            counts.append(memory.count)
        assert counts == [5, 6, 7, 7, 7, 7]

    def test_the_first_frame_s_samples_stay_and_the_oldest_goes(self):
        memory = _memory()
        for value in range(10, 20):
            memory.add(_samples(value))
        assert _values(memory)[:4] == [0, 1, 2, 3]
        assert sorted(_values(memory)[4:]) == [17, 18, 19]

    def test_the_newcomer_takes_the_oldest_one_s_place_whatever_the_rates(self):
        """A sample that came at a high rate raises those after it too."""
        memory = _memory()
        for value, rate in ((10, 0.3), (11, 0.01), (12, 0.2), (13, 0.1), (14, 0.01)):
            memory.add(_samples(value), learning_rate=rate)
        assert _values(memory)[4:] == [13, 14, 12]

    def test_a_sample_of_little_confidence_goes_first(self):
        memory = _memory(first=2, share=0.01)
        for value, confidence in ((10, 1.0), (11, 1.0), (12, 0.1), (13, 1.0)):
            memory.add(_samples(value), confidence=confidence)
        assert _values(memory)[2:] == [10, 11, 13]
        weights = memory.samples.weights[0]
        torch.testing.assert_close(weights[4], weights[3] / 0.9**2)

    def test_all_of_a_sample_is_stored(self):
        memory = _memory()
        memory.add(_samples(50))
        assert (memory.samples.features[0, 4] == 50).all()
        assert (memory.samples.labels[0, 4] == 0.5).all()


class TestStorage:
    def test_samples_are_views(self):
        memory = _memory()
        before = memory.samples.features
        memory.add(_samples(10))
        assert memory.samples.features.data_ptr() == before.data_ptr()

    def test_the_samples_given_are_not_changed(self):
        first = _samples(1, 2)
        memory = SampleMemory(first, 2, 0.1, 0.25)
        memory.add(_samples(10))
        assert first.weights.tolist() == [[0.5, 0.5]]


def test_samplers_are_stored_for_a_filter_alone():
    def samples(*values: int) -> FilterSamples:
        each = torch.tensor(values).view(1, -1, 1, 1)
        some = _samples(*values)
        scores = some.labels
        return FilterSamples(
            some.features, some.labels, some.weights, scores, each, each / 10, each / 5
        )

    memory = SampleMemory(samples(0, 1), 3, 0.1, 0.25)
    memory.add(samples(7))
    sampler = memory.samples.sampler
    assert sampler.index.flatten().tolist() == [0, 1, 7]
    assert sampler.fractions[0].flatten().tolist() == pytest.approx([0, 0.1, 0.7])
    assert sampler.fractions[1].flatten().tolist() == pytest.approx([0, 0.2, 1.4])
    assert sampler.size == (3, 3)
