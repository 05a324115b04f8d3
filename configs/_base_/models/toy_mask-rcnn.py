# Sizes of all toy Mask R-CNNs: widths of the heads, numbers of boxes.
toy_rpn_head = dict(in_channels=32, feat_channels=32, anchor_generator=dict(scales=[4]))
toy_roi_head = dict(
    bbox_roi_extractor=dict(out_channels=32),
    bbox_head=dict(in_channels=32, conv_out_channels=32, fc_out_channels=64, num_classes=2),
    mask_roi_extractor=dict(out_channels=32),
    mask_head=dict(in_channels=32, conv_out_channels=32, num_classes=2),
)
toy_boxes = dict(
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100)),
)
