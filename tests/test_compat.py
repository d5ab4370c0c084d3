# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of :mod:`tlpg_mmtrack.compat`: each shim does its work, and nothing where not needed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import runpy
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from types import SimpleNamespace
from typing import Any

import mmcv
import numpy as np
import pytest
import torch
from mmengine.dist import init_dist
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.model.wrappers import MMDistributedDataParallel
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import Tensor, nn

import tlpg_mmtrack
from tlpg_mmtrack import compat
from tlpg_mmtrack.ops.prroi_pool import CompiledPrRoIPool, PrRoIPool

COMPILED = importlib.util.find_spec('mmcv._ext').loader is not None
REPOSITORY = Path(__file__).resolve().parents[1]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds this repository."""
    environment = {**os.environ, 'PYTHONPATH': str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


class TestImport:
    """``import tlpg_mmtrack`` makes ``import mmtrack`` work."""

    def test_fresh_process(self) -> None:
        code = (
            'try:\n'
            '    import mmtrack\n'
            'except AssertionError as error:\n'
            '    print("is used but incompatible" in str(error))\n'
            'import mmcv; before = mmcv.__version__\n'
            'import tlpg_mmtrack, mmtrack\n'
            'from mmtrack.registry import MODELS\n'
            'print(mmcv.__version__ == before, MODELS.get("PrDiMP").__name__)'
        )
        assert run_python(code).stdout == 'True\nTrue PrDiMP\n'

    @pytest.mark.parametrize(('current', 'initialised'), [(None, True), ('mmdet', False)])
    def test_leaves_a_default_scope_alone(
        self, monkeypatch: pytest.MonkeyPatch, current: str | None, initialised: bool
    ) -> None:
        calls = []
        monkeypatch.setattr(
            'mmtrack.utils.register_all_modules', lambda **call: calls.append(call)
        )
        monkeypatch.setattr(DefaultScope, 'get_current_instance', lambda: current)
        compat.import_mmtrack()
        assert calls == [dict(init_default_scope=initialised)]

    def test_applying_again_changes_nothing(self) -> None:
        extension = sys.modules['mmcv._ext']
        wrapper_init = MMDistributedDataParallel.__init__
        compat.apply()
        assert sys.modules['mmcv._ext'] is extension
        assert MMDistributedDataParallel.__init__ is wrapper_init
        assert DefaultScope.get_current_instance() is not None

    def test_missing_mmtrack_is_explained(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, 'mmtrack', None)
        with pytest.raises(ImportError, match=r'pip install --no-deps mmtrack==1\.0\.0rc1'):
            compat.import_mmtrack()

    def test_unknown_attribute(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'Trackr'"):
            tlpg_mmtrack.Trackr  # noqa: B018


class TestReportedVersion:
    """The mmcv version is another one inside the block only."""

    def test_inside_and_after(self) -> None:
        true_version = mmcv.__version__
        with compat.reported_mmcv_version():
            assert mmcv.__version__ == '2.0.0rc4'
        assert mmcv.__version__ == true_version != '2.0.0rc4'

    def test_restored_after_an_error(self) -> None:
        true_version = mmcv.__version__
        with pytest.raises(KeyError), compat.reported_mmcv_version('9.9'):
            raise KeyError
        assert mmcv.__version__ == true_version


class TestStandIn:
    """The stand-in for ``mmcv._ext``."""

    @pytest.mark.skipif(COMPILED, reason='mmcv has its compiled operators here')
    def test_operators_import_and_raise_when_called(self) -> None:
        from mmcv.ops import nms
        from mmcv.utils import collect_env
        from mmcv.utils.ext_loader import check_ops_exist

        with pytest.raises(compat.MissingOperatorError, match=r"'nms'.*MMCV=full"):
            nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
        assert not check_ops_exist()
        assert collect_env()['MMCV CUDA Compiler'] == 'not available'

    @pytest.mark.skipif(not COMPILED, reason='needs mmcv with compiled operators')
    def test_compiled_operators_stay(self) -> None:
        from mmcv.ops import nms

        assert not isinstance(sys.modules['mmcv._ext'], compat._UncompiledOps)
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 9, 10]])
        _, kept = nms(boxes, torch.tensor([0.5, 0.9]), 0.5)
        assert kept.tolist() == [1]

    def test_names_the_operator(self) -> None:
        stand_in = compat._UncompiledOps('mmcv._ext')
        with pytest.raises(compat.MissingOperatorError, match="'deform_conv_forward'"):
            stand_in.deform_conv_forward(1, key=2)

    def test_has_no_special_attributes(self) -> None:
        assert not hasattr(compat._UncompiledOps('mmcv._ext'), '__path__')

    def test_nothing_is_replaced_where_operators_load(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delitem(sys.modules, 'mmcv._ext')
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name: SimpleNamespace(name=name))
        monkeypatch.setattr(importlib, 'import_module', lambda name: None)
        compat.stand_in_for_compiled_ops()
        assert 'mmcv._ext' not in sys.modules

    def test_operators_of_another_torch_are_explained(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(name: str) -> None:
            raise ImportError('undefined symbol: _ZN3c10')

        monkeypatch.delitem(sys.modules, 'mmcv._ext')
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name: SimpleNamespace(name=name))
        monkeypatch.setattr(importlib, 'import_module', fail)
        with pytest.raises(ImportError, match=r'undefined symbol.*build them again'):
            compat.stand_in_for_compiled_ops()


class TestPrRoIPool:
    """mmtrack's PrDiMP gets the PrRoIPool that runs here."""

    @pytest.mark.skipif(compat.compiled_prroi_pool_runs(), reason="mmcv's operator runs here")
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

    def test_where_mmcv_s_operator_runs_the_cpu_s_features_go_to_ours(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from mmtrack.models.filter import filter_head
        from mmtrack.models.track_heads import iounet_head

        for module in (filter_head, iounet_head):
            monkeypatch.setattr(module, 'PrRoIPool', None)
        monkeypatch.setattr(compat, 'compiled_prroi_pool_runs', lambda: True)
        monkeypatch.setattr('mmcv.ops.PrRoIPool', lambda *args: pytest.fail)
        compat.give_mmtrack_prroi_pool()
        assert filter_head.PrRoIPool is iounet_head.PrRoIPool is CompiledPrRoIPool
        features = torch.randn(1, 3, 18, 18, generator=torch.Generator().manual_seed(0))
        rois = torch.tensor([[0.0, 32, 32, 96, 64]])
        pooled = filter_head.PrRoIPool(3, 1 / 16)(features, rois)
        assert torch.equal(pooled, PrRoIPool(3, 1 / 16)(features, rois))

    def test_needs_both_cuda_and_a_cuda_build(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
        monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version', lambda: '12.8')
        assert compat.compiled_prroi_pool_runs()
        monkeypatch.setattr('mmcv.ops.get_compiling_cuda_version', lambda: 'not available')
        assert not compat.compiled_prroi_pool_runs()


class TestTools:
    """mmtrack's own command-line tools."""

    @pytest.mark.parametrize('name', ['train.py', 'test.py'])
    def test_loads(self, name: str) -> None:
        assert callable(compat.load_mmtrack_tool(name).main)

    def test_missing_tool_is_explained(self) -> None:
        with pytest.raises(FileNotFoundError, match=r'tools/no\.py.*--force-reinstall mmtrack'):
            compat.load_mmtrack_tool('no.py')


class LinearModel(BaseModel):
    """The smallest model that mmengine's Runner trains."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, inputs: list[Tensor], mode: str = 'loss') -> dict[str, Tensor]:
        """Return a loss whatever the mode."""
        return dict(loss=self.linear(torch.stack(inputs)).square().mean())


def make_runner(folder: Path, name: str, epochs: int, **options: Any) -> Runner:
    """A Runner over four samples, two iterations an epoch, Adam and a step schedule."""
    return Runner(
        LinearModel(),
        str(folder),
        train_dataloader=dict(
            dataset=[dict(inputs=torch.tensor([1.0, float(i)])) for i in range(4)],
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_size=2,
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
        param_scheduler=dict(type='StepLR', step_size=1),
        default_scope='mmtrack',
        log_level='ERROR',
        experiment_name=name,
        **options,
    )


class Malicious:
    """Pickles to a call of a function looked up with getattr."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


@pytest.mark.skipif(
    not hasattr(torch.serialization, 'safe_globals'), reason='torch without weights_only loading'
)
class TestCheckpoints:
    """``torch.load`` with ``weights_only`` reads mmengine's checkpoints and nothing more."""

    def test_training_resumes(self, tmp_path: Path) -> None:
        first = make_runner(tmp_path, f'first-{tmp_path.name}', epochs=1)
        first.message_hub.update_info('best_score', np.float32(0.5))
        first.message_hub.update_info('classes', np.array(['target']))
        first.train()
        second = make_runner(tmp_path, f'second-{tmp_path.name}', epochs=2, resume=True)
        second.load_or_resume()
        assert second.iter == 2
        assert torch.equal(second.model.linear.weight, first.model.linear.weight)
        losses = second.message_hub.get_scalar('train/loss')
        assert isinstance(losses, HistoryBuffer)
        np.testing.assert_array_equal(
            losses.data[0], first.message_hub.get_scalar('train/loss').data[0]
        )
        assert losses.statistics('max') == losses.data[0].max()
        second.train()
        assert (tmp_path / 'epoch_2.pth').is_file()

    def test_refused_without_the_shim(self, tmp_path: Path) -> None:
        torch.save({'log': HistoryBuffer([1.0], [1])}, tmp_path / 'log.pth')
        allowed = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            with pytest.raises(UnpicklingError):
                torch.load(tmp_path / 'log.pth', weights_only=True)
            compat.allow_mmengine_checkpoints()
            log = torch.load(tmp_path / 'log.pth', weights_only=True)['log']
        finally:
            torch.serialization.add_safe_globals(allowed)
        assert log.mean() == 1

    @pytest.mark.parametrize('dtype', ['?', 'i4', 'i8', 'f2', 'f4', 'f8', 'c16', 'U6'])
    def test_numpy(self, tmp_path: Path, dtype: str) -> None:
        array = np.array([[0, 1], [1, 0]]).astype(dtype)
        torch.save({'array': array, 'scalar': array[0, 1]}, tmp_path / 'numpy.pth')
        loaded = torch.load(tmp_path / 'numpy.pth', weights_only=True)
        assert loaded['array'].dtype == array.dtype
        np.testing.assert_array_equal(loaded['array'], array)
        assert loaded['scalar'] == array[0, 1]

    @pytest.mark.parametrize(
        ('written', 'renamed'),
        [(b'numpy._core.', b'numpy.core.'), (b'numpy.core.', b'numpy._core.')],
    )
    def test_numpy_1_and_2_names(self, tmp_path: Path, written: bytes, renamed: bytes) -> None:
        torch.save({'array': np.arange(3.0), 'scalar': np.float64(2)}, tmp_path / 'a.pth')
        with (
            zipfile.ZipFile(tmp_path / 'a.pth') as source,
            zipfile.ZipFile(tmp_path / 'b.pth', 'w') as target,
        ):
            for item in source.infolist():
                target.writestr(item, source.read(item).replace(written, renamed))
        loaded = torch.load(tmp_path / 'b.pth', weights_only=True)
        assert loaded['array'].tolist() == [0, 1, 2]
        assert loaded['scalar'] == 2

    @pytest.mark.parametrize(
        'reduced',
        [
            (getattr, (torch.Tensor, 'numpy')),
            (getattr, (HistoryBuffer, '__init__')),
            (getattr, (HistoryBuffer, 'register_statistics')),
            (os.getcwd, ()),
        ],
    )
    def test_code_is_refused(self, tmp_path: Path, reduced: tuple[Any, ...]) -> None:
        torch.save({'code': Malicious(*reduced)}, tmp_path / 'code.pth')
        with pytest.raises(UnpicklingError):
            torch.load(tmp_path / 'code.pth', weights_only=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without CUDA')
class TestDistributedOnCpu:
    """mmengine's launcher and its data-parallel wrapper without CUDA."""

    @pytest.fixture
    def process_group(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """The process group of a world of one, asked for as mmtrack's configs do: nccl."""
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        for name, value in dict(
            RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR='127.0.0.1', MASTER_PORT=port
        ).items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr('torch.multiprocessing.get_start_method', lambda allow_none: 'fork')
        init_dist('pytorch', backend='nccl')
        yield torch.distributed
        compat.leave_process_group()

    def test_trains(self, process_group: Any) -> None:
        assert process_group.get_backend() == 'gloo'
        wrapped = MMDistributedDataParallel(module=LinearModel(), device_ids=[0])
        wrapped([torch.ones(2)], mode='loss')['loss'].backward()
        assert wrapped.module.linear.weight.grad is not None

    @pytest.mark.parametrize('name', ['train.py', 'test.py'])
    def test_our_tools_leave_the_group(
        self, name: str, process_group: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that ends in a group of gloo's may abort after all of its work."""
        calls = []
        ran = SimpleNamespace(
            main=lambda: calls.append(process_group.is_initialized()),
            parse_args=lambda: SimpleNamespace(checkpoint=None, amp=False),
        )
        monkeypatch.setattr(compat, 'load_mmtrack_tool', lambda tool: ran)
        monkeypatch.setattr('tlpg_mmtrack.allocator.keep_freed_memory', lambda: None)
        monkeypatch.setattr(sys, 'argv', [name, 'config.py'])
        monkeypatch.setattr(sys, 'path', sys.path.copy())
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(REPOSITORY / 'tools' / name), run_name='__main__')
        assert ended.value.code == 0
        assert calls == [True]
        assert not process_group.is_initialized()
        compat.leave_process_group()  # Nothing to leave: no error.

    def test_set_device_is_restored(self, process_group: Any) -> None:
        assert torch.cuda.set_device.__module__ == 'torch.cuda'
