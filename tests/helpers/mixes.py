"""Every encoder with every masker and every objective, at tiny size; run as a script, this writes docs/any_mix.md, the
page of what fits and what is refused."""

from __future__ import annotations

import re
import tempfile
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mmmim.errors import UsageError
from mmmim.registry import MODELS

PAGE = Path(__file__).parents[2] / "docs" / "any_mix.md"
IMAGE, CELL, TOKENS = 64, 16, 32  # pixels: an image, an output of every encoder, the image that a tokenizer reads
TRUNK = dict(arch=dict(embed_dims=16, depth=2, num_heads=2), img_size=IMAGE, patch_size=CELL)
STAGES = dict(arch=dict(embed_dims=8, depths=(1, 1, 1), num_heads=(1, 2, 2)), img_size=IMAGE, patch_size=4)
BLOCKS = dict(block="basic", depths=(1, 1, 1, 1), channels=4)
FOLDER = tempfile.TemporaryDirectory()  # gone with the process
TOKENIZER = dict(type="mmmim.TinyDVAE", num_codes=16, dims=8, checkpoint=None, allow_random=True)
TOKEN_GENERATOR = dict(type="mmmim.TokenGenerator", tokenizer=TOKENIZER, embed_dims=16, depth=2, num_heads=2)
CIM = dict(type="mmmim.CIM", generator=TOKEN_GENERATOR)
DECODER = dict(type="mmmim.MAEDecoder", dims=16, depth=1, num_heads=2)
EVERYWHERE = dict(type="mmmim.ReconstructionHead", scope="all")

ENCODERS: dict[str, dict[str, Any]] = {
    "ViT": dict(type="mmmim.ViT", **TRUNK),
    "ViT, `mask_mode='replace'`": dict(type="mmmim.ViT", mask_mode="replace", **TRUNK),
    "BEiTViT": dict(type="mmmim.BEiTViT", **TRUNK),
    "Swin": dict(type="mmmim.Swin", window_size=4, **STAGES),
    "SwinV2": dict(type="mmmim.SwinV2", window_size=4, pretrained_window_sizes=(0, 0, 0), **STAGES),
    "ResNet": dict(type="mmmim.ResNet", depth=BLOCKS, img_size=IMAGE, output_stride=CELL),
}
MASKERS: dict[str, dict[str, Any] | None] = {
    "RandomMasker": dict(type="mmmim.RandomMasker", mask_ratio=0.5, cell_size=CELL),
    "RandomMasker of single tokens": dict(type="mmmim.RandomMasker", mask_ratio=0.5),
    "BlockMasker": dict(type="mmmim.BlockMasker", mask_ratio=0.5, min_block=2, cell_size=CELL),
    "SquareMasker": dict(type="mmmim.SquareMasker", side=2, cell_size=CELL),
    "CenterMasker": dict(type="mmmim.CenterMasker", keep=2, cell_size=CELL),
    "ImportanceMasker": dict(type="mmmim.ImportanceMasker", mask_ratio=0.5),
    "no masker": None,
}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "pixels": dict(target_generator=dict(type="mmmim.PixelTarget", norm_pix="none")),
    "normalised pixels": dict(target_generator=dict(type="mmmim.PixelTarget")),
    "HOG": dict(target_generator=dict(type="mmmim.HOGTarget")),
    "colour bins": dict(
        target_generator=dict(type="mmmim.ColorBinTarget", downsample=8), head=dict(type="mmmim.CrossEntropyHead")
    ),
    "colour clusters": dict(
        target_generator=dict(type="mmmim.ColorClusterTarget", downsample=8, clusters=8),
        head=dict(type="mmmim.CrossEntropyHead"),
    ),
    "tokens": dict(
        target_generator=dict(type="mmmim.TokenTarget", tokenizer=TOKENIZER), head=dict(type="mmmim.CrossEntropyHead")
    ),
    "pixels of degraded images": dict(
        target_generator=dict(type="mmmim.PixelTarget"), degradation=dict(type="mmmim.ZoomIn", size=32), head=EVERYWHERE
    ),
    "features of patches (ConMIM)": dict(
        type="mmmim.ConMIM",
        neck=dict(type="mmmim.PatchProjector", hidden=16),
        target_generator=dict(type="mmmim.MomentumEncoder", dims=8),
        head=dict(type="mmmim.PatchContrastHead"),
    ),
    "features of images (ConMIM)": dict(
        type="mmmim.ConMIM",
        neck=dict(type="mmmim.PatchProjector", hidden=16, pool=True),
        target_generator=dict(type="mmmim.MomentumEncoder", dims=8),
        head=dict(type="mmmim.InstanceContrastHead"),
    ),
    "pixels and contrast (CCMIM)": dict(type="mmmim.CCMIM", target_generator=dict(type="mmmim.PixelTarget")),
    "pixels, painted by tokens (CIM)": dict(
        CIM, target_generator=dict(type="mmmim.PixelTarget", norm_pix="window_joint", window=8), head=EVERYWHERE
    ),
    "pixels, painted without tokens (CIM)": dict(
        type="mmmim.CIM",
        generator=dict(type="mmmim.PixelGenerator", backbone=dict(type="mmmim.ViT", arch=TRUNK["arch"]), neck=DECODER),
        target_generator=dict(type="mmmim.PixelTarget", norm_pix="none"),
        head=EVERYWHERE,
    ),
    "replaced tokens (CIM)": dict(
        CIM,
        target_generator=dict(type="mmmim.ReplacedTokenTarget"),
        head=dict(type="mmmim.BinaryCrossEntropyHead"),
    ),
    "erased pixels (CIM)": dict(
        CIM,
        generator=dict(type="mmmim.ErasingGenerator"),
        target_generator=dict(type="mmmim.PixelTarget", norm_pix="none"),
        head=EVERYWHERE,
    ),
}


class Mix(NamedTuple):
    """One cell of the table: a name of each of the three lists."""

    encoder: str
    masker: str
    objective: str

    def config(self) -> dict[str, Any]:
        """Return the model's config, with the decoder that the encoder's method has."""
        encoder, objective = ENCODERS[self.encoder], dict(OBJECTIVES[self.objective])
        if "clusters" in objective["target_generator"]:
            objective["target_generator"] = dict(objective["target_generator"], palette=palette())
        drops = self.encoder == "ViT"
        return dict(
            dict(
                type="mmmim.MaskedImageModel",
                backbone=encoder,
                masker=MASKERS[self.masker],
                neck=DECODER if drops else dict(type="mmmim.LinearDecoder"),
                data_preprocessor=dict(type="mmmim.ImagePreprocessor"),
            ),
            **objective,
        )

    def build(self) -> Any:
        return MODELS.build(self.config())


EVERY_MIX = [Mix(*names) for names in product(ENCODERS, MASKERS, OBJECTIVES)]


@cache
def refusal(mix: Mix) -> str | None:
    """Return why the model is not built, or None where it is."""
    try:
        mix.build()
    except UsageError as error:
        return re.sub(r"^class `.*?: ", "", str(error))  # where MMEngine met it
    return None


@cache
def palette() -> str:
    """Write eight colours as iGPT's file has them, and return its name."""
    file = Path(FOLDER.name) / "palette.npy"
    np.save(file, np.random.default_rng(0).uniform(-1, 1, (8, 3)).astype(np.float32))
    return str(file)


def page() -> str:
    """Return docs/any_mix.md: a table for every masker, and the refusals that their numbers stand for."""
    reasons: dict[str, int] = {}
    lines = [INTRODUCTION]
    for masker in MASKERS:
        lines += [f"## {masker[0].upper()}{masker[1:]}", "", "| objective | " + " | ".join(ENCODERS) + " |"]
        lines.append("|---|" + "---|" * len(ENCODERS))
        for objective in OBJECTIVES:
            cells = []
            for encoder in ENCODERS:
                reason = refusal(Mix(encoder, masker, objective))
                cells.append("yes" if reason is None else str(reasons.setdefault(reason, len(reasons) + 1)))
            lines.append(f"| {objective} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["## Refusals", ""]
    lines += [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join(lines) + "\n"


INTRODUCTION = f"""# Any mix of parts

Which encoder trains with which masker and which objective. `yes` is a mix that trains, and a test trains it
(`tests/models/algorithms/test_agreement_any_mix.py`); a number is one that is refused when the model is built, with the
message below. Written by

```bash
python tests/helpers/mixes.py
```

Images have {IMAGE} x {IMAGE} pixels and an output of every encoder stands for {CELL} x {CELL}, which is a patch of the
ViTs and 4 x 4 tokens of Swin, SwinV2 and ResNet; maskers hide cells of {CELL} pixels unless the heading says single
tokens. The neck is `MAEDecoder` after a ViT that encodes visible patches only and `LinearDecoder` elsewhere, for ConMIM
`PatchProjector`.
"""


if __name__ == "__main__":
    torch.set_num_threads(1)
    PAGE.write_text(page(), encoding="utf-8")
