# Non-linear probe: 2 (or 4: model.neck.depth=4) fresh blocks on the tokens of the frozen encoder, class token.
# The idea is Beyond Masking's; recipe not from the paper, which has none. 1e-3 at batch 1024 (8 processes x 128).
_base_ = "../../_base_/recipes/nonlinear_vit-b_90e_in1k.py"
recipe = dict(toy="mae/downstream/nonlinear_vit-tiny_toy.py")
