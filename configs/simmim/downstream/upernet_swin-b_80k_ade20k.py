# ADE20K, UperNet, 80k iterations of 32 images, window 20, from a checkpoint that was fine-tuned on ImageNet-1K before.
# Published by the authors (Table 12), multi-scale test (tools/test.py --tta): 52.8 mIoU; supervised 50.4.
_base_ = [
    "../../_base_/models/upernet_swin.py",
    "../../_base_/datasets/ade20k.py",
    "../../_base_/schedules/seg_adamw_80k.py",
    "../../_base_/seg_runtime.py",
]
recipe = dict(toy="simmim/downstream/upernet_swin-tiny_toy.py")

train_dataloader = dict(batch_size=4)  # x 8 GPUs
custom_hooks = [
    dict(
        type="mmmim.PretrainedReportHook",
        stage="ft",
        stage_fix="run configs/simmim/downstream/ft_swin-b_224_100e_in1k.py first, or take "
        "upernet_swin-b_ssl_80k_ade20k.py",
    )
]
