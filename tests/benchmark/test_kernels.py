from mmmim.benchmark.kernels import kernels
from mmmim.benchmark.step import StepSettings


def test_shares_of_the_slowest_kernels_of_a_step() -> None:
    settings = StepSettings(batch=2, steps=3, warmup=1, block=1, threads=1)
    found = kernels("mae/vit-tiny_toy.py", "fp32", settings, number=5)
    assert len(found) == 5 and all(each["calls"] >= 1 and each["name"] for each in found)
    shares = [each["share"] for each in found]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
    assert any(
        "mm" in each["name"] or "linear" in each["name"]
        for each in kernels("mae/vit-tiny_toy.py", "fp32", settings, 40)
    )
