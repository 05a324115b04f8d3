from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models_to_export import write_pretraining

from mmmim.errors import UsageError
from mmmim.interop.export import export, read_encoder
from mmmim.models.layers import PatchMask

transformers = pytest.importorskip("transformers")


def test_a_pre_training_by_mae_keeps_its_decoder(tmp_path: Path) -> None:
    model = write_pretraining(tmp_path / "mae.pth").double()
    usage, difference = export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "out", with_head=True)
    assert difference < 1e-10 and "AutoModelForPreTraining" in usage
    theirs = transformers.AutoModelForPreTraining.from_pretrained(tmp_path / "out").eval().double()
    assert type(theirs).__name__ == "ViTMAEForPreTraining"
    assert (theirs.config.mask_ratio, theirs.config.norm_pix_loss) == (0.5, True)
    images, noise = torch.randn(2, 3, 32, 32).double(), torch.rand(2, 16)
    mask = PatchMask(noise.argsort(1), 8, (4, 4))
    with torch.no_grad():
        told = theirs(images, noise=noise)
        predicted = model.neck(model.backbone(images, mask)[-1], mask)
    torch.testing.assert_close(told.logits, predicted, rtol=0, atol=1e-9)
    assert torch.equal(told.mask.bool().view(2, 4, 4), mask.mask)
    target = model.target_generator(images)
    torch.testing.assert_close(
        told.loss.double(),
        ((predicted - target).square().mean(-1) * mask.mask.flatten(1)).sum() / 16,
        rtol=1e-5,
        atol=0,
    )
    # Without the decoder it is a ViT, whose features are those of the whole image.
    assert export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "vit")[1] < 1e-10
    assert type(transformers.AutoModel.from_pretrained(tmp_path / "vit")).__name__ == "ViTModel"


def test_decoders_that_are_no_vit_mae_are_refused(tmp_path: Path) -> None:
    write_pretraining(tmp_path / "mae.pth")
    checkpoint = torch.load(tmp_path / "mae.pth")
    checkpoint["state_dict"] |= {
        "neck.decoder_pred.weight": torch.zeros(7, 16),
        "neck.decoder_pred.bias": torch.zeros(7),
    }
    torch.save(checkpoint, tmp_path / "mae.pth")
    with pytest.raises(UsageError, match="predicts pixels, this decoder something else"):
        export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "out", with_head=True)
    checkpoint["state_dict"]["neck.decoder_norm.bias"] = torch.zeros(15)
    torch.save(checkpoint, tmp_path / "mae.pth")
    with pytest.raises(UsageError, match=r"not those of MAE's decoder: decoder_norm\.bias"):
        export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "out", with_head=True)
    checkpoint["meta"]["cfg"] = "model = dict(neck=dict(num_heads=5))"
    torch.save(checkpoint, tmp_path / "mae.pth")
    with pytest.raises(UsageError, match=r"neck\.num_heads=5 does not divide the decoder's width"):
        export(read_encoder(tmp_path / "mae.pth"), "transformers", tmp_path / "out", with_head=True)
