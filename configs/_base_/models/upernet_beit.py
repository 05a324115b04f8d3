# UperNet on BEiT's ViT-B/16: every block has a table of relative positions, which start from copies of a shared one.
_base_ = "upernet_vit.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.BEiTViT",
        arch="base",
        img_size=512,
        patch_size=16,
        rel_pos="block",
        mask_mode=None,
        out_type="featmap",
        out_indices=[3, 5, 7, 11],  # 0-based
        final_norm=False,
        drop_path_rate=0.1,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
)
