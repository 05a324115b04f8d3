# Fine-tuning with the values of MAE's repository for checkpoints of normalised pixels: 2e-3 at batch 1024 (32
# processes x 32).
_base_ = [
    "../../_base_/models/classifier_ft_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_mae_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="mae/downstream/ft_vit-tiny_toy.py")

train_dataloader = dict(batch_size=32)
