"""Files as OpenAI publishes them for DALL-E's tokenizer: pickled modules of a package that is not installed."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import pytest
import torch
from tiny_tokenizers import CODES, TINY
from torch import nn

# In the manner of the published modules: the same names and attributes, shapes by width.
DALL_E = {
    "utils.py": """
        import torch
        from torch import nn

        class Conv2d(nn.Module):
            def __init__(self, n_in, n_out, kw, use_float16=True):
                super().__init__()
                self.n_in, self.n_out, self.kw, self.use_float16 = n_in, n_out, kw, use_float16
                self.device, self.requires_grad = torch.device("cpu"), False
                self.w = nn.Parameter(torch.randn(n_out, n_in, kw, kw) * (n_in * kw**2) ** -0.5)
                self.b = nn.Parameter(0.1 * torch.randn(n_out))
    """,
    "{half}.py": """
        from collections import OrderedDict
        from torch import nn
        from dall_e.utils import Conv2d

        class {Half}Block(nn.Module):
            def __init__(self, n_in, n_out, kernels):
                super().__init__()
                self.n_in, self.n_out, self.n_hid, self.post_gain = n_in, n_out, n_out // 4, 1 / 64
                self.id_path = Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
                widths = [n_in, self.n_hid, self.n_hid, self.n_hid, n_out]
                self.res_path = nn.Sequential(OrderedDict(
                    entry for i in range(4) for entry in [
                        (f"relu_{{i + 1}}", nn.ReLU()),
                        (f"conv_{{i + 1}}", Conv2d(widths[i], widths[i + 1], kernels[i])),
                    ]
                ))

        class {Half}(nn.Module):
            def __init__(self, first, widths, last, kernels, resize):
                super().__init__()
                blocks = [("input", first)]
                for i in range(4):
                    group = [
                        ("block_1", {Half}Block(widths[i], widths[i + 1], kernels)),
                        ("block_2", {Half}Block(widths[i + 1], widths[i + 1], kernels)),
                    ]
                    blocks.append((f"group_{{i + 1}}", nn.Sequential(OrderedDict(group + [resize] * (i < 3)))))
                blocks.append(("output", nn.Sequential(OrderedDict([("relu", nn.ReLU()), ("conv", last)]))))
                self.blocks = nn.Sequential(OrderedDict(blocks))
    """,
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return folders of encoder.pkl and decoder.pkl in torch's present and older format, and their tensors.

    The package of their classes is gone when they are read.
    """
    root = tmp_path_factory.mktemp("published")
    package = root / "package" / "dall_e"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name, source in DALL_E.items():
        for half in ("encoder", "decoder") if "{" in name else (None,):
            text = textwrap.dedent(source)
            if half:
                text = text.format(Half=half.title())
            (package / name.format(half=half)).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(package.parent))
    try:
        from dall_e.decoder import Decoder  # type: ignore[import-not-found]
        from dall_e.encoder import Encoder  # type: ignore[import-not-found]
        from dall_e.utils import Conv2d  # type: ignore[import-not-found]

        width, codes = TINY["DALLETokenizer"]["width"], CODES["num_codes"]
        torch.manual_seed(1)
        halves = dict(
            encoder=Encoder(
                Conv2d(3, width, 7),
                [width, width, 2 * width, 4 * width, 8 * width],
                Conv2d(8 * width, codes, 1, use_float16=False),
                (3, 3, 3, 1),
                ("pool", nn.MaxPool2d(2)),
            ),
            decoder=Decoder(
                Conv2d(codes, width // 2, 1, use_float16=False),
                [width // 2, 8 * width, 4 * width, 2 * width, width],
                Conv2d(width, 6, 1),
                (1, 3, 3, 3),
                ("upsample", nn.Upsample(scale_factor=2, mode="nearest")),
            ),
        )
        for folder, zipped in (("zip", True), ("older", False)):
            (root / folder).mkdir()
            for half, module in halves.items():
                torch.save(module, root / folder / f"{half}.pkl", _use_new_zipfile_serialization=zipped)
    finally:
        sys.path.remove(str(package.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == "dall_e"]:
            del sys.modules[name]
    state = {f"{half}.{name}": value for half, module in halves.items() for name, value in module.state_dict().items()}
    return root, state
