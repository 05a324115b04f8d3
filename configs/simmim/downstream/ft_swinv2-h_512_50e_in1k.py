# At 512 pixels, from the pre-trained encoder. The paper names no window: 32, the image's sixteenth as at 192 and 224.
# 2048 images as 256 processes x 8.
_base_ = [
    "../../_base_/models/classifier_ft_swinv2-h.py",
    "../../_base_/datasets/cls_imagenet_512_randaug.py",
    "../../_base_/schedules/cls_simmim_100e.py",
    "../../_base_/cls_runtime.py",
]
recipe = dict(toy="simmim/downstream/ft_swin-tiny_toy.py")

model = dict(backbone=dict(img_size=512, window_size=32))
train_dataloader = dict(batch_size=8)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.7))
param_scheduler = dict(warmup=10, count_from_zero=False)
train_cfg = dict(max_epochs=50)
