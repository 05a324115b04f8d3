"""Tell the facts of a survey, as values and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from mmmim.datasets.file_listing import describe_left_out

from .looked_at import LookedAt
from .reading import reading_of
from .survey import Part, Survey

MAX_BROKEN_SHARE = 0.1  # of which a training stops
SHOWN = 3  # examples


def facts(found: Survey) -> dict[str, Any]:
    """Return everything that is known about the images, such as JSON can hold."""
    train, images = found.train, found.train.images
    reading = reading_of(images)
    same, alike = found.duplicates(), found.lookalikes()
    return dict(
        location=found.location,
        train=dict(_of_part(train), left_out=dict(train.source.left_out)),
        val=None if found.val is None else _of_part(found.val),
        kinds=_counted(image.kind for image in images),
        dtypes=_counted(image.dtype for image in images),
        channels=_counted(str(image.channels) for image in images),
        height=_spread(image.height for image in images),
        width=_spread(image.width for image in images),
        short_side=_spread(image.short_side for image in images),
        aspect=_spread(image.aspect for image in images),
        values=[min(min(image.low) for image in images), max(max(image.high) for image in images)],
        duplicates=[[image.path for image in group] for group in same],
        lookalikes=[[one.path, other.path] for one, other in alike],
        in_train_and_val=sum(len({image.part for image in group}) > 1 for group in [*same, *alike]),
        under_two_classes=_contradictions(found, [*same, *alike]),
        reading=dict(
            channels=reading.channels, value_range=reading.value_range, mean=reading.mean, std=reading.std,
            remarks=list(reading.remarks),
        ),
    )  # fmt: skip


def _of_part(part: Part) -> dict[str, Any]:
    return dict(
        location=part.source.location,
        images=len(part),
        looked_at=part.looked_at,
        broken=[dict(image=each.path, reason=each.reason) for each in part.broken],
        classes=part.counts,
        empty_classes=part.source.empty_folders(),
    )


def _counted(kinds: Iterable[str]) -> dict[str, int]:
    return dict(Counter(kinds).most_common())


def _spread(values: Iterable[float]) -> list[float]:
    """Return the smallest value, the median and the largest one."""
    found = np.array(list(values))
    return [found.min().item(), np.median(found).item(), found.max().item()]


def _contradictions(found: Survey, groups: Sequence[Sequence[LookedAt]]) -> int:
    """Return how many groups of the same picture lie in folders of several classes."""
    return sum(len({image.folder for image in group}) > 1 for group in groups) if found.train.counts else 0


def describe(told: dict[str, Any]) -> str:
    """Return the facts as a short text."""
    train, val = told["train"], told["val"]
    beside = "" if val is None else f", {val['images']:,} more for evaluation in {val['location']}"
    rows = dict(_rows(told, train, val))
    lines = [f"{train['location']}: {train['images']:,} images{beside}"]
    lines += [f"  {name:10}  {text}" for name, text in rows.items()]
    return "\n".join([*lines, *(f"note: {remark}" for remark in _remarks(told))])


def _rows(told: dict[str, Any], train: dict[str, Any], val: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    looked = train["looked_at"] + (0 if val is None else val["looked_at"])
    of = "all" if looked == train["images"] + (0 if val is None else val["images"]) else f"{looked:,} of them"
    yield "looked at", of
    yield "files", _list(told["kinds"])
    if train["left_out"]:
        yield "left out", describe_left_out(train["left_out"])
    yield "size", f"{_range(told['width'])} wide, {_range(told['height'])} high; aspect {_range(told['aspect'])}"
    low, high = told["values"]
    yield "channels", _list(told["channels"])
    yield "values", f"{_list(told['dtypes'])}, {low:.4g} to {high:.4g}"
    broken = train["broken"] + ([] if val is None else val["broken"])
    shown = "; ".join(f"{each['image']}: {each['reason']}" for each in broken[:SHOWN])
    yield "broken", f"{len(broken):,}: {shown}{', ...' if len(broken) > SHOWN else ''}" if broken else "none"
    yield "duplicates", _duplicates(told)
    yield "classes", _classes(train["classes"])


def _list(counts: dict[str, int]) -> str:
    return next(iter(counts)) if len(counts) == 1 else ", ".join(f"{name} ({n:,})" for name, n in counts.items())


def _range(spread: Sequence[float]) -> str:
    low, middle, high = (f"{value:.4g}" for value in spread)
    return low if low == high else f"{low} to {high} (median {middle})"


def _duplicates(told: dict[str, Any]) -> str:
    same, alike = told["duplicates"], told["lookalikes"]
    if not same and not alike:
        return "none"
    example = (same or alike)[0]
    return (
        f"{sum(len(group) - 1 for group in same):,} exact, {len(alike):,} look like an earlier image, such as "
        f"{example[1]} like {example[0]}"
    )


def _classes(counts: dict[str, int]) -> str:
    if not counts:
        return "none: there is not one folder for each of several classes"
    smallest, largest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[smallest] == counts[largest]:
        return f"{len(counts):,}, {counts[largest]:,} images each"
    ratio = f", {counts[largest] / counts[smallest]:.3g} times as many" if counts[smallest] else ""
    return f"{len(counts):,}: {counts[smallest]:,} images ({smallest}) to {counts[largest]:,} ({largest}){ratio}"


def _remarks(told: dict[str, Any]) -> Iterator[str]:
    train = told["train"]
    yield from told["reading"]["remarks"]
    if len(train["broken"]) > MAX_BROKEN_SHARE * train["looked_at"]:
        yield f"more than {MAX_BROKEN_SHARE:.0%} of the images are broken, at which a training stops; remove them first"
    if told["in_train_and_val"]:
        yield (
            f"pictures that are in training and in evaluation: {told['in_train_and_val']:,}; remove them from one, as "
            "they make accuracies too good"
        )
    if told["under_two_classes"]:
        yield f"pictures that are in the folders of two classes: {told['under_two_classes']:,}"
    if train["empty_classes"]:
        yield f"folders without an image are no classes: {', '.join(train['empty_classes'][:SHOWN])}"
    if told["short_side"][1] * 2 < max(told["width"][1], told["height"][1]):
        yield "these images are long: crops are squares of them; docs/your_data.md says how to train on rectangles"
