# The authors' code trains a probe per block, on class token and mean patch side by side. Here, as SimMIM's: the mean
# patch of block 8; linear_vit-b_layerwise_100e_in1k.py probes all blocks.
_base_ = "../../_base_/recipes/linear_beit-vit-b_100e_in1k.py"
recipe = dict(toy="probe")
