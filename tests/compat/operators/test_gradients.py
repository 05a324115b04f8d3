import torch

from mmmim.compat.operators.gradients import gradients


def test_gradients_are_those_of_autograd_without_a_graph_around_them() -> None:
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    with torch.no_grad():
        for_x, for_y = gradients(lambda x, y: x * x * y, [x, y], torch.tensor([1.0, 10.0]))
    assert for_x.tolist() == [6.0, 160.0] and for_y.tolist() == [1.0, 40.0]
    assert not x.requires_grad and x.grad is None


def test_the_incoming_gradient_takes_the_precision_of_the_output() -> None:
    (found,) = gradients(lambda x: x.double() * 2, [torch.ones(2)], torch.ones(2, dtype=torch.float16))
    assert found.dtype == torch.float32 and found.tolist() == [2.0, 2.0]
