# The seven tasks on the built-in pictures share data, schedule and size.
_base_ = [
    "../models/beyond_masking_vit-b.py",
    "../models/toy_arch.py",
    "../datasets/toy_64_pretrain.py",
    "../schedules/toy_pretrain.py",
    "../toy_runtime.py",
]

model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.toy_arch), img_size=64, patch_size=8),
    neck=dict(dims=64, depth=2, num_heads=4),
    # patches standardised over all channels, as MAE's: per channel, small patches of flat colour are mostly noise and
    # the loss stays on its first plateau for as long as these runs are
    target_generator=dict(norm_pix="patch"),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
# Half of the toy pictures: a step without masks takes three times as long.
train_dataloader = dict(dataset=dict(num_images=2048))
