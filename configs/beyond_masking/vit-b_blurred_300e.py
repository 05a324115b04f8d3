# Task (d): a random convolution for every image and channel; N(1/81, 0.02^2).
_base_ = ["vit-b_masked_300e.py"]

model = dict(
    masker=None,
    degradation=dict(type="RandomKernelBlur", kernel_size=9, mean=None, std=0.02),
    head=dict(scope="all"),
)
