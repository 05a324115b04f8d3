# Fine-tuning on the built-in pictures, under a minute on two CPU cores: the mean of the 2 x 2 cells, norms per process.
_base_ = [
    "../../_base_/models/toy_classifier_resnet.py",
    "../../_base_/datasets/cls_toy.py",
    "../../_base_/schedules/ft_toy.py",
]

model = dict(head=dict(init_std=0.01, label_smoothing=0.1))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
