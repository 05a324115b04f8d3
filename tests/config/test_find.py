from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.config import find
from mmmim.config.find import config_names, find_config, is_renamed
from mmmim.config.folder import CLONE
from mmmim.errors import UsageError

TOY = CLONE / "configs/mae/vit-tiny_toy.py"


@pytest.mark.parametrize(
    "name", ["configs/mae/vit-tiny_toy.py", "mae/vit-tiny_toy.py", "mae/vit-tiny_toy", "mae_vit-tiny_toy", str(TOY)]
)
def test_names_of_a_shipped_config_mean_the_same_from_anywhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == TOY and not is_renamed(name)


@pytest.mark.parametrize("name", ["mae/vit-tiny_toy.py", "mae/vit-tiny_toy"])
def test_a_file_of_the_current_folder_wins(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mae").mkdir()
    Path("mae/vit-tiny_toy.py").touch()
    assert find_config(name).absolute() == tmp_path / "mae/vit-tiny_toy.py"


def test_old_names_lead_to_the_new_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("simmim/vit-b_800e_paper") == CLONE / "configs/simmim/vit-b_paper_800e.py"
    assert is_renamed("simmim/vit-b_800e_paper")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mae/vit-tiny_toi", "config mae/vit-tiny_toi does not exist; did you mean configs/mae/vit-tiny_toy.py"),
        (".", "config . is a folder"),
        ("/", "config / is a folder"),
    ],
)
def test_other_names_are_refused(name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        find_config(name)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_names_can_be_run() -> None:
    names = config_names()
    assert "mae/vit-tiny_toy" in names and "mae/downstream/ft_vit-b_100e_in1k" in names
    assert not [name for name in names if name.startswith("_") or name.endswith("tables")]


def test_names_of_models_are_unique() -> None:
    """`mim train` looks for a config by the last part of its path."""
    assert [len(find._by_model_name(f"{name.partition('/')[0]}_{Path(name).name}")) for name in config_names()] == [
        1 for _ in config_names()
    ]


def test_nearest_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CLONE)
    with pytest.raises(UsageError, match=r"did you mean configs/ccmim/vit-b_800e\.py"):
        find_config("configs/ccmim/vit-b_800.py")
    with pytest.raises(UsageError, match=r"configs/mae/vit-h_800e\.py"):
        find_config("vit-h_800e.py")
