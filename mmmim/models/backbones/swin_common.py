"""The common part of Swin and SwinV2: stages, windows, the mask token, and the methods of a backbone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from timm.layers import DropPath, PatchEmbed, calculate_drop_path_rates
from torch import Tensor, nn

from mmmim.errors import UsageError, one_of

from ..layers import Grid, LeanMlp, PatchMask, keep_input, patchify, to_pair
from .staged import StagedEncoder
from .swin_windows import ATTN_IMPLS, axis_windows, nearest, shift_mask, tiles

Projection = Callable[[Tensor, Tensor | None], Tensor]  # weight, bias -> queries, keys and values of a prepared map
BUFFERS = ("relative_position_index", "relative_coords_table", "attn_mask", "k_bias")


class SwinBlock(nn.Module):
    """A block of window attention, shifted by ``shift``, and an MLP; subclasses decide where the norms are."""

    def __init__(self, attn: nn.Module, dim: int, window: Grid, shift: Grid, drop_path: float) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1 = nn.LayerNorm(dim)
        self.attn = attn
        self.drop_path1 = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = LeanMlp(dim, 4 * dim)
        self.drop_path2 = DropPath(drop_path) if drop_path > 0 else nn.Identity()

    def attend(self, x: Tensor, norm: nn.Module | None = None) -> Tensor:
        """Norm the map ``(B, H, W, C)``, pad it to whole windows, shift it, attend, and undo padding and shift."""
        _, height, width, _ = x.shape
        below, right = -height % self.window[0], -width % self.window[1]
        mask = shift_mask((height + below, width + right), self.window, self.shift, x.device, x.dtype)

        def prepare(x: Tensor) -> Tensor:
            x = x if norm is None else norm(x)
            x = F.pad(x, (0, 0, 0, right, 0, below)) if below or right else x
            return x if mask is None else x.roll((-self.shift[0], -self.shift[1]), (1, 2))

        def project(weight: Tensor, bias: Tensor | None) -> Tensor:
            return keep_input(prepare, x, weight, bias, () if norm is None else norm.parameters())

        x = self.attn(project, mask)
        x = x if mask is None else x.roll(self.shift, (1, 2))
        return x[:, :height, :width] if below or right else x


class SwinStage(nn.Module):
    """A stage of Swin: patch merging, then blocks."""

    def __init__(self, downsample: nn.Module, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.downsample = downsample
        self.blocks = nn.ModuleList(blocks)


class SwinEncoder(StagedEncoder):
    """A base of :class:`Swin` and :class:`SwinV2`, which build the stages."""

    archs: ClassVar[dict[str, dict[str, Any]]]
    task_norms: ClassVar[tuple[str, ...]] = ("norm[0-9].*",)

    def __init__(
        self,
        arch: str | dict = "base",
        img_size: int | tuple[int, int] = 192,
        window_size: int | tuple[int, int] = 6,
        patch_size: int | tuple[int, int] = 4,
        in_channels: int = 3,
        mask_mode: str | None = "replace",
        dynamic_size: bool | None = None,
        out_type: str = "raw",
        out_indices: int | Sequence[int] = -1,
        drop_path_rate: float = 0.0,
        frozen_stages: int = -1,
        with_cp: bool = False,
        attn_impl: str = "auto",
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            img_size=img_size,
            patch_size=patch_size,
            in_channels=in_channels,
            mask_mode=mask_mode,
            out_type=out_type,
            with_cp=with_cp,
            pads_images=True,
            init_cfg=init_cfg,
        )
        self.dynamic_size = self.pads_images = out_type == "featmap" if dynamic_size is None else dynamic_size
        self.settings = dict(self.archs[one_of("arch", arch, self.archs)] if isinstance(arch, str) else arch)
        self.arch = arch if isinstance(arch, str) else self.settings
        self.depths, self.num_heads = tuple(self.settings["depths"]), tuple(self.settings["num_heads"])
        self.choose_outputs([self.settings["embed_dims"] << stage for stage in range(len(self.depths))], out_indices)
        self._check_heads()
        self.window_size = to_pair(window_size)
        self.attn_impl = one_of("attn_impl", attn_impl, ATTN_IMPLS)
        self.windows, self.shifts = self._build_windows()

        self.patch_embed = PatchEmbed(
            None,
            self.patch_size,  # type: ignore[arg-type]  # pairs are fine
            in_channels,
            self.stage_dims[0],
            norm_layer=nn.LayerNorm,
            output_fmt="NHWC",
        )
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.stage_dims[0])) if mask_mode == "replace" else None
        rates: Any = calculate_drop_path_rates(drop_path_rate, list(self.depths), stagewise=True)
        self.layers = nn.ModuleList(self.build_stage(stage, rates[stage]) for stage in range(self.num_stages))
        earlier = [stage for stage in self.out_indices if stage < self.num_stages - 1]
        for stage in earlier:
            self.add_module(f"norm{stage}", nn.LayerNorm(self.stage_dims[stage]))
        self.norm = nn.LayerNorm(self.stage_dims[-1])
        self.pretrain_only = ("mask_token", *(f"*.{name}" for name in BUFFERS))
        self.downstream_only = tuple(f"norm{stage}.*" for stage in earlier)

        self.init_parameters()
        self.freeze(frozen_stages)

    @abstractmethod
    def build_stage(self, stage: int, drop_path: list[float]) -> SwinStage:
        """Return a stage whose blocks drop paths at the rates ``drop_path``."""

    # ---------------------------------------------------------------- building

    def _check_heads(self) -> None:
        if len(self.num_heads) != self.num_stages:
            raise UsageError(f"arch: depths={self.depths} and num_heads={self.num_heads} differ in length")
        if bad := [(d, h) for d, h in zip(self.stage_dims, self.num_heads, strict=True) if d % h]:
            raise UsageError(f"arch: width {bad[0][0]} is not divisible by num_heads={bad[0][1]}")

    def _build_windows(self) -> tuple[list[Grid], list[Grid]]:
        """Return the window and the shift of each stage.

        A stage not larger than the window is one window without shift, unless ``dynamic_size`` keeps all windows.
        """
        if self.dynamic_size:
            half = (self.window_size[0] // 2, self.window_size[1] // 2)
            return [self.window_size] * self.num_stages, [half] * self.num_stages
        sides, shifts = [], []
        for size, patch, window in zip(self.img_size, self.patch_size, self.window_size, strict=True):
            cells = size // patch
            sides.append(axis_windows(cells, window, self.num_stages))
            shifts.append([0 if cells >> s <= w else window // 2 for s, w in enumerate(sides[-1])])
        windows = list(zip(*sides, strict=True))

        def fits(axis: int, cells: int) -> bool:
            return tiles(cells, axis_windows(cells, self.window_size[axis], self.num_stages))

        self._check_size(self.img_size, fits, "img_size")
        return windows, list(zip(*shifts, strict=True))

    def _check_size(self, size: tuple[int, int], fits: Any, what: str) -> None:
        patch = self.patch_size
        if all(size[a] % patch[a] == 0 and fits(a, size[a] // patch[a]) for a in (0, 1)):
            return
        near = [nearest(size[a] / patch[a], lambda n, a=a: fits(a, n)) * patch[a] for a in (0, 1)]  # type: ignore[misc]
        raise UsageError(
            f"{what} {size[0]}x{size[1]} does not divide into windows of {self.window_size[0]}x{self.window_size[1]} "
            f"in {self.num_stages} stages; the nearest size that does is {near[0]}x{near[1]} "
            "(dynamic_size=True pads maps instead)"
        )

    def init_parameters(self) -> None:
        """Initialise linear layers and tokens by a truncated normal (std 0.02); convolutions keep PyTorch's default."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.mask_token is not None:
            nn.init.trunc_normal_(self.mask_token, std=0.02)

    def _norm(self, stage: int) -> nn.Module:
        return self.norm if stage == self.num_stages - 1 else getattr(self, f"norm{stage}")

    def freezable(self) -> list[list[nn.Module]]:
        normed = {*self.out_indices, self.num_stages - 1}
        stages = [[layer, *([self._norm(s)] if s in normed else [])] for s, layer in enumerate(self.layers)]
        return [[self.patch_embed], *stages]

    def block_list(self) -> list[nn.Module]:
        layers: list[Any] = list(self.layers)
        return [block for layer in layers for block in layer.blocks]

    # ---------------------------------------------------------------- encoding

    def _check_images(self, images: Tensor) -> None:
        self.check_channels(images)
        if not self.dynamic_size:
            size = (images.shape[2], images.shape[3])
            self._check_size(size, lambda axis, n: tiles(n, [w[axis] for w in self.windows]), "image size")

    def _pad(self, images: Tensor) -> Tensor:
        (height, width), (ph, pw) = images.shape[-2:], self.patch_size
        below, right = -height % ph, -width % pw
        return F.pad(images, (0, right, 0, below)) if below or right else images

    def embed(self, images: Tensor, mask: PatchMask | None = None) -> Tensor:
        """Return normed patch tokens ``(B, h, w, C)``, with the mask token in place of hidden ones."""
        self._check_images(images)
        pixels = patchify(self._pad(images), self.patch_size, channels_first=True).unflatten(1, self.grid(images))
        conv = self.patch_embed.proj  # as a linear layer: no transposed copy, and much faster on the CPU
        tokens = self.patch_embed.norm(F.linear(pixels, conv.weight.flatten(1), conv.bias))
        if mask is None:
            return tokens
        token = self.checked_mask_token(mask, (tokens.shape[1], tokens.shape[2]))
        return torch.where(mask.mask.unsqueeze(-1), token.to(tokens.dtype), tokens)

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        layer: Any = self.layers[stage]
        x = layer.downsample(x)
        for block in layer.blocks:
            x = self.run(block, x)
        return x

    def output(self, stage: int, x: Tensor) -> Tensor:
        """Return a stage's map ``(B, h, w, D)``, normed, in the form of ``out_type``."""
        x = self._norm(stage)(x)
        if self.out_type == "raw":
            return x.flatten(1, 2)  # (B,n,D)
        if self.out_type == "avg":
            return x.mean((1, 2))  # (B,D)
        return x.permute(0, 3, 1, 2).contiguous()  # (B,D,h,w)

    # ---------------------------------------------------------------- from a checkpoint

    def adapt_state_dict(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Drop the buffers of a file, which are computed here."""
        super().adapt_state_dict(state_dict, prefix)
        for name in [n for n in state_dict if n.startswith(prefix) and n.rpartition(".")[2] in BUFFERS]:
            del state_dict[name]

    def describe(self) -> dict[str, Any]:
        return dict(
            super().describe(),
            embed_dims=self.stage_dims[0],
            depths=list(self.depths),
            num_heads=list(self.num_heads),
            window_size=list(self.window_size),
            dynamic_size=self.dynamic_size,
        )

    @classmethod
    def settings_from(cls, meta: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
        return dict(
            super().settings_from(meta, state),
            patch_size=tuple(meta["patch_size"]),
            window_size=tuple(meta["window_size"]),
            arch={name: meta[name] for name in ("embed_dims", "depths", "num_heads")},
            dynamic_size=meta.get("dynamic_size", False),
            mask_mode=None,
        )
