# Task (d): a random convolution for every image and channel.
_base_ = "../_base_/recipes/beyond_masking_toy.py"

model = dict(masker=None, degradation=dict(type="RandomKernelBlur", kernel_size=5), head=dict(scope="all"))
