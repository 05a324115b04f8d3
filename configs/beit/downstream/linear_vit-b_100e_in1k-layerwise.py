# The best of BEiT's 12 blocks, as SimMIM's Table 6 compares them.
_base_ = "../../simmim/downstream/linear_vit-b_100e_in1k-layerwise.py"
