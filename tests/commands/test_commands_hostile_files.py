"""No tool runs what a file contains: each names the file and what it asked for, and ends with status 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import hostile
from small_encoders import write_checkpoint

from mmmim.commands import convert, export, knn, probe, test, train, visualize
from mmmim.registry import MODELS

PRETRAIN, FINETUNE = "configs/ccmim/vit-tiny_toy.py", "configs/ccmim/downstream/ft_vit-tiny_toy.py"
SMALL = ["--epochs", "1", "--cfg-options", "train_dataloader.dataset.num_images=64"]

# Every tool and option that takes a file of weights: its main function and its arguments.
TOOLS: dict[str, tuple[Callable[[list[str]], int], list[str]]] = {
    "train --checkpoint": (train.main, [FINETUNE, "--checkpoint", "FILE", *SMALL]),
    "train --resume": (train.main, [PRETRAIN, "--resume", "FILE", *SMALL]),
    "train load_from": (train.main, [PRETRAIN, *SMALL, "load_from=FILE"]),
    "train init_cfg": (
        train.main,
        [PRETRAIN, *SMALL, "model.backbone.init_cfg.type=Pretrained", "model.backbone.init_cfg.checkpoint=FILE"],
    ),
    "test": (test.main, [FINETUNE, "FILE"]),
    "knn": (knn.main, [PRETRAIN, "FILE", "--num-test", "8", "--cfg-options", "train_dataloader.dataset.num_images=64"]),
    "probe": (
        probe.main,
        [PRETRAIN, "FILE", "--num-test", "8", "--cfg-options", "train_dataloader.dataset.num_images=64"],
    ),
    "export": (export.main, ["FILE", "--to", "timm", "--out", "OUT.pth"]),
    "convert": (convert.main, ["FILE", "--out", "OUT.pth"]),
    "visualize": (visualize.main, ["reconstruction", PRETRAIN, "FILE", "--out", "OUT.png"]),
    "attention": (visualize.main, ["attention", PRETRAIN, "FILE", "--out", "OUT.png"]),
}


def stored(file: Path, kind: str, zipped: bool) -> Path:
    """Write a checkpoint of ours that holds a call besides."""
    write_checkpoint(file)
    content = torch.load(file)
    content["extra"] = hostile(file.with_name("marker"))[kind]
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file


@pytest.mark.parametrize(("kind", "zipped"), [("os.system", True), ("eval", False)])
@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_refuses_the_file(
    tool: str, kind: str, zipped: bool, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file = stored(tmp_path / "hostile.pth", kind, zipped)
    main, arguments = TOOLS[tool]
    filled = [each.replace("FILE", str(file)).replace("OUT", str(tmp_path / "out")) for each in arguments]
    if main in (train.main, test.main):
        filled += (
            [f"work_dir={tmp_path / 'run'}"] if "--cfg-options" in filled else ["--work-dir", str(tmp_path / "run")]
        )
    assert main(filled) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "hostile.pth: refused: to read it, " in said
    assert ("system" if kind == "os.system" else "builtins.eval") in said
    assert not (tmp_path / "marker").exists() and not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    "config",
    [
        dict(type="DALLETokenizer", checkpoint="FILE"),
        dict(type="VQGANTokenizer", checkpoint="FILE"),
        dict(type="TinyDVAE", checkpoint="FILE"),
    ],
    ids=lambda config: config["type"],
)
def test_a_tokenizer_refuses_the_file(config: dict[str, Any], tmp_path: Path) -> None:
    file = stored(tmp_path / "hostile.pth", "os.system", True)
    with pytest.raises(RuntimeError, match=r"hostile\.pth: refused: to read it"):
        MODELS.build(dict(config, checkpoint=str(file))).init_weights()
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_palette_refuses_the_file(suffix: str, tmp_path: Path) -> None:
    file, content = tmp_path / f"palette{suffix}", np.array([hostile(tmp_path / "marker")["os.system"]], dtype=object)
    with file.open("wb") as opened:
        np.savez(opened, centers=content) if suffix == ".npz" else np.save(opened, content)
    with pytest.raises(RuntimeError, match=rf"palette\{suffix}': no file of colours .*allow_pickle"):
        MODELS.build(dict(type="ColorClusterTarget", palette=str(file), clusters=1)).init_weights()
    assert not (tmp_path / "marker").exists()


# ------------------------------------------------------------------ what a file says of itself

MALICIOUS: dict[str, tuple[dict[str, Any], str]] = {
    "depths as code": (dict(depth="__import__('os').system('true')"), "not a number or a name"),
    "a name with quotes": (dict(arch="tiny'); print('"), "not a number or a name"),
    "a key that is no name": ({"a b": 1}, "which is no name"),
    "an object": (dict(arch=Path("x")), "not a number or a name"),
    "not a number": (dict(drop=float("nan")), "not a number or a name"),
    "too many blocks": (dict(depth=10**6), "blocks, its encoder has only"),
    "too wide": (dict(embed_dims=10**6), "no side of its tensors is longer"),
    "another encoder": (dict(num_heads=3), "can be built of what its meta says"),
    "other tensors": (dict(depth=1), "its tensors are not those of the ViT of its meta"),
    "a fact that is missing": (dict(img_size=None), "can be built of what its meta says"),
    "a class of another module": (dict(backbone="os.system"), "only BEiTViT"),
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_facts_of_a_file_are_parsed(name: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    facts, told = MALICIOUS[name]
    write_checkpoint(tmp_path / "run.pth")
    content = torch.load(tmp_path / "run.pth")
    content["meta"]["mmmim"].update(facts)
    torch.save(content, tmp_path / "run.pth")
    assert export.main([str(tmp_path / "run.pth"), "--to", "timm", "--out", str(tmp_path / "out.pth")]) == 2
    said = capsys.readouterr().err
    assert told in said and "run.pth" in said and not (tmp_path / "out.pth").exists()


def test_modules_that_a_file_names_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("planted.py").write_text("open('marker', 'w').close()\n", encoding="utf-8")
    write_checkpoint(tmp_path / "run.pth")
    content = torch.load(tmp_path / "run.pth")
    content["meta"]["mmmim"]["backbone"] = "Planted"
    content["meta"]["cfg"] = "custom_imports = dict(imports=['planted'])\n"
    torch.save(content, tmp_path / "run.pth")
    arguments = ["run.pth", "--to", "timm", "--out", "out.pth"]
    assert export.main(arguments) == 2 and not Path("marker").exists()
    assert "--custom-imports MODULE" in (said := capsys.readouterr().err) and "['planted']" in said
    assert (
        export.main([*arguments, "--custom-imports", "planted"]) == 2 and Path("marker").exists()
    )  # the user's choice
    assert export.main([*arguments, "--custom-imports", "nowhere"]) == 2
    assert "--custom-imports nowhere: No module named 'nowhere'" in capsys.readouterr().err
