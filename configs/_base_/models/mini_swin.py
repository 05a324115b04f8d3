# The Swin of the mini configs, 2.7 million parameters: 2-pixel tokens, three stages, 4 x 4 outputs of a 32-pixel image.
mini_swin = dict(embed_dims=64, depths=(2, 4, 2), num_heads=(2, 4, 8))
