# SwinV2-G, 3.0 billion parameters (Liu et al. 2022, A2.2): 20 epochs of 70 million private images at 192 pixels, batch
# 9216, lr 1.4e-3, 30,000 updates of warm-up, weight decay 0.1, clip 100. Parameters, gradients and moments are sharded
# over all processes, every block is recomputed in the backward pass (with_cp). The images are private: on ImageNet-1K
# the same 20 epochs have 2,780 updates, of which the warm-up takes 556 and not 30,000. Runs and plans warn of that.
_base_ = [
    "../_base_/models/simmim_swinv2-b.py",
    "../_base_/datasets/imagenet_192_simmim.py",
    "../_base_/schedules/simmim_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="simmim/swin-tiny_toy.py")

model = dict(backbone=dict(arch="giant", with_cp=True), target_generator=dict(norm_pix="none"))
train_dataloader = dict(batch_size=36)  # x 256 processes
optim_wrapper = dict(
    optimizer=dict(lr=1.4e-3, weight_decay=0.1),
    clip_grad=dict(max_norm=100.0),
    cache_enabled=False,  # cached bfloat16 weights would outlive the gathered ones
)
param_scheduler = dict(
    _delete_=True,
    type="WarmupCosineLR",
    warmup=4,  # 30,000 of 152,000 updates with 70 million images; 556 of 2,780 with ImageNet-1K
    warmup_lr=0.0,
    min_lr=0.0,
    begin=0,
    convert_to_iter_based=True,
)
train_cfg = dict(max_epochs=20)
auto_scale_lr = dict(base_batch_size=9216, recipe_batch_size=9216, recipe_num_images=70_000_000)
assumed_num_images = 70_000_000
model_wrapper_cfg = dict(type="mmmim.ShardedDataParallel", units=("SwinV2Block",))
