# Task (d): a random convolution for every image and channel.
_base_ = "../_base_/recipes/beyond_masking_300e.py"
recipe = dict(toy="beyond_masking/vit-tiny_blurred_toy.py")

model = dict(masker=None, degradation=dict(type="RandomKernelBlur", kernel_size=9), head=dict(scope="all"))
