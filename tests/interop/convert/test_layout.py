import pytest
import torch

from mmmim.errors import UsageError
from mmmim.interop.convert.layout import Choices, Layout, count, shape_of

STATE = {f"blocks.{index}.norm.weight": torch.zeros(4) for index in range(12)}


def test_modules_are_counted_by_their_numbers() -> None:
    assert count(STATE, "blocks.") == 12
    with pytest.raises(UsageError, match=r"no tensor starts with layers\.0; .*--from NAME"):
        count(STATE, "layers.")


def test_a_gap_in_the_numbers_is_an_incomplete_file() -> None:
    part = {name: value for name, value in STATE.items() if ".3." not in name and ".7." not in name}
    with pytest.raises(UsageError, match=r"blocks\.3, blocks\.7 missing, though there is blocks\.11"):
        count(part, "blocks.")


def test_shapes_are_read_where_the_tensor_has_as_many_dimensions() -> None:
    assert shape_of(STATE, "blocks.0.norm.weight", 1) == (4,)
    with pytest.raises(UsageError, match=r"blocks\.0\.norm\.weight has the shape \(4,\), not 2 dimensions"):
        shape_of(STATE, "blocks.0.norm.weight", 2)
    with pytest.raises(UsageError, match=r"tensor cls_token is missing"):
        shape_of(STATE, "cls_token", 3)


def test_a_layout_that_says_nothing_else_leaves_tensors_as_they_are() -> None:
    layout = Layout("nobody's", (), lambda names: {}, lambda state, choices: {})
    assert layout.arrange(STATE) is STATE and layout.note(None) is None and layout.unused == {}
    assert Choices() == (None, None, None)
