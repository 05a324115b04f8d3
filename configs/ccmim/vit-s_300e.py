# Implied by the COCO rows of ViT-S; the recipe is ViT-B's, with the 512-wide decoder.
_base_ = [
    "../_base_/models/ccmim_vit-b.py",
    "../_base_/datasets/imagenet_224_pretrain.py",
    "../_base_/schedules/adamw_300e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="ccmim/vit-tiny_toy.py")

model = dict(backbone=dict(arch="small"))
train_dataloader = dict(batch_size=32)
