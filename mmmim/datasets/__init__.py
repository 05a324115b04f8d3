from .base import SeededImageDataset
from .collages import Collages
from .data_option import use_folder
from .degrade import Degrade
from .flowers import Flowers102
from .image_folder import ImageFolder
from .image_list import ImageList
from .inaturalist import INaturalist
from .repeated_aug import RepeatedAugSampler
from .samplers import EpochSampler, InfiniteEpochSampler
from .seeded_dataset import SeededDataset
from .seeding import SampleKey, seeded_sample
from .toy_images import ToyImages
from .transforms import RandAugment, ToUint8Tensor, TwoSizeRandomResizedCrop, build_transform

__all__ = [
    "Collages", "Degrade", "EpochSampler", "Flowers102", "INaturalist", "ImageFolder", "ImageList",
    "InfiniteEpochSampler", "RandAugment", "RepeatedAugSampler", "SampleKey", "SeededDataset",
    "SeededImageDataset", "ToUint8Tensor", "ToyImages", "TwoSizeRandomResizedCrop", "build_transform",
    "seeded_sample", "use_folder",
]  # fmt: skip
