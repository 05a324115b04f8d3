# A 1x1 convolution on the last, normed map of BEiT's ViT-B/16, upsampled to the labels: CIM's linear decoder. Every
# block has a table of relative positions, which start from copies of a shared one. No auxiliary head.
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
        type="mmmim.BEiTViT",
        arch="base",
        img_size=512,
        patch_size=16,
        rel_pos="block",
        mask_mode=None,
        out_type="featmap",
        out_indices=[11],  # 0-based
        final_norm=True,
        drop_path_rate=0.1,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=None,
    decode_head=dict(
        type="FCNHead",
        in_channels=768,
        in_index=-1,
        channels=768,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0.0,
        num_classes=150,
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0),
    ),
    auxiliary_head=None,
    train_cfg=dict(),
    test_cfg=dict(mode="slide", crop_size=(512, 512), stride=(341, 341)),
)
