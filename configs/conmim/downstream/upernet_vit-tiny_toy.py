# UperNet on the built-in pictures, about a minute on two CPU cores. The paper (Table 12) resizes tables bilinearly, the
# authors' code as BEiT's: rel_pos_resize="geometric".
_base_ = ["../../simmim/downstream/upernet_vit-tiny_toy.py"]
model = dict(backbone=dict(pos_embed="sincos", rel_pos_resize="bilinear"))
