# MAE's recipe: 4096 images (64 x 64 GPUs), lr 1.5e-4 per 256 = 2.4e-3, 40 warm-up epochs.
_base_ = "../_base_/recipes/mae_vit-b_800e.py"
recipe = dict(toy="mae/vit-tiny_toy.py")
