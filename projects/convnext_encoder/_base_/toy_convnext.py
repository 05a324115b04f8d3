# The ConvNeXt of this folder's configs: one or two blocks per stage, and 2 x 2 outputs for a 64-pixel image.
toy_convnext = dict(depths=[1, 1, 2, 1], dims=[32, 64, 128, 256])
