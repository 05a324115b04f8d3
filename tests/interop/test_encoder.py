from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_encoders import write_checkpoint

from mmmim.errors import UsageError, WeightsError
from mmmim.interop.encoder import build_encoder, encoder_class, import_modules, read_encoder
from mmmim.models.backbones import Swin, ViT


def changed(file: Path, **facts: Any) -> Path:
    content = torch.load(file)
    content["meta"]["mmmim"].update(facts)
    torch.save(content, file)
    return file


@pytest.mark.parametrize("cls", [ViT, Swin])
def test_it_is_rebuilt_and_gives_the_same_features(cls: type, tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "a.pth", cls, mask_mode="replace")
    encoder = read_encoder(tmp_path / "a.pth")
    assert encoder.kind == cls.__name__ and encoder.has_norm and encoder.file == tmp_path / "a.pth"
    assert not any("mask_token" in name for name in encoder.state)
    assert {"backbone.mask_token", "neck.decoder_pred.weight"} <= encoder.others.keys()
    images = torch.randn(2, 3, *model.img_size, dtype=torch.float64)
    tokens = build_encoder(encoder, encoder.state)(images)
    model.out_type = "raw"
    torch.testing.assert_close(tokens, model.double()(images)[-1])


def test_what_a_file_says_is_compared_with_its_tensors(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match=r"its tensors are not those of the ViT of its meta: .*\(file .*, meta"):
        read_encoder(changed(checkpoint, patch_size=[16, 16]))


def test_facts_of_which_nothing_can_be_built_are_refused(checkpoint: Path) -> None:
    with pytest.raises((WeightsError, UsageError), match=r"run\.pth: "):
        read_encoder(changed(checkpoint, num_heads=7, arch=None))


def test_files_of_others_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    torch.save(dict(state_dict={}), tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"not a checkpoint of mmmim: meta\['mmmim'\] is missing"):
        read_encoder(tmp_path / "other.pth")
    content = torch.load(checkpoint)
    content["state_dict"] = {name.removeprefix("backbone."): value for name, value in content["state_dict"].items()}
    torch.save(content, checkpoint)
    with pytest.raises(UsageError, match=r"no tensor starts with 'backbone\.'; the file holds "):
        read_encoder(checkpoint)


def test_an_unknown_encoder_is_named_with_the_modules_of_its_run(checkpoint: Path) -> None:
    with pytest.raises(
        UsageError, match=r"only .*ResNet, .*ViT can be exported, this is a 'MyEncoder'.*--custom-imports"
    ):
        encoder_class("MyEncoder")
    with pytest.raises(UsageError, match=r"can be exported, this is a 'RandomMasker'"):
        encoder_class("RandomMasker")  # registered, but no encoder
    content = torch.load(changed(checkpoint, backbone="MyEncoder"))
    content["meta"]["cfg"] = "custom_imports = dict(imports=['my.module'])\n"
    torch.save(content, checkpoint)
    with pytest.raises(UsageError, match=r"\(the run imported \['my\.module'\]\)"):
        read_encoder(checkpoint)


def test_modules_are_found_below_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "module_of_a_user.py").write_text("VALUE = 3\n", encoding="utf-8")
    import_modules(["module_of_a_user"])
    assert sys.modules.pop("module_of_a_user").VALUE == 3
    with pytest.raises(UsageError, match=r"--custom-imports no_such_module: .*looked from"):
        import_modules(["no_such_module"])
