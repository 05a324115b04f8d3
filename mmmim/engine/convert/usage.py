"""What to do with a converted checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mmmim.engine.checkpoint_keys import ENCODER_PREFIX, strip_prefix
from mmmim.engine.export.encoder import SETTINGS, Encoder
from mmmim.models.necks import MAEDecoder

from .conversion import Conversion


class Recipe(NamedTuple):
    """The config that pre-trains an encoder, and the image and patch size it has there."""

    config: str
    img_size: int
    patch_size: int


RECIPES = {
    ("ViT", "base"): Recipe("configs/mae/vit-b_800e.py", 224, 16),
    ("ViT", "large"): Recipe("configs/mae/vit-l_800e.py", 224, 16),
    ("ViT", "huge"): Recipe("configs/mae/vit-h_800e.py", 224, 14),
    ("Swin", "base"): Recipe("configs/simmim/swin-b_800e.py", 192, 4),
    ("Swin", "large"): Recipe("configs/simmim/swin-l_800e.py", 192, 4),
    ("BEiTViT", "base"): Recipe("configs/simmim/vit-b_800e.py", 224, 16),
}
FINETUNE = "configs/mae/downstream/ft_vit-b_100e_in1k.py"
LINEAR = "configs/mae/downstream/linear_vit-b_90e_in1k.py"


def follow_up(converted: Conversion, out: str | Path) -> list[str]:
    """Commands that use the checkpoint ``out``, or where no config has such an encoder, the encoder for a config."""
    meta, arch = converted.meta, converted.meta["arch"]
    recipe = RECIPES.get((meta["backbone"], arch)) if isinstance(arch, str) else None
    if recipe is None:
        encoder = Encoder(strip_prefix(converted.state, ENCODER_PREFIX), meta)
        settings = dict(type=f"mmmim.{encoder.kind}", **SETTINGS[encoder.kind](encoder))
        loading = dict(type="Pretrained", checkpoint=str(out), prefix=ENCODER_PREFIX)
        return ["no config here has this encoder; in one of yours:", f"backbone = {dict(settings, init_cfg=loading)}"]
    commands: list[str] = []
    sizes = _sizes(meta, recipe.img_size, recipe.patch_size)
    if meta["stage"] == "ft":
        commands += _test(converted, out)
    else:
        if meta["backbone"] == "ViT":
            wider = _wider(meta)
            frozen = {"model.backbone.frozen_stages": meta["depth"]} if arch != "base" else {}
            commands += [
                f"python tools/train.py {FINETUNE} --checkpoint {out}{_options(wider)}",
                f"python tools/train.py {LINEAR} --checkpoint {out}{_options(wider | frozen)}",
            ]
        commands.append(f"python tools/knn.py {recipe.config} {out} --data DIR{_options(sizes)}")
        if "neck" in converted.parts:
            decoder = _options(sizes | _decoder(converted.parts["neck"]))
            commands.append(
                f"python tools/visualize.py reconstruction {recipe.config} {out} --images DIR --out rec.png{decoder}"
            )
    return [*commands, f"python tools/export.py {out} --to timm --out timm.pth"]


def _test(converted: Conversion, out: str | Path) -> list[str]:
    norm = [name for name in converted.state if name.startswith("head.norm.0.")]
    if not norm or converted.meta["backbone"] != "ViT":
        return []
    probe = "head.norm.0.running_mean" in norm
    options = _wider(converted.meta)
    classes = len(converted.state["head.fc.weight"])
    if classes != 1000:
        options["model.head.num_classes"] = classes
    if probe and converted.meta["arch"] != "base":
        options["model.backbone.frozen_stages"] = converted.meta["depth"]
    return [f"python tools/test.py {LINEAR if probe else FINETUNE} {out}{_options(options)}"]


def _wider(meta: dict[str, Any]) -> dict[str, Any]:
    """What makes a downstream config of a ViT-B/16 one of this encoder."""
    options = _sizes(meta, 224, 16)
    if meta["arch"] != "base":
        options |= {"model.backbone.arch": meta["arch"], "model.head.in_channels": meta["embed_dims"]}
    return options


def _sizes(meta: dict[str, Any], img_size: int, patch_size: int) -> dict[str, Any]:
    expected = dict(img_size=[img_size] * 2, patch_size=[patch_size] * 2)
    return {f"model.backbone.{name}": meta[name] for name, value in expected.items() if meta[name] != value}


def _decoder(neck: Any) -> dict[str, Any]:
    if not isinstance(neck, MAEDecoder):
        return {}
    sizes = dict(dims=neck.decoder_embed.out_features, depth=len(neck.decoder_blocks))
    standard = dict(dims=512, depth=8)
    return {f"model.neck.{name}": value for name, value in sizes.items() if value != standard[name]}


def _options(values: dict[str, Any]) -> str:
    """``--cfg-options``; a pair is written as the option reads it."""
    if not values:
        return ""
    words = [f"{key}={','.join(map(str, v)) if isinstance(v, list) else v}" for key, v in values.items()]
    return " --cfg-options " + " ".join(words)
