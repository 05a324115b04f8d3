from __future__ import annotations

from pathlib import Path

import pytest

TASK = """
default_scope = "mmmim"
model = dict(
    type="MaskedImageModel",
    data_preprocessor=dict(type="ImagePreprocessor"),
    backbone=dict(type="ViT", arch=dict(embed_dims=32, depth=1, num_heads=2), img_size=32, patch_size=8),
    neck=dict(type="MAEDecoder", dims=32, depth=1, num_heads=2),
    PARTS
)
train_dataloader = dict(dataset=dict(transforms=[dict(type="RandomResizedCrop", size=CROP)]))
"""
PIXELS = 'target_generator=dict(type="PixelTarget", norm_pix="patch_channel")'
HALF = 'masker=dict(type="RandomMasker", mask_ratio=0.5)'
UNMASKED = f'{PIXELS}, head=dict(type="ReconstructionHead", scope="all"), degradation=dict'
TASKS = {
    "masked": f"{HALF}, {PIXELS}",
    "zoomed-in": f'{UNMASKED}(type="ZoomIn", size=24)',
    "zoomed-out": f'{UNMASKED}(type="ZoomOut", size=24)',
    "distorted": f'{UNMASKED}(type="Fisheye")',
    "distorted-48": f'{UNMASKED}(type="Fisheye", raw_size=48)',
    "blurred": f'{UNMASKED}(type="RandomKernelBlur", kernel_size=5)',
    "decolorized": f'{UNMASKED}(type="SaturationScale", scale=0.3)',
    "zoomed-in-48": f'{UNMASKED}(type="CenterInput")',
    "integrated": f'{HALF}, degradation=dict(type="CenterInput", target="crop"), '
    'target_generator=dict(type="IntegratedZoomTarget", norm_pix="patch_channel"), '
    'head=dict(type="IntegratedZoomHead")',
}
LARGE_CROPS = ("distorted-48", "zoomed-in-48", "integrated")


@pytest.fixture
def task_config(tmp_path: Path):
    """Writes the config of a tiny model for one of ``TASKS``: inputs of 32 pixels, crops of 32 or 48."""

    def write(task: str) -> Path:
        path = tmp_path / f"tiny_{task}.py"
        path.write_text(
            TASK.replace("PARTS", TASKS[task]).replace("CROP", str(48 if task in LARGE_CROPS else 32)), encoding="utf-8"
        )
        return path

    return write
