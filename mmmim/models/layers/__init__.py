from mmmim.precision import at_least_fp32

from .attention import LeanBlock, block_with_cls_logits, cls_logits
from .color_space import ColorSpace, check_rgb, luma
from .decomposed_positions import crop_offsets, decomposed_attention, resize_offsets
from .layer_norm import LN2d
from .lean_mlp import LeanMlp
from .patch_mask import Grid, PatchMask, take
from .patchify import grid_of, patchify, to_pair, unpatchify
from .pos_embed import FIXED_POSITIONS, resize_pos_embed, sincos_pos_embed, sincos_pos_embed_1d
from .precision import full_precision, uncached_autocast
from .random import Noise, global_rand, to_device
from .recomputation import keep_input, recompute

__all__ = [
    "FIXED_POSITIONS",
    "ColorSpace",
    "Grid",
    "LN2d",
    "LeanBlock",
    "LeanMlp",
    "Noise",
    "PatchMask",
    "at_least_fp32",
    "block_with_cls_logits",
    "check_rgb",
    "cls_logits",
    "crop_offsets",
    "decomposed_attention",
    "full_precision",
    "global_rand",
    "grid_of",
    "keep_input",
    "luma",
    "patchify",
    "recompute",
    "resize_offsets",
    "resize_pos_embed",
    "sincos_pos_embed",
    "sincos_pos_embed_1d",
    "take",
    "to_device",
    "to_pair",
    "uncached_autocast",
    "unpatchify",
]
