from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.registry import DATASETS as ROOT_DATASETS
from torch.utils.data import Dataset

from mmmim.errors import one_of
from mmmim.registry import DATASETS

from .patient import PatientReader
from .seeding import SampleKey, seeded_sample
from .storage import read_file
from .toy_layouts import LAYOUTS


@DATASETS.register_module()
class SeededDataset(PatientReader, Dataset):
    """An MMSegmentation or MMDetection dataset whose augmentation depends on (seed, epoch, index) alone.

    It waits for a storage that is away.

    All other attributes (``metainfo``, ``full_init``, ``filter_cfg``, ...) are those of the wrapped dataset.

    Args:
        dataset: Config of the wrapped dataset, resolved in the default scope.
        prepare: ``dict(layout='ade20k' | 'coco', root=..., num_train=, num_val=, seed=)`` writes that toy set first
            if it does not exist. Nothing is written for a dataset whose ``data_root`` is another folder.
    """

    def __init__(self, dataset: dict, prepare: dict | None = None) -> None:
        options = dict(prepare or {})
        written = str(options.get("root", ""))
        if options and Path(written) == Path(dataset.get("data_root", written)):
            LAYOUTS[one_of("prepare.layout", options.pop("layout", None), LAYOUTS)](**options)
        self.dataset = ROOT_DATASETS.build(dataset)
        self.prepare_reading()

    def name(self, index: int) -> str:
        return str(self.dataset.get_data_info(index).get("img_path", index))

    def probe(self, index: int) -> None:
        read_file(self.name(index))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey | int) -> Any:
        sample = SampleKey.of(key)
        return self.load_patiently(sample.index, lambda: self._augmented(sample))

    def _augmented(self, key: SampleKey) -> Any:
        with seeded_sample(*key):
            return self.dataset[key.index]

    def get_data_info(self, key: SampleKey | int) -> dict:
        """Return the annotation of a sample from the wrapped dataset."""
        return self.dataset.get_data_info(SampleKey.of(key).index)

    def get_cat_ids(self, key: SampleKey | int) -> list[int]:
        """Return the category ids of a sample from the wrapped dataset."""
        return self.dataset.get_cat_ids(SampleKey.of(key).index)

    def __getattr__(self, name: str) -> Any:
        if name == "dataset" or name.startswith("__"):  # the attribute does not exist yet while unpickling
            raise AttributeError(name)
        return getattr(self.dataset, name)
