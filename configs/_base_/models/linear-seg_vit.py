# A 1x1 convolution on the last, normed map, upsampled to the labels: CIM's linear decoder. No auxiliary head.
_base_ = "upernet_beit.py"
model = dict(
    backbone=dict(out_indices=[11], final_norm=True),
    neck=None,
    decode_head=dict(
        _delete_=True,
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
)
