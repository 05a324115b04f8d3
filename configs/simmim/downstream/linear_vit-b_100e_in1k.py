# Mean of the patch tokens of block 8 (the authors in issue 14 of microsoft/SimMIM), without the final norm.
# linear_vit-b_layerwise_100e_in1k.py probes all blocks. 1024 images as 8 processes x 128.
_base_ = "../../_base_/recipes/linear_beit-vit-b_100e_in1k.py"
recipe = dict(toy="probe")
