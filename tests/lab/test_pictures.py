"""Pictures: the right images at the right places, whatever the model, the data and the file are."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lab import pictures
from lab.config import parse
from lab.data import Dataset, Split
from lab.errors import LabError, MissingLibrary, StorageError
from lab.models import build
from lab.models.base import LatentModel
from lab.outputs import Outputs
from lab.pictures import (
    album,
    chart,
    compare,
    curves,
    decoding,
    grid,
    latents,
    paths,
    prior,
    recon,
    scatter,
    sums,
    text,
    traversals,
)
from lab.records import Record, append, read
from lab.training import checkpoint

SHAPE = (1, 6, 6)
CLASSES = ("zero", "one", "two")


class Tiny(LatentModel):
    """Linear both ways, so that every picture can be foretold."""

    def __init__(self, latent_dim: int = 3, shape: tuple[int, int, int] = SHAPE) -> None:
        super().__init__(shape, latent_dim)
        features = math.prod(shape)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.enc = nn.Linear(features, latent_dim)
            self.dec = nn.Linear(latent_dim, features)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        mu = 3 * self.enc(x.flatten(1))
        # The higher the dimension, the more it is used: sorting has something to do.
        spread = torch.arange(self.latent_dim - 1, -1, -1, dtype=torch.float32)
        return mu / (1 + spread), (spread - self.latent_dim).expand_as(mu)

    def decode(self, z: Tensor) -> Tensor:
        return self.dec(z).unflatten(1, self.image_shape)


class TinyDae(Tiny):
    variational = False

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return 5 + super().encode(x)[0], None


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(chart, "_DPI", 50)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def images(count: int = 12, shape: tuple[int, int, int] = SHAPE) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


def tiny_data(count: int = 12, shape: tuple[int, int, int] = SHAPE) -> Dataset:
    split = Split(images(count, shape), torch.arange(count) % len(CLASSES))
    return Dataset("tiny", split, split, CLASSES, "this test")


def codes_of(model: LatentModel, count: int = 12) -> decoding.Codes:
    return decoding.encode(model, images(count), torch.arange(count) % len(CLASSES))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each picture hands to the sheet that draws it."""
    calls: list[dict[str, Any]] = []

    def spy(bands: Sequence[grid.Band], title: str = "", note: str = "", **options: Any) -> Any:
        calls.append({"bands": list(bands), "title": title, "note": note, **options})
        return grid.sheet(bands, title, note, **options)

    for module in (recon, prior, traversals, paths, sums, compare):
        monkeypatch.setattr(module, "sheet", spy)
    return calls


# --- sheets ---------------------------------------------------------------------------------


def test_a_tile_shows_its_pixels_as_squares() -> None:
    row = torch.zeros(1, 1, 2, 2)
    row[0, 0, 0, 1] = 1.0
    row[0, 0, 1, 0] = 0.5
    drawn = grid.sheet([grid.Band([row])], tile=20)
    gray = [drawn.getpixel((24 + x, 24 + y)) for y in (0, 9, 10, 19) for x in (0, 9, 10, 19)]
    black, white, middle = (0, 0, 0), (255, 255, 255), (128, 128, 128)
    assert gray == [black, black, white, white] * 2 + [middle, middle, black, black] * 2
    assert drawn.getpixel((0, 0)) == white


def test_color_stays_color_and_nan_is_orange() -> None:
    row = torch.zeros(1, 3, 1, 1)
    row[0, 2] = 1.0
    assert grid.sheet([grid.Band([row])], tile=8).getpixel((25, 25)) == (0, 0, 255)
    plain = grid.sheet([grid.Band([row])], tile=8)
    row[0, 0] = math.nan
    drawn = grid.sheet([grid.Band([row])], tile=8)
    assert drawn.getpixel((25, 25)) == (213, 94, 0)
    assert drawn.height > plain.height, "a note says what orange means"


def test_values_beyond_the_range_do_not_wrap_around() -> None:
    row = torch.tensor([-0.5, 1.5]).view(2, 1, 1, 1)
    drawn = grid.sheet([grid.Band([row])], tile=8)
    assert drawn.getpixel((26, 26)) == (0, 0, 0)
    assert drawn.getpixel((26 + 8 + 4, 26)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("side", "factor"), [(1, 84), (12, 7), (28, 3), (32, 3), (64, 1), (256, 1)]
)
def test_images_are_blown_up_by_a_whole_factor(side: int, factor: int) -> None:
    plan = grid._Plan([grid.Band([torch.zeros(1, 1, side, side)])], 1, 84)
    assert plan.factor == factor


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "no images"),
        ([torch.zeros(0, 1, 4, 4)], "no images"),
        ([torch.zeros(2, 2, 4, 4)], "cannot be drawn"),
        ([torch.zeros(2, 4, 4)], "cannot be drawn"),
        ([torch.zeros(1, 1, 1, 1).expand(1, 1, 9000, 9000)], "too large"),
    ],
)
def test_what_no_sheet_can_show(rows: list[Tensor], says: str) -> None:
    with pytest.raises(LabError, match=says) as caught:
        grid.sheet([grid.Band(rows)])
    assert caught.value.next_step


@pytest.mark.parametrize("count", [2, 10, 64])
def test_words_never_leave_their_room(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: list[tuple[float, float, float, float]] = []
    draw = text.write

    def note(pen: Any, at: Any, words: str, size: int, **how: Any) -> None:
        face = text.font(size, how.get("bold", False))
        boxes.append(pen.textbbox(at, words, font=face, anchor=how.get("anchor", "la")))
        draw(pen, at, words, size, **how)

    monkeypatch.setattr(text, "write", note)
    bands = [
        grid.Band([torch.zeros(7, 1, 28, 28)], [f"z{i}\n1.23 nats"], ["−2.75"] * 7)
        for i in range(count)
    ]
    drawn = grid.sheet(bands, "A title " * 20, "A note " * 60, abreast=-(-count // 16), tile=56)
    for left, top, right, bottom in boxes:
        assert left >= 0 and top >= 0 and right <= drawn.width and bottom <= drawn.height
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (a, b)


def test_long_words_are_cut_not_spilled() -> None:
    assert text.fit("automobile", 14, 1000) == "automobile"
    cut = text.fit("automobile\nwith a trailer", 14, 60)
    assert cut.endswith("…") and 40 < text.width(cut, 14) <= 60
    assert all(text.width(line, 14) <= 100 for line in text.wrap("some words " * 9, 14, 100))
    assert text.decimal(-0.5) == "−0.5"
    assert text.decimal(-0.001) == "0"
    assert text.subscript(12) == "₁₂"


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingLibrary, match="Pillow"):
        grid.sheet([grid.Band([torch.zeros(1, 1, 4, 4)])])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingLibrary, match="matplotlib"):
        pictures.kl_per_dim(codes_of(Tiny()))


# --- latents --------------------------------------------------------------------------------


def test_lerp_is_a_line() -> None:
    path = latents.lerp(torch.tensor([0.0, 1.0]), torch.tensor([4.0, 1.0]), 3)
    assert path.tolist() == [[0, 1], [2, 1], [4, 1]]


def test_slerp_is_an_arc() -> None:
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    path = latents.slerp(a, b, 5)
    torch.testing.assert_close(path.norm(dim=1), torch.full((5,), 2.0))
    torch.testing.assert_close(path[2], torch.tensor([math.sqrt(2.0)] * 2))
    assert path[0].tolist() == a.tolist() and path[-1].tolist() == b.tolist()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0, 2.0], [2.0, 4.0]),
        ([0.0, 0.0], [1.0, 0.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([1.5], [-1.0]),
        ([1.5], [1.0]),
    ],
)
def test_slerp_without_an_angle_is_a_line(a: list[float], b: list[float]) -> None:
    first, second = torch.tensor(a), torch.tensor(b)
    torch.testing.assert_close(latents.slerp(first, second, 7), latents.lerp(first, second, 7))


@pytest.mark.parametrize("size", [2, 3, 64])
def test_slerp_between_opposite_codes_does_not_cross_the_origin(size: int) -> None:
    a = torch.randn(size, generator=torch.Generator().manual_seed(size))
    path = latents.slerp(a, -a, 9)
    torch.testing.assert_close(path.norm(dim=1), a.norm().expand(9))
    assert path[0].tolist() == a.tolist() and path[-1].tolist() == (-a).tolist()


@pytest.mark.parametrize("off", [1e-2, 1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("length", [1.0, 2.0])
def test_slerp_is_stable_near_parallel_and_opposite(off: float, length: float) -> None:
    a = torch.tensor([1.0, 0.0, 0.0])
    for sign in (1.0, -1.0):
        b = length * torch.tensor([sign, off, 0.0])
        path = latents.slerp(a, b, 11)
        due = torch.linspace(1, float(b.norm()), 11)
        torch.testing.assert_close(path.norm(dim=1), due, atol=1e-5, rtol=0)


@pytest.mark.parametrize("path", [latents.lerp, latents.slerp])
def test_paths_that_do_not_exist(path: Any) -> None:
    with pytest.raises(LabError, match="no two ends"):
        path(torch.zeros(2), torch.zeros(2), 1)
    with pytest.raises(LabError, match="no path"):
        path(torch.zeros(2), torch.zeros(3), 3)


def test_traverse_changes_one_dimension() -> None:
    z = torch.tensor([1.0, 2.0, 3.0])
    rows = latents.traverse(z, 1, torch.tensor([-3.0, 0.0]))
    assert rows.tolist() == [[1, -3, 3], [1, 0, 3]]
    assert z.tolist() == [1, 2, 3]
    for dim in (-1, 3, 99):
        with pytest.raises(LabError, match=f"dimension {dim} does not exist"):
            latents.traverse(z, dim, torch.zeros(2))


def test_class_means_and_sums() -> None:
    codes = torch.tensor([[1.0], [3.0], [10.0]])
    labels = torch.tensor([0, 0, 2])
    assert float(latents.class_mean(codes, labels, 0)) == 2
    with pytest.raises(LabError, match="of class one"):
        latents.class_mean(codes, labels, 1, "one")
    ten, four, one = (torch.tensor([value]) for value in (10.0, 4.0, 1.0))
    assert float(latents.arithmetic(ten, four, one)) == 7


def test_principal_axes_find_the_long_direction() -> None:
    noise = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    codes = 5 + noise * torch.tensor([0.1, 4.0, 1.0])
    axes, parts = latents.principal_axes(codes)
    torch.testing.assert_close(axes[:, 0], torch.tensor([0.0, 1.0, 0.0]), atol=0.1, rtol=0)
    assert parts[0] > 0.9 and parts[0] + parts[1] <= 1.0001
    assert torch.isfinite(latents.principal_axes(torch.ones(4, 3))[1]).all()


# --- codes ----------------------------------------------------------------------------------


def test_codes_are_the_same_from_bytes_and_floats() -> None:
    model = Tiny().train()
    whole = decoding.encode(model, images(1100))
    parts = decoding.encode(model, images(1100).float() / 255)
    torch.testing.assert_close(whole.mu, parts.mu)
    assert len(whole.mu) == 1100 and whole.labels.unique().tolist() == [-1]
    assert model.training, "the mode is given back"


def test_dimensions_are_sorted_by_their_use() -> None:
    codes = codes_of(Tiny())
    assert codes.kl is not None
    assert codes.order == codes.kl.argsort(descending=True).tolist()
    dae = codes_of(TinyDae())
    assert dae.kl is None
    assert dae.order == dae.mu.var(0).argsort(descending=True).tolist()
    broken = codes._replace(mu=codes.mu.index_fill(1, torch.tensor([0]), math.nan))
    assert broken.order[-1] == 0


@pytest.mark.parametrize("batch", [torch.zeros(0, *SHAPE), torch.zeros(SHAPE)])
def test_no_images_are_an_error(batch: Tensor) -> None:
    for look in (pictures.recon_grid, pictures.encode):
        with pytest.raises(LabError, match="no images"):
            look(Tiny(), batch)


def test_images_of_another_model_are_an_error() -> None:
    with pytest.raises(LabError, match="3×6×6, the model was trained on 1×6×6"):
        pictures.recon_grid(Tiny(), torch.zeros(2, 3, 6, 6))


# --- pictures of tiles ----------------------------------------------------------------------


def test_originals_stand_above_their_reconstructions(seen: list[dict[str, Any]]) -> None:
    model, x = Tiny(), images(5)
    pictures.recon_grid(model, x, torch.tensor([0, 1, 2, 0, 7]), CLASSES, columns=3)
    first, second = seen[0]["bands"]
    torch.testing.assert_close(first.rows[0], x[:3] / 255)
    torch.testing.assert_close(second.rows[1], model.reconstruct(x[3:] / 255))
    assert first.labels == ["original", "reconstruction"]
    assert second.captions == ["zero", "7"]


def test_one_image_and_three_channels(seen: list[dict[str, Any]]) -> None:
    model = Tiny(shape=(3, 6, 6))
    assert pictures.recon_grid(model, images(1, (3, 6, 6))).mode == "RGB"
    assert seen[0]["title"].startswith("1 image and")


def test_posterior_draws_differ_and_can_be_had_again(seen: list[dict[str, Any]]) -> None:
    model, x = Tiny(), images(2)
    before = torch.random.get_rng_state()
    for seed in (0, 0, 1):
        pictures.posterior_samples(model, x, draws=3, seed=seed)
    assert torch.equal(before, torch.random.get_rng_state()), "no global generator is touched"
    one, again, other = (call["bands"][1].rows[0] for call in seen)
    assert torch.equal(one, again) and not torch.equal(one, other)
    torch.testing.assert_close(one[0], x[1] / 255)
    torch.testing.assert_close(one[1], model.reconstruct(x[1:] / 255)[0])
    assert not torch.equal(one[2], one[3])


def test_posterior_draws_have_the_posterior_s_spread() -> None:
    mu, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]])
    noise = torch.Generator().manual_seed(0)
    z = latents.draw(mu.repeat(20_000, 1), logvar.repeat(20_000, 1), noise)
    # Six standard errors; a false alarm has a chance below 1e-8.
    torch.testing.assert_close(z.mean(0), mu[0], atol=6 * math.e / 141, rtol=0)
    torch.testing.assert_close(z.std(0), torch.exp(0.5 * logvar[0]), atol=6 * math.e / 200, rtol=0)


def test_a_model_without_posterior_has_no_draws() -> None:
    with pytest.raises(LabError, match="no posterior"):
        pictures.posterior_samples(TinyDae(), images(2))
    with pytest.raises(LabError, match="no KL"):
        pictures.kl_per_dim(codes_of(TinyDae()))
    with pytest.raises(LabError, match="0 draws"):
        pictures.posterior_samples(Tiny(), images(2), draws=0)


def test_prior_samples_share_their_noise_over_temperatures(seen: list[dict[str, Any]]) -> None:
    model = Tiny()
    pictures.prior_samples(model, 5, temperature=0.5, temperatures=(0, 0.5), seed=3, columns=4)
    top, strip = seen[0]["bands"]
    assert [len(row) for row in top.rows] == [4, 1]
    torch.testing.assert_close(strip.rows[1], top.rows[0])
    torch.testing.assert_close(strip.rows[0], decoding.decode(model, torch.zeros(4, 3)))
    assert strip.labels == ["T = 0", "T = 0.5"]
    assert "0.5² I" in seen[0]["title"]


def test_prior_samples_of_an_autoencoder_say_that_there_is_no_prior(
    seen: list[dict[str, Any]],
) -> None:
    pictures.prior_samples(TinyDae(), 2, temperatures=())
    assert "no prior" in seen[0]["title"]


@pytest.mark.parametrize("count", [0, -1, 401, 10**9])
def test_impossible_counts(count: int) -> None:
    with pytest.raises(LabError, match="samples make no picture"):
        pictures.prior_samples(Tiny(), count)


@pytest.mark.parametrize("temperature", [-0.1, math.nan, math.inf])
def test_impossible_temperatures(temperature: float) -> None:
    with pytest.raises(LabError, match="temperature"):
        pictures.prior_samples(Tiny(), 2, temperature=temperature)


def test_traversals_of_one_dimension(seen: list[dict[str, Any]]) -> None:
    model = Tiny()
    codes = codes_of(model)
    pictures.traverse_dim(model, codes, 1, rows=2, steps=7)
    band = seen[0]["bands"][0]
    assert band.captions == ["start", "−3", "−2", "−1", "0", "1", "2", "3"]
    z = codes.mu[1].clone()
    z[1] = -3
    torch.testing.assert_close(band.rows[1][1], decoding.decode(model, z[None])[0])
    torch.testing.assert_close(band.rows[1][0], decoding.decode(model, codes.mu[1:2])[0])
    for either in (model, TinyDae()):
        with pytest.raises(LabError, match="dimensions 0 to 2"):
            pictures.traverse_dim(either, codes_of(either), 3)
    with pytest.raises(LabError, match="only dimension 0"):
        pictures.traverse_dim(Tiny(1), codes_of(Tiny(1)), 1)


def test_the_overview_is_sorted_by_kl(seen: list[dict[str, Any]]) -> None:
    model = Tiny(5)
    codes = codes_of(model)
    assert codes.kl is not None
    pictures.traverse_all(model, codes)
    labels = [band.labels[0] for band in seen[0]["bands"]]
    assert labels == [f"z{text.subscript(d)}\n{codes.kl[d]:.2f} nats" for d in codes.order]
    assert [bool(band.captions) for band in seen[0]["bands"]] == [True] + [False] * 4


@pytest.mark.parametrize(("size", "rows", "abreast"), [(1, 1, 1), (64, 64, 4), (70, 64, 4)])
def test_overviews_of_any_size(
    size: int, rows: int, abreast: int, seen: list[dict[str, Any]]
) -> None:
    model = Tiny(size)
    pictures.traverse_all(model, codes_of(model), steps=3)
    assert len(seen[0]["bands"]) == rows and seen[0]["abreast"] == abreast
    assert ("(64 of 70)" in seen[0]["title"]) == (size == 70)


def test_without_a_prior_walks_are_in_units_of_the_codes() -> None:
    codes = codes_of(TinyDae())
    values = traversals.scaled(codes, 0, torch.tensor([-1.0, 0.0, 1.0]))
    own = codes.mu[:, 0]
    torch.testing.assert_close(values[1], own.mean())
    torch.testing.assert_close(values[2] - values[1], own.std(unbiased=False))
    unit = torch.tensor([-1.0, 1.0])
    assert torch.equal(traversals.scaled(codes_of(Tiny()), 0, unit), unit)


def test_interpolations_start_and_end_at_the_images(seen: list[dict[str, Any]]) -> None:
    model, x = Tiny(), images(5)
    pictures.interpolations(model, x, steps=4)
    assert len(seen[0]["bands"]) == 2, "the fifth image has no partner"
    band = seen[0]["bands"][1]
    assert [label.split("\n")[0] for label in band.labels] == ["linear", "spherical"]
    mu = decoding.encode(model, x).mu
    for row, path in zip(band.rows, (latents.lerp, latents.slerp), strict=True):
        torch.testing.assert_close(row[0], x[2] / 255)
        torch.testing.assert_close(row[1:-1], decoding.decode(model, path(mu[2], mu[3], 4)))
        torch.testing.assert_close(row[-1], x[3] / 255)
    with pytest.raises(LabError, match="two images"):
        pictures.interpolations(model, x[:1])
    with pytest.raises(LabError, match="no two ends"):
        pictures.interpolations(model, x, steps=1)


def test_one_step_between_two_images(seen: list[dict[str, Any]]) -> None:
    model, x = Tiny(), images(2)
    for weight, end in ((-1.0, 0), (0.0, 0), (1.0, 1), (7.0, 1)):
        pictures.between(model, x, weight)
        row = seen[-1]["bands"][0].rows[0]
        whole = model.reconstruct(x / 255)[end]
        torch.testing.assert_close(row[1], whole)
        torch.testing.assert_close(row[2], whole)
    with pytest.raises(LabError, match="two images"):
        pictures.between(model, images(3), 0.5)


def test_arithmetic_of_class_means(seen: list[dict[str, Any]]) -> None:
    model = Tiny()
    codes = codes_of(model)
    pictures.arithmetic(model, codes, CLASSES, [(2, 1, 0)], images=images())
    band = seen[0]["bands"][0]
    means = [codes.mu[codes.labels == label].mean(0) for label in (2, 1, 0)]
    z = means[0] - means[1] + means[2]
    torch.testing.assert_close(band.rows[0][3], decoding.decode(model, z[None])[0])
    near = int((codes.mu - z).norm(dim=1).argmin())
    torch.testing.assert_close(band.rows[0][4], images()[near] / 255)
    assert band.captions == ["two", "one", "zero", "result", f"near: {CLASSES[near % 3]}"]
    assert band.joints == {1: "−", 2: "+", 3: "=", 4: "≈"}


def test_arithmetic_with_classes_that_are_not_there() -> None:
    codes = codes_of(Tiny())
    with pytest.raises(LabError, match="of class 8"):
        pictures.arithmetic(Tiny(), codes, CLASSES, [(0, 1, 8)])
    lonely = codes._replace(labels=torch.zeros_like(codes.labels))
    with pytest.raises(LabError, match="at least 2 classes"):
        pictures.arithmetic(Tiny(), lonely, CLASSES)
    assert sums.default_terms(torch.tensor([5, 3, 3, -1])) == [(3, 5, 5)]
    assert sums.default_terms(torch.arange(10))[0] == (7, 1, 4)


def test_comparison_with_a_denoising_autoencoder(seen: list[dict[str, Any]]) -> None:
    vae, dae, x = Tiny(), TinyDae(), images(3)
    noisy = 1 - x / 255
    pictures.compare_dae(vae, dae, x, noisy)
    above, below = seen[0]["bands"]
    expected = [
        x / 255,
        noisy,
        *(m.reconstruct(noisy) for m in (dae, vae)),
        vae.reconstruct(x / 255),
    ]
    for row, due in zip(above.rows, expected, strict=True):
        torch.testing.assert_close(row, due)
    assert below.labels == ["DAE", "VAE"]
    assert "error 0.0" not in above.labels[1]
    with pytest.raises(LabError, match="do not belong together"):
        pictures.compare_dae(vae, dae, x, noisy[:2])


# --- charts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5])
def test_scatter_of_any_size(size: int) -> None:
    drawn = pictures.latent_scatter(codes_of(Tiny(size)), CLASSES)
    assert drawn.mode == "RGB" and drawn.getpixel((0, 0)) == (255, 255, 255)


def test_scatter_says_what_it_shows() -> None:
    codes = codes_of(Tiny(5))
    points, names, how = scatter._project(codes, "active")
    first, second = codes.order[:2]
    torch.testing.assert_close(points, codes.mu[:, [first, second]])
    assert names[0] == f"dimension {first}" and "2 most used of 5" in how
    assert "PCA" in scatter._project(codes, "auto")[2]
    two = codes_of(Tiny(2))
    assert torch.equal(scatter._project(two, "pca")[0], two.mu)
    with pytest.raises(LabError, match="plane 'tsne'"):
        pictures.latent_scatter(codes, CLASSES, plane="tsne")


def test_diverged_codes() -> None:
    codes = codes_of(Tiny(2))
    lost = codes._replace(mu=torch.full_like(codes.mu, math.nan))
    for draw in (pictures.latent_scatter, pictures.kl_per_dim, pictures.posterior_vs_prior):
        with pytest.raises(LabError, match="diverged"):
            draw(lost)


def test_every_class_has_its_own_look() -> None:
    looks = {scatter._style(label) for label in range(100)}
    assert len(looks) == 100


def test_a_dark_style_does_not_reach_the_chart() -> None:
    import matplotlib

    codes = codes_of(Tiny(2))
    plain = pictures.png(pictures.kl_per_dim(codes))
    with matplotlib.rc_context({"text.color": "white", "axes.facecolor": "k", "font.size": 30}):
        assert pictures.png(pictures.kl_per_dim(codes)) == plain
        assert matplotlib.rcParams["font.size"] == 30, "the user's style comes back"


def test_histograms_take_posteriors_and_codes() -> None:
    assert pictures.posterior_vs_prior(codes_of(Tiny(1))).width > 0
    one = pictures.png(pictures.posterior_vs_prior(codes_of(TinyDae(2))))
    assert one.startswith(b"\x89PNG")


def rows(values: Sequence[float], metric: str = "loss", phase: str = "train") -> list[Record]:
    return [Record(phase, float(i + 1), i + 1, metric, value) for i, value in enumerate(values)]


def test_curves_of_a_broken_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(curves, "_warn", lambda axes, words: warnings.append(words))
    path = tmp_path / "metrics.csv"
    append(path, "train", 0.5, 10, {"loss": 500.0, "recon": 490.0, "kl": 10.0, "beta": 0.0})
    append(path, "train", 1.0, 20, {"loss": math.nan, "recon": math.inf})
    with path.open("a") as file:
        file.write("train,1.5,30,lo")
    assert pictures.training_curves(read(path)).width > 0
    assert warnings == ["NaN from epoch 1"] * 2


def test_one_row_is_a_picture_and_none_is_an_error() -> None:
    assert pictures.training_curves(rows([1.0])).height > 0
    for empty in ([], rows([1.0], "psnr", "eval")):
        with pytest.raises(LabError, match="no rows") as caught:
            pictures.training_curves(empty)
        assert "lab train" in caught.value.next_step


def test_a_resumed_run_counts_each_step_once() -> None:
    first = rows([5.0, 4.0, 3.0, 2.0])
    again = [Record("train", 3.0, 3, "loss", 2.5), Record("train", 4.0, 4, "loss", 1.5)]
    kept = curves.latest([*first, *again])
    assert [(row.step, row.value) for row in kept] == [(1, 5.0), (2, 4.0), (3, 2.5), (4, 1.5)]


def test_one_explosion_does_not_flatten_the_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(curves, "_warn", lambda axes, words: warnings.append(words))
    pictures.training_curves(rows([100.0 - i for i in range(20)] + [1e9]))
    assert warnings == ["up to 1e+09, cut off"]


# --- files ----------------------------------------------------------------------------------


def test_pictures_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "grids").write_text("in the way")
    with pytest.raises(StorageError, match="recon_grid"):
        album.Album(Tiny(), tiny_data(), Outputs(tmp_path)).recon_grid()


def test_the_classes_take_turns() -> None:
    labels = torch.tensor([0, 0, 0, 0, 2, 2, 1])
    order = album.pick(labels, seed=4)
    assert sorted(order.tolist()) == list(range(7))
    assert labels[order].tolist() == [0, 1, 2, 0, 2, 0, 0]
    assert album.pick(labels, seed=4).tolist() == order.tolist()
    assert album.pick(torch.zeros(0, dtype=torch.long)).tolist() == []


def test_an_album_writes_every_picture_where_the_commands_look(tmp_path: Path) -> None:
    append(tmp_path / "logs" / "metrics.csv", "train", 1.0, 5, {"loss": 1.0})
    left_out: list[str] = []
    written = album.Album(Tiny(2), tiny_data(), Outputs(tmp_path)).everything(left_out)
    assert {path.relative_to(tmp_path).as_posix() for path in written} == {
        "grids/recon_grid.png",
        "samples/prior_samples.png",
        "samples/posterior_samples.png",
        "grids/interpolations.png",
        "grids/arithmetic.png",
        "grids/traverse_all.png",
        "grids/traverse_dim_0.png",
        "grids/traverse_dim_1.png",
        "grids/latent_scatter.png",
        "grids/kl_per_dim.png",
        "grids/posterior_vs_prior.png",
        "grids/training_curves.png",
    }
    assert left_out == []


def test_an_autoencoder_s_album_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = album.Album(TinyDae(2), tiny_data(), Outputs(tmp_path))
    monkeypatch.setattr(pages, "latent_scatter", list)
    monkeypatch.setattr(pages, "posterior_vs_prior", list)
    left_out: list[str] = []
    names = {path.stem for path in pages.everything(left_out)}
    assert {"recon_grid", "prior_samples", "traverse_all"} <= names
    assert [line.split(":")[0] for line in left_out] == [
        "posterior_samples",
        "kl_per_dim",
        "training_curves",
    ]


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    def bytes_of(name: str, seed: int) -> bytes:
        pages = album.Album(Tiny(), tiny_data(), Outputs(tmp_path / name), seed=seed)
        return b"".join(p.read_bytes() for p in [*pages.prior_samples(4), *pages.recon_grid(4)])

    assert bytes_of("a", 0) == bytes_of("b", 0) != bytes_of("c", 1)


def test_a_dimension_too_many_writes_nothing(tmp_path: Path) -> None:
    pages = album.Album(Tiny(), tiny_data(), Outputs(tmp_path))
    with pytest.raises(LabError, match="dimension 7"):
        pages.traverse([0, 7])
    assert list(tmp_path.iterdir()) == []
    assert len(pages.traverse([2, 2, 0])) == 3


def test_the_album_compares_with_a_dae(tmp_path: Path) -> None:
    pages = album.Album(Tiny(), tiny_data(), Outputs(tmp_path))
    (path,) = pages.compare_dae(TinyDae(), "mask", 0.5, count=3)
    assert path == tmp_path / "grids" / "compare_dae.png" and path.stat().st_size > 0
    with pytest.raises(LabError, match="0 images"):
        pages.recon_grid(0)


# --- the notebook ---------------------------------------------------------------------------

NOTEBOOK = Path(pictures.__file__).parents[1] / "notebooks" / "latent_playground.md"


def save_run(root: Path, name: str = "mlp", shape: tuple[int, int, int] = SHAPE) -> None:
    settings = parse({"model": {"name": name, "latent_dim": 2, "hidden_dim": 8}}, "this test")
    model = build(settings.model, shape)
    saved = checkpoint.Saved(settings, "tiny", 12, shape, 5, 1, 3.0, model.state_dict(), None, None)
    checkpoint.save(Outputs(root).best, saved)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What the notebook displays when it runs in a folder of its own, on tiny data."""
    display = pytest.importorskip("IPython.display")

    import lab.data

    out: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(display, "display", out.append)
    monkeypatch.setattr(lab.data, "load", lambda name, **options: tiny_data())
    blank = pictures.sheet([pictures.Band([torch.zeros(1, 1, 6, 6)])])
    for name in ("latent_scatter", "kl_per_dim", "posterior_vs_prior"):
        monkeypatch.setattr(pictures, name, lambda *args, **options: blank)
    return out


def run_notebook() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for part in NOTEBOOK.read_text(encoding="utf-8").split("```python\n")[1:]:
        exec(compile(part.split("```\n")[0], NOTEBOOK.name, "exec"), names)
    return names


def test_the_notebook_s_sliders_move_pictures(tmp_path: Path, shown: list[Any]) -> None:
    widgets = pytest.importorskip("ipywidgets")
    save_run(tmp_path / "outputs")
    run_notebook()
    boxes = [item for item in shown if isinstance(item, widgets.VBox)]
    assert len(boxes) == 4 and len(shown) == 8
    for box in boxes:
        *controls, words, screen = box.children
        before = bytes(screen.value)
        assert before.startswith(b"\x89PNG") and words.value == ""
        for control in controls:
            if isinstance(control, widgets.Dropdown):
                control.value = control.options[-1][1]
            else:
                control.value = control.max
        assert bytes(screen.value) != before and words.value == ""


def test_a_new_image_sets_the_notebook_s_sliders(tmp_path: Path, shown: list[Any]) -> None:
    widgets = pytest.importorskip("ipywidgets")
    save_run(tmp_path / "outputs")
    names = run_notebook()
    start, *sliders = next(item for item in shown if isinstance(item, widgets.VBox)).children[:3]
    start.value = 5
    codes = names["codes"]
    assert [slider.value for slider in sliders] == [
        pytest.approx(float(codes.mu[5, dim])) for dim in codes.order
    ]


def test_the_notebook_without_widgets_shows_strips(
    tmp_path: Path,
    shown: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import IPython.display

    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    save_run(tmp_path / "outputs")
    run_notebook()
    assert [type(item) for item in shown] == [IPython.display.Image] * 8
    assert "ipywidgets is not installed" in capsys.readouterr().out


def test_the_notebook_takes_an_autoencoder(
    tmp_path: Path, shown: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    save_run(tmp_path / "outputs", "dae")
    run_notebook()
    said = capsys.readouterr().out
    assert "has no posterior" in said and "gives each image one code" in said


@pytest.mark.parametrize("there", [None, b"", b"not a checkpoint"])
def test_the_notebook_trains_where_it_finds_no_model(
    there: bytes | None,
    tmp_path: Path,
    shown: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import lab.training

    def train(settings: Any, dataset: Dataset, *, max_seconds: float) -> None:
        assert max_seconds <= 60
        save_run(settings.outputs)

    monkeypatch.setattr(lab.training, "train", train)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    if there is not None:
        best = Outputs(tmp_path / "outputs").best
        best.parent.mkdir(parents=True)
        best.write_bytes(there)
    run_notebook()
    assert (tmp_path / "outputs" / "playground" / "ckpts" / "best.pt").exists()
    said = capsys.readouterr().out
    assert "Training a small model for at most a minute" in said
    assert ("no trained model" in said) == (there is None)
