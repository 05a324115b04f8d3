# FCN on a ResNet-50 of stride 8: mmseg's fcn_r50-d8 but for the stem, which is the plain 7x7 of pre-training. The last
# stages are dilated instead of striding, their first block by the dilation before it (mmseg: contract_dilation).
# Auxiliary head on the third stage; norms over all processes; test images whole.
_base_ = "upernet_vit.py"
model = dict(
    data_preprocessor=dict(test_cfg=None),
    backbone=dict(
        _delete_=True,
        type="mmmim.ResNet",
        depth=50,
        img_size=512,
        norm="syncbn",
        mask_mode=None,
        out_type="featmap",
        out_indices=[0, 1, 2, 3],
        output_stride=8,
        init_cfg=dict(type="Pretrained", checkpoint=None, prefix="backbone."),
    ),
    neck=None,
    decode_head=dict(
        _delete_=True,
        type="FCNHead",
        in_channels=2048,
        in_index=3,
        channels=512,
        num_convs=2,
        concat_input=True,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg={{_base_.norm_cfg}},
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0),
    ),
    auxiliary_head=dict(in_channels=1024),
    test_cfg=dict(_delete_=True, mode="whole"),
)
