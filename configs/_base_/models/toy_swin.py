# The Swin of all toy configs: 2-pixel tokens, three stages, 8 x 8 outputs of a 64-pixel image.
toy_swin = dict(embed_dims=32, depths=(2, 2, 4), num_heads=(1, 2, 4))
