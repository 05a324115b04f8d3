# ADE20K, FCN on ResNet-50, 80k iterations of 16 images, whole images in the test: mmseg's fcn_r50-d8 with the plain
# stem. Published by the authors (CIM, Table 3b): 36.2 mIoU with RevDet; supervised 35.9.
_base_ = [
    "../../_base_/models/fcn_resnet.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_sgd_80k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="cim/downstream/fcn_resnet-tiny_toy.py")
