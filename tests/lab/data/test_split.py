"""Splits, batches, and the images that are drawn or shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lab import data
from lab.data import cache, small, synthetic
from lab.data.cache import Arrays
from lab.errors import DataError
from tests.lab.data.world import digits


def split_of(count: int, seed: int = 0) -> data.Split:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 1, 3, 5), generator=generator, dtype=torch.uint8)
    return data.Split(images, torch.arange(count))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.zeros(2, 1, 3, 3), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 3, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2)),
    ],
)
def test_a_split_refuses_other_tensors(images: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="must be"):
        data.Split(images, labels)


def test_batches_go_through_every_image_once_in_order() -> None:
    split = split_of(10)
    seen = list(data.batches(split, 4))
    assert [len(x) for x, _ in seen] == [4, 4, 2]
    x, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert x.dtype == torch.float32
    assert torch.equal(x, split.images.float() / 255)
    assert torch.equal(labels, split.labels)


def test_batches_follow_the_order_with_images_and_labels_alike() -> None:
    split = split_of(10)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    seen = list(data.batches(split, 3, order=order))
    assert torch.equal(torch.cat([labels for _, labels in seen]), order)
    assert torch.equal(torch.cat([x for x, _ in seen]), split.images[order].float() / 255)
    rest = list(data.batches(split, 3, order=order[6:]))
    assert [len(x) for x, _ in rest] == [3, 1]
    assert torch.equal(rest[0][0], seen[2][0])


def test_batches_are_copies() -> None:
    split = split_of(4)
    before = split.images.clone()
    next(data.batches(split, 4))[0].zero_()
    assert torch.equal(split.images, before)


@pytest.mark.parametrize(
    ("size", "order"), [(0, None), (-1, None), (2, torch.rand(4)), (2, torch.zeros(2, 2).long())]
)
def test_batches_refuse_nonsense_at_the_call(size: int, order: torch.Tensor | None) -> None:
    with pytest.raises(ValueError, match=r"batch_size|order"):
        data.batches(split_of(4), size, order=order)


def test_hold_out_parts_the_images_and_keeps_their_order() -> None:
    split = split_of(50)
    train, valid = data.hold_out(split, 20, seed=3)
    assert (len(train), len(valid)) == (30, 20)
    assert sorted([*train.labels.tolist(), *valid.labels.tolist()]) == list(range(50))
    for part in (train, valid):
        assert torch.equal(part.images, split.images[part.labels])
        assert part.labels.tolist() == sorted(part.labels.tolist())
    again = data.hold_out(split, 20, seed=3)[1]
    other = data.hold_out(split, 20, seed=4)[1]
    assert torch.equal(again.labels, valid.labels)
    assert not torch.equal(other.labels, valid.labels)


def test_hold_out_nothing_or_everything() -> None:
    train, valid = data.hold_out(split_of(5), 0, seed=0)
    assert (len(train), len(valid)) == (5, 0)
    with pytest.raises(DataError, match=r"hold 5 images out of 5.*data\.valid below 5"):
        data.hold_out(split_of(5), 5, seed=0)
    with pytest.raises(ValueError, match="-1"):
        data.hold_out(split_of(5), -1, seed=0)


@pytest.mark.parametrize(
    ("name", "shape"), [("synthetic", (1, 28, 28)), ("synthetic-rgb", (3, 32, 32))]
)
def test_synthetic_images_can_be_told_apart(name: str, shape: tuple[int, int, int]) -> None:
    drawn = data.load(name)
    assert (len(drawn.train), len(drawn.test), drawn.image_shape) == (2000, 500, shape)
    assert torch.bincount(drawn.train.labels).tolist() == [200] * 10
    train, test = drawn.train.images.float().flatten(1), drawn.test.images.float().flatten(1)
    means = torch.stack([train[drawn.train.labels == label].mean(0) for label in range(10)])
    right = (torch.cdist(test, means).argmin(1) == drawn.test.labels).float().mean()
    assert right > 0.7
    # Within a class no two are alike, and no test image is a training image.
    assert len(torch.cat([train, test]).unique(dim=0)) == 2500
    gray = (drawn.train.images > 10) & (drawn.train.images < 245)
    assert gray.float().mean() > 0.03


def test_synthetic_images_hang_on_the_seed_alone() -> None:
    torch.manual_seed(0)
    whole = synthetic.draw(60, seed=5)
    state = torch.get_rng_state()
    assert torch.equal(synthetic.draw(30, seed=5).images, whole.images[:30])
    assert not torch.equal(synthetic.draw(60, seed=6).images, whole.images)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_small_subset_is_whole_and_balanced() -> None:
    shipped = data.load("mnist-small")
    assert (len(shipped.train), len(shipped.test), shipped.image_shape) == (3000, 1000, (1, 28, 28))
    assert torch.bincount(shipped.train.labels).tolist() == [300] * 10
    assert torch.bincount(shipped.test.labels).tolist() == [100] * 10
    assert shipped.source == "the small subset that ships with the course"
    assert 0.12 < shipped.train.images.float().mean() / 255 < 0.14
    assert small.FILE.stat().st_size < 1_000_000
    assert "CC BY-SA 3.0" in small.FILE.with_name("README.md").read_text(encoding="utf-8")


def test_the_small_subset_takes_each_split_from_its_own(tmp_path: Path) -> None:
    whole = Arrays(*digits(400), *digits(200, seed=1))
    paths = tmp_path / "one.npz", tmp_path / "two.npz"
    for path in paths:
        small.make(whole, path, train=50, test=20)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    part, _ = cache.read(paths[0])
    for images, labels, pool, truth, each in (
        (part.train_images, part.train_labels, whole.train_images, whole.train_labels, 5),
        (part.test_images, part.test_labels, whole.test_images, whole.test_labels, 2),
    ):
        assert np.bincount(labels).tolist() == [each] * 10
        known = {image.tobytes(): label for image, label in zip(pool, truth, strict=True)}
        assert [known[image.tobytes()] for image in images] == labels.tolist()
    with pytest.raises(ValueError, match="fewer than 50"):
        small.make(whole, tmp_path / "three.npz", train=500, test=20)


def test_the_small_subset_can_be_made_anew(tmp_path: Path) -> None:
    path = cache.path_of("mnist", data.cache_dir())
    if not path.exists():
        pytest.skip("MNIST is not in the cache: `make data`")
    small.make(cache.read(path)[0], tmp_path / "new.npz")
    made, shipped = cache.read(tmp_path / "new.npz")[0], small.read()[0]
    assert cache.digest(made) == cache.digest(shipped)


def test_a_broken_small_subset_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "FILE", tmp_path / "mnist_small.npz")
    with pytest.raises(DataError, match="Install the course again"):
        data.load("mnist-small")
