# ADE20K, UperNet, 160k iterations of 16 images: lr 1e-4 is that of mmseg's configs for MAE. Published for 1600 epochs:
# 48.1 mIoU (MAE, Table 5); as printed by ccMIM (Table 3): 45.2 after 300, 46.9 after 1600. The authors add relative
# positions in fine-tuning, which this encoder does not have.
_base_ = [
    "../../_base_/models/upernet_vit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="mae/downstream/upernet_vit-tiny_toy.py")

optim_wrapper = dict(optimizer=dict(lr=1e-4))
