"""Suggests commands that use a converted checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mmmim.checkpoint.names import ENCODER_PREFIX, strip_prefix
from mmmim.interop.encoder import StoredEncoder
from mmmim.models.necks import MAEDecoder

from .conversion import Conversion

IMAGENET_MEAN = [123.675, 116.28, 103.53]


class Recipe(NamedTuple):
    """The config that pre-trains an encoder, its image and patch size there, and the config that fine-tunes it."""

    config: str
    img_size: int
    patch_size: int
    finetune: str = "configs/mae/downstream/ft_vit-b_100e_in1k.py"


# Backbone, architecture, and the layout of the file where it matters.
RECIPES: dict[tuple[str, ...], Recipe] = {
    ("ViT", "base"): Recipe("configs/mae/vit-b_800e.py", 224, 16),
    ("ViT", "large"): Recipe("configs/mae/vit-l_800e.py", 224, 16),
    ("ViT", "huge"): Recipe("configs/mae/vit-h_800e.py", 224, 14),
    ("Swin", "base"): Recipe(
        "configs/simmim/swin-b_800e.py", 192, 4, "configs/simmim/downstream/ft_swin-b_224_100e_in1k.py"
    ),
    ("Swin", "large"): Recipe(
        "configs/simmim/swin-l_800e.py", 192, 4, "configs/simmim/downstream/ft_swin-l_224_100e_in1k.py"
    ),
    ("BEiTViT", "base", "simmim"): Recipe(
        "configs/simmim/vit-b_800e.py", 224, 16, "configs/simmim/downstream/ft_vit-b_100e_in1k.py"
    ),
    ("BEiTViT", "base", "beit"): Recipe(
        "configs/beit/vit-b_800e.py", 224, 16, "configs/beit/downstream/ft_vit-b_100e_in1k.py"
    ),
    ("BEiTViT", "small", "conmim"): Recipe(
        "configs/conmim/vit-s_300e.py", 224, 16, "configs/conmim/downstream/ft_vit-s_200e_in1k.py"
    ),
    ("BEiTViT", "base", "conmim"): Recipe(
        "configs/conmim/vit-b_800e.py", 224, 16, "configs/conmim/downstream/ft_vit-b_100e_in1k.py"
    ),
    ("BEiTViT", "large", "conmim"): Recipe(
        "configs/conmim/vit-l_1600e.py", 224, 16, "configs/conmim/downstream/ft_vit-l_50e_in1k.py"
    ),
}
FINETUNE = RECIPES["ViT", "base"].finetune
LINEAR = "configs/mae/downstream/linear_vit-b_90e_in1k.py"


def follow_up(converted: Conversion, out: str | Path) -> list[str]:
    """Return commands that use the checkpoint ``out``, or the encoder for a config if no config has such an encoder."""
    meta, arch = converted.meta, converted.meta["arch"]
    recipe = _recipe(converted) if isinstance(arch, str) else None
    if recipe is None:
        encoder = StoredEncoder(strip_prefix(converted.state, ENCODER_PREFIX), meta)
        settings = dict(type=f"mmmim.{encoder.kind}", **encoder.arguments)
        loading = dict(type="Pretrained", checkpoint=str(out), prefix=ENCODER_PREFIX)
        return ["no config here has this encoder; in one of yours:", f"backbone = {dict(settings, init_cfg=loading)}"]
    commands: list[str] = []
    sizes, statistics = _sizes(meta, recipe.img_size, recipe.patch_size), _statistics(meta)
    if meta["stage"] == "ft":
        commands += _test(converted, out, recipe)
    else:
        if meta["backbone"] == "ViT":
            wider = _wider(meta)
            frozen = {"model.backbone.frozen_stages": meta["depth"]} if arch != "base" else {}
            commands += [
                f"python tools/train.py {FINETUNE} --checkpoint {out}{_options(wider)}",
                f"python tools/train.py {LINEAR} --checkpoint {out}{_options(wider | frozen)}",
            ]
        else:
            commands.append(f"python tools/train.py {recipe.finetune} --checkpoint {out}{_options(statistics)}")
        commands.append(f"python tools/knn.py {recipe.config} {out} --data DIR{_options(sizes | statistics)}")
        if "neck" in converted.parts and converted.layout not in ("beit", "conmim"):  # tokens and features, no pixels
            decoder = _options(sizes | _decoder(converted.parts["neck"]))
            commands.append(
                f"python tools/visualize.py reconstruction {recipe.config} {out} --data DIR --out rec.png{decoder}"
            )
    return [*commands, f"python tools/export.py {out} --to timm --out timm.pth"]


def _recipe(converted: Conversion) -> Recipe | None:
    found = converted.meta["backbone"], converted.meta["arch"]
    return RECIPES.get(found) or RECIPES.get((*found, converted.layout))


def _test(converted: Conversion, out: str | Path, recipe: Recipe) -> list[str]:
    """Return the command that tests a head, or nothing for heads that no recipe has.

    These are fine-tuned ones on a class token, or without BEiT's and MAE's norm.
    """
    meta = converted.meta
    norm = [name for name in converted.state if name.startswith("head.norm.0.")]
    if not norm and meta["backbone"] in ("ViT", "BEiTViT"):
        return []
    classes = len(converted.state["head.fc.weight"])
    options = {"model.head.num_classes": classes} if classes != 1000 else {}
    if meta["backbone"] != "ViT":
        config = recipe.finetune
        if meta["backbone"] == "Swin" and (meta["arch"], meta["img_size"]) == ("base", [192, 192]):
            config = config.replace("_224_", "_192_")
        elif meta["img_size"] != [224, 224]:
            return []
        return [f"python tools/test.py {config} {out}{_options(options | _statistics(meta))}"]
    probe = "head.norm.0.running_mean" in norm
    options = _wider(converted.meta) | options
    if probe and converted.meta["arch"] != "base":
        options["model.backbone.frozen_stages"] = converted.meta["depth"]
    return [f"python tools/test.py {LINEAR if probe else FINETUNE} {out}{_options(options)}"]


def _wider(meta: dict[str, Any]) -> dict[str, Any]:
    """Return the options that turn a downstream config of a ViT-B/16 into one of this encoder."""
    options = _sizes(meta, 224, 16)
    if meta["arch"] != "base":
        options |= {"model.backbone.arch": meta["arch"], "model.head.in_channels": meta["embed_dims"]}
    return options


def _sizes(meta: dict[str, Any], img_size: int, patch_size: int) -> dict[str, Any]:
    expected = dict(img_size=[img_size] * 2, patch_size=[patch_size] * 2)
    return {f"model.backbone.{name}": meta[name] for name, value in expected.items() if meta[name] != value}


def _statistics(meta: dict[str, Any]) -> dict[str, Any]:
    """Return mean and deviation as options if they are not ImageNet's, which the configs have."""
    if meta.get("mean", IMAGENET_MEAN) == IMAGENET_MEAN:
        return {}
    return {f"model.data_preprocessor.{name}": meta[name] for name in ("mean", "std")}


def _decoder(neck: Any) -> dict[str, Any]:
    if not isinstance(neck, MAEDecoder):
        return {}
    sizes = dict(dims=neck.decoder_embed.out_features, depth=len(neck.decoder_blocks))
    standard = dict(dims=512, depth=8)
    return {f"model.neck.{name}": value for name, value in sizes.items() if value != standard[name]}


def _options(values: dict[str, Any]) -> str:
    """Return ``--cfg-options``; a pair is written as the option reads it."""
    if not values:
        return ""
    words = [f"{key}={','.join(map(str, v)) if isinstance(v, list) else v}" for key, v in values.items()]
    return " --cfg-options " + " ".join(words)
