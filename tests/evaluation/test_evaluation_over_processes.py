import multiprocessing
import os

import pytest
import torch
import torch.distributed as dist

from mmmim.evaluation.accuracy import Accuracy
from mmmim.evaluation.features import extract_features
from mmmim.models.backbones import ViT

# five samples on two processes: the sampler pads with sample 0, and sample 3 stands in for an unreadable one
SHARES = ([0, 2, 4], [1, 3, 0, 3])
PREDICTED, LABELS = torch.tensor([0, 1, 2, 0, 0]), torch.tensor([0, 1, 1, 0, 2])


def images(indices):
    return torch.linspace(0, 1, 5 * 3 * 256).view(5, 3, 16, 16).pow(2)[indices]


def evaluate_share(rank, port, results):
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    indices = torch.tensor(SHARES[rank])
    metric = Accuracy(topk=(1,), mean_class=True)
    scores = torch.eye(3)[PREDICTED[indices]]
    columns = zip(scores, LABELS[indices], indices, strict=True)
    metric.process(None, [dict(pred_scores=s, label=y, index=i) for s, y, i in columns])
    by_level = Accuracy(topk=(1,))
    if rank == 1:  # the other process has no batch
        rows = [dict(block1=torch.eye(3)[y], block4=torch.eye(3)[p]) for y, p in zip(LABELS, PREDICTED, strict=True)]
        columns = zip(rows, LABELS, torch.arange(5), strict=True)
        by_level.process(None, [dict(pred_scores=s, label=y, index=i) for s, y, i in columns])
    torch.manual_seed(0)
    backbone = ViT(dict(embed_dims=16, depth=1, num_heads=2), img_size=16, patch_size=8)
    batch = dict(inputs=images(indices), labels=LABELS[indices], indices=indices)
    features = extract_features(backbone, [batch], lambda each: each)
    results.put((rank, metric.evaluate(5) | dict(levels=by_level.evaluate(5)), features.x.numpy(), features.y.tolist()))
    dist.destroy_process_group()


def test_each_sample_counts_once_on_every_process(free_port):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=evaluate_share, args=(rank, free_port, results)) for rank in range(2)]
    for process in processes:
        process.start()
    answers = sorted((results.get(timeout=900) for _ in processes), key=lambda answer: answer[0])
    for process in processes:
        process.join()
    torch.manual_seed(0)
    backbone = ViT(dict(embed_dims=16, depth=1, num_heads=2), img_size=16, patch_size=8).eval()
    expected = backbone(images(torch.arange(5)))[-1][:, 1:].mean(1).detach()
    for _, metrics, x, y in answers:
        assert metrics["accuracy/top1"] == pytest.approx(100 * 3 / 5)
        assert metrics["accuracy/mean_class"] == pytest.approx(100 * (1 + 1 / 2 + 0) / 3)
        assert y == LABELS.tolist()
        levels = {name.removeprefix("accuracy/"): value for name, value in metrics["levels"].items()}
        assert levels == pytest.approx(dict(block1_top1=100, block4_top1=60, top1=100, best_block=1))
        torch.testing.assert_close(torch.from_numpy(x), expected)
