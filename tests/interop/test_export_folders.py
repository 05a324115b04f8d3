"""What exported folders hold, where they may be written, and what a checkpoint has to say for one."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from mmengine.config import Config
from models_to_export import BEIT, CONV, PLAIN, write_classifier
from small_encoders import write_checkpoint

from mmmim.commands import export as export_command
from mmmim.errors import UsageError
from mmmim.interop.export import TARGETS, export, read_encoder
from mmmim.models.backbones import BEiTViT, Swin, ViT

Change = Callable[[dict], None]


def changed(path: Path, change: Change) -> Path:
    checkpoint = torch.load(path)
    change(checkpoint)
    torch.save(checkpoint, path)
    return path


def error(capsys: pytest.CaptureFixture, *words: object) -> str:
    assert export_command.main([str(word) for word in words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    return told


# ---------------------------------------------------------------- timm


def test_timm_knows_the_images_of_its_folder(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run.pth", Swin, window_size=2, in_channels=4)
    usage, _ = export(read_encoder(tmp_path / "run.pth"), "timm", tmp_path / "out")
    assert usage == f'model = timm.create_model("local-dir:{tmp_path}/out", pretrained=True)'
    model = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True)
    data = timm.data.resolve_model_data_config(model)
    assert data["input_size"] == (4, 32, 64) and data["crop_pct"] == 1.0 and data["interpolation"] == "bicubic"
    assert data["mean"] == pytest.approx([120 / 255] * 4) and data["std"] == pytest.approx([58 / 255] * 4)
    assert model.num_classes == 0
    stored = json.loads((tmp_path / "out/config.json").read_text(encoding="utf-8"))
    assert stored["architecture"] == "swin_tiny_patch4_window7_224" and stored["model_args"]["embed_dim"] == 16
    assert not {"tag", "license", "url", "hf_hub_id"} & set(stored["pretrained_cfg"])  # those of other weights


def test_timm_s_classifier_has_the_names_of_classes(tmp_path: Path) -> None:
    for number, (backbone, norm) in enumerate(
        [
            (dict(PLAIN, out_type="avg", final_norm=False), "ln"),
            (dict(BEIT, fc_norm=True, out_type="avg"), ()),
            (CONV, "bn"),
        ]
    ):
        model = write_classifier(tmp_path / "ft.pth", backbone, norm)
        names = list("abcde")
        changed(tmp_path / "ft.pth", lambda file: file["meta"].update(dataset_meta=dict(classes=list("abcde"))))
        export(read_encoder(tmp_path / "ft.pth"), "timm", tmp_path / f"out{number}", with_head=True)
        loaded = timm.create_model(f"local-dir:{tmp_path}/out{number}", pretrained=True).eval()
        images = torch.randn(2, 3, *model.backbone.img_size)
        with torch.no_grad():
            torch.testing.assert_close(loaded(images), model(images), rtol=1e-4, atol=1e-4)
        assert loaded.pretrained_cfg["label_names"] == names


def test_a_suffix_asks_timm_for_a_file(tmp_path: Path, checkpoint: Path) -> None:
    usage, _ = export(read_encoder(checkpoint), "timm", tmp_path / "vit.safetensors")
    assert "safetensors.torch.load_file" in usage and (tmp_path / "vit.safetensors").is_file()
    usage, _ = export(read_encoder(checkpoint), "timm", tmp_path / "vit.pth")
    assert "torch.load" in usage and (tmp_path / "vit.pth").is_file()
    assert export(read_encoder(checkpoint), "timm", tmp_path / "vit.v2")[0].startswith('model = timm.create_model("lo')


def test_what_timm_s_registry_has_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "run.pth", BEiTViT, final_norm=False)
    encoder = read_encoder(tmp_path / "run.pth")
    with pytest.raises(UsageError, match=r"no final norm, .*name a file, --out .*out\.pth"):
        export(encoder, "timm", tmp_path / "out")
    found = BEiTViT.timm_model(encoder.meta, encoder.state)._replace(architecture=None)
    monkeypatch.setattr(BEiTViT, "timm_model", lambda *_: found)
    with pytest.raises(UsageError, match=r"no name for a BEiTViT \(TimmModel\.architecture\); name a file"):
        export(encoder, "timm", tmp_path / "out")


# ---------------------------------------------------------------- places


def test_places_that_are_taken_stay_as_they_are(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "note.txt").write_text("mine", encoding="utf-8")
    words = [checkpoint, "--to", "timm", "--out"]
    assert f"--out {full}: the folder is not empty; give the name of a new folder" in error(capsys, *words, full)
    assert f"--out {full}/note.txt: is a file; give the name of a new folder" in error(
        capsys, *words, full / "note.txt"
    )
    wrong = f"--out {full}/note.txt/out: {full}/note.txt is no folder"
    assert wrong in error(capsys, *words, full / "note.txt" / "out")
    os.mkdir(tmp_path / "taken.pth")
    assert "taken.pth: is a folder; give the name of a file in it" in error(capsys, *words, tmp_path / "taken.pth")
    assert [path.name for path in full.iterdir()] == ["note.txt"]
    (tmp_path / "vit.v2").mkdir()  # a suffix of no file
    assert export_command.main([str(word) for word in (*words, tmp_path / "vit.v2")]) == 0
    with pytest.raises(UsageError, match=r"--to transformers writes a folder; leave \.pth out of the name"):
        export(read_encoder(checkpoint), "transformers", tmp_path / "a.pth")
    with pytest.raises(UsageError, match=r"--to onnx writes a folder, or a file \.onnx; leave \.pt2 out"):
        export(read_encoder(checkpoint), "onnx", tmp_path / "a.pt2")


def test_a_place_without_write_permission(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)  # root may write everywhere
    told = error(capsys, checkpoint, "--to", "timm", "--out", tmp_path / "locked" / "out")
    assert f"--out {tmp_path}/locked/out: cannot be written (Permission denied)" in told


def test_an_empty_folder_is_filled_and_others_may_read_it(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "out").mkdir()
    before = os.umask(0o022)
    try:
        export(read_encoder(checkpoint), "timm", tmp_path / "out")
    finally:
        os.umask(before)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert modes == {0o644}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run.pth"]


def test_a_failed_export_keeps_the_file_of_an_earlier_one(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = read_encoder(checkpoint)
    export(encoder, "timm", tmp_path / "vit.pth")
    before = (tmp_path / "vit.pth").read_bytes()
    right = ViT.timm_model(encoder.meta, encoder.state)
    wrong = right._replace(arguments=dict(right.arguments, num_heads=4))
    monkeypatch.setattr(ViT, "timm_model", lambda *_: wrong)
    with pytest.raises(UsageError, match="features differ"):
        export(encoder, "timm", tmp_path / "vit.pth")
    assert (tmp_path / "vit.pth").read_bytes() == before


# ---------------------------------------------------------------- what is given


def test_a_run_stands_for_its_newest_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for epoch in (1, 2):
        write_checkpoint(run / f"epoch_{epoch}.pth", ViT)
        os.utime(run / f"epoch_{epoch}.pth", (epoch, epoch))
    assert export_command.main([str(run), "--to", "timm", "--out", str(tmp_path / "out")]) == 0
    assert f"(from {run / 'epoch_2.pth'})" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    told = error(capsys, tmp_path / "empty", "--to", "timm", "--out", tmp_path / "other")
    assert "no checkpoint at" in told and "the work directory of a run" in told


def test_targets_of_the_parser_are_those_of_the_library(capsys: pytest.CaptureFixture) -> None:
    assert tuple(TARGETS) == export_command.TARGETS
    with pytest.raises(SystemExit):
        export_command.parse_args(["CKPT", "--to", "transformer", "--out", "x"])
    told = capsys.readouterr().err
    assert "argument --to: invalid choice: 'transformer'" in told and "did you mean 'transformers'?" in told


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        (dict(mean=None), "how its images were normalised"),
        (dict(std=[0.0, 1.0, 1.0]), "how its images were normalised"),
        (dict(mean=[1.0, 2.0]), "how its images were normalised"),
        (dict(std=["a", "b", "c"]), "needs 'mean' and 'std' of 3 channels"),
    ],
)
def test_a_folder_needs_the_facts_of_its_images(tmp_path: Path, checkpoint: Path, facts: dict, names: str) -> None:
    changed(checkpoint, lambda file: file["meta"]["mmmim"].update(facts))
    encoder = read_encoder(checkpoint)
    with pytest.raises(UsageError, match=f"--to timm: .*{names}.*use --to timm --out FILE.pth"):
        export(encoder, "timm", tmp_path / "out")
    assert export(encoder, "timm", tmp_path / "vit.pth")[1] == 0


# ---------------------------------------------------------------- the model card


def test_the_card_says_what_the_run_was(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "ccmim"
    run.mkdir(parents=True)
    write_checkpoint(run / "epoch_3.pth", ViT)
    config = dict(
        work_dir="/disks/me/work_dirs/ccmim/vit-b_800e",
        train_dataloader=dict(
            batch_size=64, dataset=dict(type="mmmim.ImageFolder", root="/disks/me/data/imagenet/train")
        ),
        optim_wrapper=dict(optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.95), weight_decay=0.05)),
        train_cfg=dict(max_epochs=800),
    )

    def describe(file: dict) -> None:
        file["meta"]["cfg"] = Config(config).pretty_text
        file["meta"]["mmmim"].update(epoch=3, iter=99, stage="ssl", version="0.1.0")

    changed(run / "epoch_3.pth", describe)
    knn = dict(checkpoint=str(run / "epoch_3.pth"), pretrained=dict(k10=49.5), random_init=dict(k10=20.0))
    (run / "knn.json").write_text(json.dumps(knn), encoding="utf-8")
    other = dict(checkpoint="epoch_2.pth", pretrained=dict(top1=12.0))
    (run / "probe.json").write_text(json.dumps(other), encoding="utf-8")
    export(read_encoder(run / "epoch_3.pth"), "timm", tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    for line in (
        "library_name: timm",
        "pipeline_tag: image-feature-extraction",
        "| method | CCMIM, pre-training without labels |",
        "| run | ccmim/vit-b_800e |",
        "| data | ImageFolder imagenet/train |",
        "trained for 3 epochs, 99 iterations; of 800 epochs; images per process and step 64; optimizer AdamW lr=0.0001",
        "| knn.json | k10 | 49.5 |",
        "## Licence",
        'model = timm.create_model("local-dir:out", pretrained=True)',
    ):
        assert line in card, (line, card)
    assert "12" not in card.split("## Figures")[1].split("## Use")[0]  # of another checkpoint
    assert "/disks/me" not in card and str(tmp_path) not in card


def test_a_card_holds_no_text_that_a_checkpoint_could_abuse(tmp_path: Path, checkpoint: Path) -> None:
    bad = "x|\n---\n# <script>alert(1)</script> `rm` ![](http://x)"
    config = dict(
        work_dir=bad,
        train_dataloader=dict(batch_size=bad, dataset=dict(type=bad, root=bad)),
        optim_wrapper=dict(optimizer=dict(type=bad, lr=bad)),
    )

    def describe(file: dict) -> None:
        file["meta"].update(cfg=Config(config).pretty_text, dataset_meta=dict(classes=["a\nb", 3]))

    changed(checkpoint, describe)
    encoder = read_encoder(checkpoint)
    assert encoder.classes == ()
    export(encoder, "timm", tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert not any(sign in card for sign in ("<", ">", "`rm`", "![", "# alert")) and card.count("---\n") == 2
