# 658M parameters. The paper names the total; heads (11, 22, 44, 88) and drop path 0.1 are our reading.
_base_ = ["swinv2-b_800e.py"]

model = dict(backbone=dict(arch="huge", with_cp=True), target_generator=dict(norm_pix="none"))
