# The best of BEiT's 12 blocks, as SimMIM's Table 6 compares them.
_base_ = "../../_base_/recipes/linear_beit-vit-b_100e_in1k.py"
recipe = dict(toy="probe")

model = dict(
    backbone=dict(out_indices=list(range(12))),  # 0-based
    head=dict(_delete_=True, type="LayerwiseClsHead", num_classes=1000, init_std=0.01),
)
