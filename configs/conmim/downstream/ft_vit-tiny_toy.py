# Fine-tuning on the built-in pictures, half a minute on two CPU cores: what fine-tunes SimMIM's encoder fine-tunes
# ConMIM's, a table of relative positions per block and a new norm after the mean of the patch tokens.
_base_ = ["../../simmim/downstream/ft_vit-tiny_toy.py"]
model = dict(backbone=dict(pos_embed="sincos"))
