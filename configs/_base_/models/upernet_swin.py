# UperNet on Swin-B: the four stages are its pyramid, each with a norm of its own. Window 20 at 512 pixels as in SimMIM,
# where every map is padded to whole windows; test images whole.
_base_ = "upernet_vit.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmmim.Swin",
        arch="base",
        img_size=512,
        window_size=20,
        dynamic_size=True,
        mask_mode=None,
        out_type="featmap",
        out_indices=[0, 1, 2, 3],
        drop_path_rate=0.1,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=None,
    decode_head=dict(in_channels=[128, 256, 512, 1024], channels=512),
    auxiliary_head=dict(in_channels=512),
    data_preprocessor=dict(test_cfg=dict(size_divisor=32)),
    test_cfg=dict(_delete_=True, mode="whole"),
)
