from .base import SeededImageDataset
from .collages import Collages
from .data_option import use_folder
from .degrade import Degrade
from .image_folder import ImageFolder, ImageList
from .samplers import EpochSampler, InfiniteEpochSampler
from .seeded_dataset import SeededDataset
from .seeding import SampleKey, seeded_sample
from .toy_images import ToyImages
from .transforms import RandAugment, ToUint8Tensor, TwoSizeRandomResizedCrop, build_transform

__all__ = [
    "Collages", "Degrade", "EpochSampler", "ImageFolder", "ImageList", "InfiniteEpochSampler", "RandAugment",
    "SampleKey", "SeededDataset", "SeededImageDataset", "ToUint8Tensor", "ToyImages", "TwoSizeRandomResizedCrop",
    "build_transform", "seeded_sample", "use_folder",
]  # fmt: skip
