# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of :mod:`tlpg_mmtrack.compat.compiled_ops`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import SimpleNamespace

import pytest
import torch
from mmcv.utils.ext_loader import check_ops_exist

from tlpg_mmtrack.compat import compiled_ops
from tlpg_mmtrack.compat.compiled_ops import MissingOperatorError, stand_in_for_compiled_ops
from tlpg_mmtrack.compat.stand_ins import StandIn
from tlpg_mmtrack.ops.prroi_pool import CompiledPrRoIPool, PrRoIPool

COMPILED = check_ops_exist()


class TestStandIn:
    """The stand-in for ``mmcv._ext``."""

    @pytest.mark.skipif(COMPILED, reason='mmcv has its compiled operators here')
    def test_operators_import_and_raise_when_called(self) -> None:
        from mmcv.ops import nms
        from mmcv.utils import collect_env
        from mmcv.utils.ext_loader import check_ops_exist

        with pytest.raises(MissingOperatorError, match=r"'nms'.*MMCV=full"):
            nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
        assert not check_ops_exist()
        assert collect_env()['MMCV CUDA Compiler'] == 'not available'

    @pytest.mark.skipif(not COMPILED, reason='needs mmcv with compiled operators')
    def test_compiled_operators_stay(self) -> None:
        from mmcv.ops import nms

        assert not isinstance(sys.modules['mmcv._ext'], StandIn)
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 9, 10]])
        _, kept = nms(boxes, torch.tensor([0.5, 0.9]), 0.5)
        assert kept.tolist() == [1]

    def test_has_no_special_attributes(self) -> None:
        stand_in = StandIn('mmcv._ext', NotImplementedError)
        assert not hasattr(stand_in, '__path__')
        with pytest.raises(NotImplementedError, match='deform_conv_forward'):
            stand_in.deform_conv_forward(1, key=2)

    def test_nothing_is_replaced_where_operators_load(self, monkeypatch):
        monkeypatch.delitem(sys.modules, 'mmcv._ext')
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name: SimpleNamespace(name=name))
        monkeypatch.setattr(importlib, 'import_module', lambda name: None)
        stand_in_for_compiled_ops()
        assert 'mmcv._ext' not in sys.modules

    def test_operators_of_another_torch_are_explained(self, monkeypatch):
        def fail(name: str) -> None:
            raise ImportError('undefined symbol: _ZN3c10')

        monkeypatch.delitem(sys.modules, 'mmcv._ext')
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name: SimpleNamespace(name=name))
        monkeypatch.setattr(importlib, 'import_module', fail)
        with pytest.raises(ImportError, match=r'undefined symbol.*build them again'):
            stand_in_for_compiled_ops()


class TestPrRoIPool:
    """mmtrack's PrDiMP gets the PrRoIPool that runs here."""

    @pytest.mark.skipif(
        compiled_ops.compiled_prroi_pool_runs(), reason="mmcv's operator runs here"
    )
    def test_mmtrack_modules_have_ours(self) -> None:
        from mmtrack.registry import MODELS

        initializer = MODELS.build(
            dict(type='FilterInitializer', filter_size=4, feature_dim=3, feature_stride=16)
        )
        head = MODELS.build(
            dict(type='IouNetHead', in_dim=(4, 4), loss_bbox=dict(type='mmdet.MSELoss'))
        )
        assert isinstance(initializer.filter_pool, PrRoIPool)
        assert isinstance(head.roi3_search, PrRoIPool)
        features = torch.randn(2, 3, 18, 18, generator=torch.Generator().manual_seed(0))
        boxes = torch.tensor([[100.0, 90, 180, 200], [30, 40, 90, 80]])
        assert initializer(features, boxes).shape == (1, 3, 4, 4)

    def test_where_mmcv_s_operator_runs_the_cpu_s_features_go_to_ours(self, monkeypatch):
        from mmtrack.models.filter import filter_head
        from mmtrack.models.track_heads import iounet_head

        for module in (filter_head, iounet_head):
            monkeypatch.setattr(module, 'PrRoIPool', None)
        monkeypatch.setattr(compiled_ops, 'compiled_prroi_pool_runs', lambda: True)
        monkeypatch.setattr('mmcv.ops.PrRoIPool', lambda *args: pytest.fail)
        compiled_ops.give_mmtrack_prroi_pool()
        assert filter_head.PrRoIPool is iounet_head.PrRoIPool is CompiledPrRoIPool
        features = torch.randn(1, 3, 18, 18, generator=torch.Generator().manual_seed(0))
        rois = torch.tensor([[0.0, 32, 32, 96, 64]])
        pooled = filter_head.PrRoIPool(3, 1 / 16)(features, rois)
        assert torch.equal(pooled, PrRoIPool(3, 1 / 16)(features, rois))

    def test_needs_both_cuda_and_a_cuda_build(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
        monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version', lambda: '12.8')
        assert compiled_ops.compiled_prroi_pool_runs()
        monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version', lambda: 'not available')
        assert not compiled_ops.compiled_prroi_pool_runs()
