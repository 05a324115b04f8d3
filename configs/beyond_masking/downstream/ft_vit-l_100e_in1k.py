# ViT-L: 100 epochs and the class token, since "all the fine-tuning results share the same settings" (Appendix A.1). The
# paper gives no lr; 4e-3 at batch 1024, layer decay 0.75 and drop path 0.2 are MAE's for ViT-L, which runs 50 epochs.
_base_ = [
    "../../_base_/models/classifier_ft_vit-b.py",
    "../../_base_/datasets/cls_imagenet_224_randaug.py",
    "../../_base_/schedules/cls_adamw_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="beyond_masking/downstream/ft_vit-tiny_toy.py")

model = dict(
    backbone=dict(arch="large", out_type="cls", final_norm=True, drop_path_rate=0.2),
    head=dict(in_channels=1024, norm=[]),
)
train_dataloader = dict(batch_size=32)
