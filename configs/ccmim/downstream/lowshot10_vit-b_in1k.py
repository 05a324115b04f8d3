# Fine-tuning on 10 % of ImageNet's labels. Not in the ccMIM paper: the recipe with which Semi-ViT (Cai et al., 2022)
# fine-tunes MAE's ViT-B on 10 %: MAE's at base lr 2.5e-4, decay 0.65, 5e-4 at batch 512 (8 processes x 64).
# A share of each class is drawn by keep_seed; SimCLR's own list (10percent.txt, google-research/simclr):
# --cfg-options train_dataloader.dataset.keep=None train_dataloader.dataset.list_file=10percent.txt
_base_ = "ft_vit-b_100e_in1k.py"

assumed_num_images = 128_116
train_dataloader = dict(batch_size=64, dataset=dict(keep=0.1))
optim_wrapper = dict(optimizer=dict(lr=2.5e-4), paramwise_cfg=dict(layer_decay_rate=0.65))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 5e-4, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=256, recipe_batch_size=512)
