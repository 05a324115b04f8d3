from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from refused_export import changed
from small_encoders import write_checkpoint

from mmmim.interop.export import export, read_encoder
from mmmim.models.backbones import ViT

Change = Callable[[dict], None]


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
