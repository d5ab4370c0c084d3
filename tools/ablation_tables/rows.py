# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The rows of the paper's tables 1 to 3, with the figures that it prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AblationRow:
    """One figure of a table.

    Attributes:
        label: What the paper calls it.
        config: Name of its config in ``configs/tlpg/ablation``.
        paper: The paper's AUC in percent; None where it has no such row.
        below: Config of the row over which the paper claims a gain by a change of design, with
            the same postprocess; None for the first.
    """

    label: str
    config: str
    paper: float | None = None
    below: str | None = None

    @property
    def training(self) -> str:
        """Name of the config whose training gives its weights: NMS and IoU-Net share one."""
        return self.config.replace('_nms', '_iou')


def _designs(*designs: tuple[str, str, float, float]) -> tuple[AblationRow, ...]:
    """Rows of table 2, from (label, config's start, figure with NMS, figure with IoU-Net)."""
    starts = [None, *(design[1] for design in designs)]
    return tuple(
        AblationRow(
            f'{label}, {post}',
            f'{config}_{post.lower()}',
            figure,
            below and f'{below}_{post.lower()}',
        )
        for below, (label, config, *figures) in zip(starts, designs, strict=False)
        for post, figure in zip(('NMS', 'IoU'), figures, strict=True)
    )


TABLES: dict[int, tuple[AblationRow, ...]] = {
    1: (
        AblationRow('RC+IoU', 'rc_iou', 57.7),
        AblationRow('DC+IoU', 'dc_iou', 58.0, 'rc_iou'),
        AblationRow('DC+Reg+IoU', 'dc-reg_iou', 58.8, 'dc_iou'),
        AblationRow('DCC+NMS', 'dcc_nms', 60.0),
        AblationRow('DCC+IoU', 'dcc_iou', 60.3, 'dc-reg_iou'),
    ),
    2: _designs(
        ('Single stage', 'dcc', 60.0, 60.3),
        ('BReg', 'breg', 60.0, 60.4),
        ('BReg+EN', 'breg-en', 60.1, 60.5),
        ('CReg', 'creg', 60.3, 60.6),
        ('CReg+EN', 'creg-en', 60.7, 60.8),
    ),
    3: (
        AblationRow('No neck, EfficientNet-Lite0', 'no-neck_efflite0'),
        AblationRow('FPN, EfficientNet-Lite0', 'fpn_efflite0', below='no-neck_efflite0'),
        AblationRow('Balanced neck, EfficientNet-Lite0', 'creg-en_iou', below='fpn_efflite0'),
        AblationRow('No neck, ResNet-50', 'no-neck_r50', 59.5),
        AblationRow('FPN, ResNet-50', 'fpn_r50', 60.1, 'no-neck_r50'),
        AblationRow('Balanced neck, ResNet-50', 'balanced_r50', 60.8, 'fpn_r50'),
        AblationRow('No neck, DetNet-59', 'no-neck_detnet59', 59.8),
        AblationRow('FPN, DetNet-59', 'fpn_detnet59', 60.3, 'no-neck_detnet59'),
        AblationRow('Balanced neck, DetNet-59', 'balanced_detnet59', 60.7, 'fpn_detnet59'),
    ),
}
"""The paper's figures are AUC on 200 videos drawn from LaSOT, VOT2018 and OTB2015, on ResNet-50
where no other backbone is named."""
