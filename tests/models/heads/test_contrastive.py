import math

import pytest
import torch
import torch.multiprocessing as mp
from torch import Tensor

from mmmim.models.heads import Align, InfoNCE


def loop_info_nce(v: Tensor, m: Tensor, negatives: str, tau: float) -> Tensor:
    """O(N^2) reference of the three losses over the global batch."""
    v, m = torch.nn.functional.normalize(v, dim=1), torch.nn.functional.normalize(m, dim=1)
    count, losses = len(v), []
    for i in range(count):
        terms = []
        for j in range(count):
            if negatives in ("eq7", "eq2") and j != i:
                terms.append(torch.exp(v[i] @ v[j] / tau))
            pair = m[i] @ v[j] if negatives == "eq7" else v[i] @ m[j]
            terms.append(torch.exp(pair / tau))
        losses.append(-torch.log(torch.exp(v[i] @ m[i] / tau) / torch.stack(terms).sum()))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("negatives", ["eq7", "vm", "eq2"])
@pytest.mark.parametrize("tau", [0.2, 0.5])
def test_info_nce_equals_the_loop(negatives: str, tau: float) -> None:
    v, m = torch.randn(9, 6, dtype=torch.float64), torch.randn(9, 6, dtype=torch.float64)
    loss = InfoNCE(negatives, tau)(v, m)
    assert loss.item() == pytest.approx(loop_info_nce(v, m, negatives, tau).item(), abs=1e-10)
    assert InfoNCE(negatives, tau, scale="2tau")(v, m).item() == pytest.approx(2 * tau * loss.item())


def test_hand_values() -> None:
    e = torch.eye(2, dtype=torch.float64)
    assert InfoNCE("eq7")(e, e).item() == pytest.approx(math.log(1 + 2 * math.exp(-2)), abs=1e-12)
    assert InfoNCE("vm")(e, e).item() == pytest.approx(math.log(1 + math.exp(-2)), abs=1e-12)
    both = e[[0, 0]]  # m = (e1, e1), v = (e1, e2): the first image alone
    v, m = e, both
    first_eq7 = torch.logsumexp(torch.tensor([v[0] @ v[1], m[0] @ v[0], m[0] @ v[1]]) / 0.5, 0) - 2
    first_eq2 = torch.logsumexp(torch.tensor([v[0] @ v[1], v[0] @ m[0], v[0] @ m[1]]) / 0.5, 0) - 2
    assert first_eq7.item() == pytest.approx(0.239545, abs=1e-6)
    assert first_eq2.item() == pytest.approx(0.758624, abs=1e-6)
    # image 2: v = e2, m = e1: every similarity with the positive is 0
    second_eq7 = torch.logsumexp(torch.tensor([0.0, 1.0, 0.0]) / 0.5, 0)
    assert InfoNCE("eq7")(v, m).item() == pytest.approx((first_eq7 + second_eq7).item() / 2, abs=1e-6)


@pytest.mark.parametrize("count", [1, 7, 1024])
def test_equal_vectors(count: int) -> None:
    x = torch.ones(count, 4, dtype=torch.float64)
    assert InfoNCE("eq7")(x, x).item() == pytest.approx(math.log(2 * count - 1), abs=1e-9)
    assert InfoNCE("eq2")(x, x).item() == pytest.approx(math.log(2 * count - 1), abs=1e-9)
    assert InfoNCE("vm")(x, x).item() == pytest.approx(math.log(count), abs=1e-9)


def test_a_single_image_gives_no_loss_and_no_gradient() -> None:
    v = torch.randn(1, 4, requires_grad=True)
    loss = InfoNCE()(v, torch.randn(1, 4))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6) and v.grad.abs().max() < 1e-6


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="tau=0"):
        InfoNCE(tau=0)
    with pytest.raises(ValueError, match="negatives='eq8'"):
        InfoNCE("eq8")
    with pytest.raises(ValueError, match="scale='two'"):
        InfoNCE(scale="two")


WEIGHT = torch.linspace(-1, 1, 5 * 6, dtype=torch.float64).view(5, 6).sin()


def rank_gradients(rank: int, world: int, port: int, out: dict) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    torch.manual_seed(17 + 5 * rank)  # unequal data on the ranks
    x, m = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, 6, dtype=torch.float64)
    for negatives in ("eq7", "vm", "eq2"):
        weight = WEIGHT.clone().requires_grad_()
        loss = InfoNCE(negatives, 0.5)(x @ weight, m)
        loss.backward()
        out[negatives, rank] = (loss.item(), weight.grad, x, m)
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("world", [2, 3])
def test_mean_over_ranks_is_the_global_batch(world: int, free_port: int) -> None:
    with mp.Manager() as manager:
        out = manager.dict()
        mp.spawn(rank_gradients, (world, free_port, out), nprocs=world)
        results = dict(out)
    for negatives in ("eq7", "vm", "eq2"):
        losses, gradients, xs, ms = zip(*(results[negatives, rank] for rank in range(world)), strict=True)
        weight = WEIGHT.clone().requires_grad_()
        expected = loop_info_nce(torch.cat(xs) @ weight, torch.cat(ms), negatives, 0.5)
        expected.backward()
        assert sum(losses) / world == pytest.approx(expected.item(), abs=1e-10), negatives
        torch.testing.assert_close(sum(gradients) / world, weight.grad, rtol=0, atol=1e-10)


def test_align() -> None:
    align = Align(4, 8).double()
    v, m = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    align.predictor = torch.nn.Identity()
    assert align(m.detach() * 3.0, m).item() == pytest.approx(0, abs=1e-12)
    assert align(-m.detach(), m).item() == pytest.approx(2, abs=1e-12)
    torch.testing.assert_close(align(v * 5, m), align(v, m * 0.1))
    v.requires_grad_()
    align(v, m).backward()
    assert m.grad is None and v.grad.abs().sum() > 0
