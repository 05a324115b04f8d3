from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmmim.apis import zoo
from mmmim.errors import UsageError

pytestmark = pytest.mark.usefixtures("own_cache_folder")


def test_a_metafile_that_lacks_the_hash_is_named(publish: Callable[..., Path], tmp_path: Path) -> None:
    publish()
    file = tmp_path / "project" / "metafile.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("Weights SHA256", "SHA"), encoding="utf-8")
    with pytest.raises(UsageError, match="the entry 'mae_vit-tiny_toy' lacks 'Weights SHA256'"):
        zoo.zoo.__wrapped__(tmp_path / "project")
