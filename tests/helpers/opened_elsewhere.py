"""Open exported folders with the library that they are for, and print how far its features are from stored ones.

A process of its own runs it: ``python opened_elsewhere.py JOBS.json``. It imports nothing of mmmim.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


def timm_features(folder: str, images: torch.Tensor) -> torch.Tensor:
    import timm

    model: Any = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    if model.num_classes:
        return model(images)
    features = model.forward_features(images)
    if features.ndim == 4:
        is_channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"
        features = features.flatten(1, 2) if is_channels_last else features.flatten(2).transpose(1, 2)
    return features


def transformers_features(folder: str, images: torch.Tensor) -> torch.Tensor:
    from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoModelForImageClassification

    kind = AutoConfig.from_pretrained(folder).architectures[0]
    if images.shape[1] in (1, 3):
        processor = AutoImageProcessor.from_pretrained(folder)
        assert tuple(processor.crop_size[side] for side in ("height", "width")) == tuple(images.shape[2:])
    if kind.endswith("ForImageClassification"):
        return AutoModelForImageClassification.from_pretrained(folder).eval()(images).logits
    features = AutoModel.from_pretrained(folder).eval()(images).last_hidden_state
    return features if features.ndim == 3 else features.flatten(2).transpose(1, 2)


def onnx_features(folder: str, images: torch.Tensor) -> torch.Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def program_features(folder: str, images: torch.Tensor) -> torch.Tensor:
    return torch.export.load(f"{folder}/model.pt2").module()(images)


OPEN = {
    "timm": timm_features,
    "transformers": transformers_features,
    "onnx": onnx_features,
    "torch-export": program_features,
}


def main(jobs: str) -> None:
    differences = []
    for target, folder, tensors in json.loads(Path(jobs).read_text(encoding="utf-8")):
        stored = load_file(tensors)
        with torch.no_grad():
            found = OPEN[target](folder, stored["images"])
        expected = stored["expected"]
        assert found.shape == expected.shape, (target, folder, found.shape, expected.shape)
        differences.append(float((found - expected).abs().max() / expected.abs().max().clamp(min=1)))
    assert not any(name.partition(".")[0] in ("mmmim", "mmengine", "mmseg") for name in sys.modules)
    print(json.dumps(differences))


if __name__ == "__main__":
    main(sys.argv[1])
