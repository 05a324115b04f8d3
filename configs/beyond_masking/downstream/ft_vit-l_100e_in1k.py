# ViT-L: 100 epochs and the class token, since "all the fine-tuning results share the same settings" (Appendix A.1). The
# paper gives no lr; 4e-3 at batch 1024, layer decay 0.75 and drop path 0.2 are MAE's for ViT-L, which runs 50 epochs.
_base_ = "../../mae/downstream/ft_vit-l_50e_in1k.py"

model = dict(backbone=dict(out_type="cls", final_norm=True), head=dict(norm=[]))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=5, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / 4e-3, T_max=95, begin=5, end=100, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=100)
