# ADE20K, UperNet, 160k iterations of 16 images, from a checkpoint that was fine-tuned on ImageNet-1K before. Published
# by the authors (Table 2): 49.8 mIoU. Layer decay 0.9, and the best lr of 1e-5, 3e-5, 5e-5, 7e-5 (Table 12), which also
# says that tables are resized bilinearly; the authors' code resizes and decays them as BEiT's does.
_base_ = [
    "../../_base_/models/upernet_beit.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_160k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="conmim/downstream/upernet_vit-tiny_toy.py")

model = dict(backbone=dict(rel_pos_resize="bilinear"))
optim_wrapper = dict(
    optimizer=dict(lr=3e-5),
    paramwise_cfg=dict(layer_decay_rate=0.9, decay_rel_pos=True),
)
custom_hooks = [
    dict(
        type="mmmim.PretrainedReportHook",
        stage="ft",
        stage_fix="run configs/conmim/downstream/ft_vit-b_100e_in1k.py first, or take upernet_vit-b_ssl_160k_ade20k.py",
    )
]
