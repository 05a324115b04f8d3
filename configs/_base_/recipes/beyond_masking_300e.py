# The seven tasks of Beyond Masking share model, data and schedule.
_base_ = [
    "../models/beyond_masking_vit-b.py",
    "../datasets/imagenet_224_pretrain.py",
    "../schedules/beyond_masking_300e.py",
    "../default_runtime.py",
]
