# BEiT's ViT of the toy configs of segmentation and detection: every block starts from a copy of the shared table of
# relative positions, resized from 64 to 96 pixels.
_base_ = "toy_arch.py"
toy_beit = dict(
    type="mmmim.BEiTViT",
    arch=_base_.toy_arch,
    img_size=96,
    patch_size=8,
    rel_pos="block",
    mask_mode=None,
    out_type="featmap",
    out_indices=[1, 3, 4, 5],
    final_norm=False,
    init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
)
