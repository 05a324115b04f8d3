# The ConvNeXt of this folder's configs: a block or two per stage, 2 x 2 outputs of a 64-pixel image.
toy_convnext = dict(depths=[1, 1, 2, 1], dims=[32, 64, 128, 256])
