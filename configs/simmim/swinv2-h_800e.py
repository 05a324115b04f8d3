# 658M parameters. The paper names the total; heads (11, 22, 44, 88) and drop path 0.1 are our reading.
_base_ = [
    "../_base_/models/simmim_swinv2-b.py",
    "../_base_/datasets/imagenet_192_simmim.py",
    "../_base_/schedules/simmim_800e.py",
    "../_base_/default_runtime.py",
]
recipe = dict(toy="simmim/swin-tiny_toy.py")

model = dict(backbone=dict(arch="huge", with_cp=True), target_generator=dict(norm_pix="none"))
