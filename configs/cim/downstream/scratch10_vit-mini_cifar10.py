# Training CIM's plain ViT from random weights on a tenth of the labels, with --checkpoint none.
_base_ = [
    "../../_base_/models/mini_classifier_cim-vit.py",
    "../../_base_/datasets/cls_cifar10_32.py",
    "../../_base_/schedules/mini_lowshot10.py",
]

assumed_num_images = 2_000
model = dict(head=dict(norm="ln", init_std=2e-5, label_smoothing=0.1))
train_dataloader = dict(dataset=dict(keep=0.1))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
