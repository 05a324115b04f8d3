# Task (m), masked: three quarters of the patches are hidden. MAE with this paper's decoder, target and schedule.
_base_ = [
    "../_base_/models/beyond_masking_vit-b.py",
    "../_base_/datasets/imagenet_224_pretrain.py",
    "../_base_/schedules/beyond_masking_300e.py",
    "../_base_/default_runtime.py",
]
