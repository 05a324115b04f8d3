# Semantic FPN on a plain ViT-B/16: FPN of 256 channels, head of 128 (Kirillov et al., 2019; widths of mmseg's fpn_r50).
_base_ = "../imagenet_rgb.py"
norm_cfg = dict(type="SyncBN", requires_grad=True)
model = dict(
    type="EncoderDecoder",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        mean={{_base_.imagenet_rgb.mean}},
        std={{_base_.imagenet_rgb.std}},
        bgr_to_rgb=True,
        size=(512, 512),
        pad_val=0,
        seg_pad_val=255,
        test_cfg=dict(size_divisor=16),
    ),
    backbone=dict(
        type="mmmim.ViT",
        arch="base",
        img_size=512,
        patch_size=16,
        out_type="featmap",
        out_indices=[3, 5, 7, 11],  # 0-based
        final_norm=False,
        drop_path_rate=0.1,
        freeze_pos=False,  # MAE fine-tunes its position table
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=[
        dict(type="mmmim.ViTPyramid", in_channels=768, norm_cfg=norm_cfg),
        dict(type="FPN", in_channels=[768, 768, 768, 768], out_channels=256, num_outs=4),
    ],
    decode_head=dict(
        type="FPNHead",
        in_channels=[256, 256, 256, 256],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=128,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode="slide", crop_size=(512, 512), stride=(341, 341)),
)
