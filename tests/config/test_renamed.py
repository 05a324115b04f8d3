from __future__ import annotations

from pathlib import Path

import pytest

from mmmim.config.renamed import RENAMED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_names_no_file_and_leads_to_one(old: str) -> None:
    assert not (ROOT / f"configs/{old}.py").exists()
    assert (ROOT / f"configs/{RENAMED[old]}.py").is_file()
