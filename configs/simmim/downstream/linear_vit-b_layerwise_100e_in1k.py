# A probe for each of the 12 blocks, all in one pass: accuracy/top1 is the best block's, which is the number that the
# paper reports (section 4.2), and accuracy/best_block its number. Each probe is what linear_vit-b_100e_in1k.py trains
# for one.
_base_ = "../../_base_/recipes/linear_beit-vit-b_100e_in1k.py"
recipe = dict(toy="probe")

model = dict(
    backbone=dict(out_indices=list(range(12))),  # 0-based
    head=dict(_delete_=True, type="LayerwiseClsHead", num_classes=1000, init_std=0.01),
)
