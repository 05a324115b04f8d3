# UperNet on the built-in pictures, about a minute on two CPU cores. The paper (Table 12) resizes tables bilinearly, the
# authors' code as BEiT's: rel_pos_resize="geometric".
_base_ = [
    "../../_base_/models/toy_upernet_beit.py",
    "../../_base_/datasets/toy_ade20k.py",
    "../../_base_/schedules/seg_toy_200.py",
]

model = dict(backbone=dict(pos_embed="sincos", rel_pos_resize="bilinear"))
