from __future__ import annotations

import torch

from mmmim.checkpoint.names import compare, prefixes_of, strip_prefix


def test_patterns_of_the_backbone_excuse_tensors() -> None:
    class Picky(torch.nn.Module):
        pretrain_only, downstream_only = ("old.*",), ("out_norm*",)

        def __init__(self) -> None:
            super().__init__()
            self.fc, self.out_norm0 = torch.nn.Linear(2, 2), torch.nn.LayerNorm(2)
            self.register_buffer("steps", torch.tensor(3))

    module = Picky()
    state = dict(module.fc.state_dict(prefix="fc."), steps=torch.tensor(3)) | {"old.weight": torch.zeros(1)}
    report = compare(state, module)
    assert report.ratio == "3/3" and report.complete
    assert (report.new, report.unused) == (["out_norm0.weight", "out_norm0.bias"], ["old.weight"])
    assert not torch.isnan(module.fc.weight).any()


def test_prefixes() -> None:
    state = {"a.b.x": torch.zeros(1), "a.b.y.z": torch.zeros(1), "a.x": torch.zeros(1)}
    assert prefixes_of(state, ["x", "y.z"]) == ["a.b.", "a."]
    assert list(strip_prefix(state, "a.b")) == list(strip_prefix(state, "a.b.")) == ["x", "y.z"]
    assert list(strip_prefix(state, None)) == list(state)
