_base_ = "../../configs/_base_/recipes/mae_toy.py"

custom_imports = dict(imports=["projects.example_method"])

model = dict(
    type="MeanMatchingMIM",
    mean_weight=0.1,
    masker=dict(_delete_=True, type="CheckerboardMasker", cell=2),
    target_generator=dict(_delete_=True, type="LowPassTarget", kernel=5),
)
