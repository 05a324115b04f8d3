# Fine-tuning on 10 % of ImageNet's labels. Not in the ccMIM paper: the recipe with which Semi-ViT (Cai et al., 2022)
# fine-tunes MAE's ViT-B on 10 %: MAE's at base lr 2.5e-4, decay 0.65, 5e-4 at batch 512 (8 processes x 64).
# A share of each class is drawn by keep_seed; SimCLR's own list (10percent.txt, google-research/simclr):
# --cfg-options train_dataloader.dataset.keep=None train_dataloader.dataset.list_file=10percent.txt
_base_ = [
    "../../_base_/models/classifier_ft_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_lowshot_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="ccmim/downstream/lowshot10_vit-tiny_toy.py")

assumed_num_images = 128_116
train_dataloader = dict(batch_size=64, dataset=dict(keep=0.1))
