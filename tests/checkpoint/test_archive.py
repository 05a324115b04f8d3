from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint
from safetensors.torch import save_file

from mmmim.checkpoint.reader import find_damage, read_file
from mmmim.errors import WeightsError


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 3, 60, 0.3, 0.9, 0.999])
def test_truncated_files_give_one_line(tmp_path: Path, suffix: str, keep: float) -> None:
    file, state = tmp_path / f"a{suffix}", dict(weight=torch.rand(40, 40))
    save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)
    content = file.read_bytes()
    file.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(WeightsError, match=rf"a{suffix}: [\d,]+ bytes, incomplete, damaged or no ") as told:
        read_file(file)
    assert "\n" not in str(told.value)


def test_a_flipped_bit_is_found_and_the_answer_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    torch.save(dict(weight=torch.zeros(1000)), file)
    assert find_damage(file) is None and len(read_file(file)["weight"]) == 1000
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "checksum" in (find_damage(file) or "")
    with pytest.raises(WeightsError, match=r"the checksum of a/data/0 is wrong"):
        read_file(file)
    with pytest.raises(WeightsError, match="checksum"):
        load_checkpoint(torch.nn.Linear(1, 1), str(file))
