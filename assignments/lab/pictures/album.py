"""All pictures of one run: which test images they show, and under which name each one lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from lab.data import Dataset
from lab.errors import LabError, MissingLibrary, StorageError
from lab.models.base import LatentModel
from lab.objective import corrupt
from lab.outputs import Outputs
from lab.pictures.compare import compare_dae
from lab.pictures.curves import training_curves
from lab.pictures.decoding import Codes, encode, floats
from lab.pictures.distributions import kl_per_dim, posterior_vs_prior
from lab.pictures.latents import check_dim
from lab.pictures.paths import interpolations
from lab.pictures.prior import TEMPERATURES, prior_samples
from lab.pictures.recon import posterior_samples, recon_grid
from lab.pictures.save import save
from lab.pictures.scatter import latent_scatter
from lab.pictures.sums import Term, arithmetic
from lab.pictures.traversals import traverse_all, traverse_dim
from lab.records import read

_MOST_FILES = 64  # of traversals, unless dimensions are named


class Album:
    """A trained model with the test images to show it on; each method writes files and returns
    their paths.

    Args:
        model: on any device.
        dataset: what it was trained on; only test images are shown.
        outputs: where the pictures go.
        seed: chooses images and draws; the same seed gives the same files.
        limit: so many test images are encoded for pictures of the whole latent space.
    """

    def __init__(
        self,
        model: LatentModel,
        dataset: Dataset,
        outputs: Outputs,
        *,
        seed: int = 0,
        limit: int = 5000,
    ) -> None:
        self.model = model
        self.dataset = dataset
        self.outputs = outputs
        self.seed = seed
        self.order = pick(dataset.test.labels, seed)[:limit]

    @cached_property
    def codes(self) -> Codes:
        """Of up to `limit` test images, the classes taking turns."""
        test = self.dataset.test
        return encode(self.model, test.images[self.order], test.labels[self.order])

    def recon_grid(self, count: int = 30) -> list[Path]:
        """Test images above their reconstructions: `grids/recon_grid.png`."""
        images, labels = self._first(count)
        picture = recon_grid(self.model, images, labels, self.dataset.classes)
        return [save(picture, self.outputs.grid("recon_grid"))]

    def prior_samples(
        self,
        count: int = 40,
        temperature: float = 1.0,
        temperatures: Sequence[float] = TEMPERATURES,
    ) -> list[Path]:
        """Images from the prior, and a strip of temperatures: `samples/prior_samples.png`."""
        picture = prior_samples(
            self.model,
            count,
            temperature=temperature,
            temperatures=temperatures,
            seed=self.seed,
        )
        return [save(picture, self.outputs.sample("prior_samples"))]

    def posterior_samples(self, count: int = 6, draws: int = 8) -> list[Path]:
        """Draws z ~ q(z|x) for some test images: `samples/posterior_samples.png`."""
        picture = posterior_samples(self.model, self._first(count)[0], draws=draws, seed=self.seed)
        return [save(picture, self.outputs.sample("posterior_samples"))]

    def interpolations(self, pairs: int = 5, steps: int = 11) -> list[Path]:
        """Walks between test images of different classes: `grids/interpolations.png`."""
        picture = interpolations(self.model, self._first(2 * pairs)[0], steps=steps)
        return [save(picture, self.outputs.grid("interpolations"))]

    def arithmetic(self, terms: Sequence[Term] | None = None) -> list[Path]:
        """Class means a − b + c, decoded: `grids/arithmetic.png`."""
        images = self.dataset.test.images[self.order]
        picture = arithmetic(self.model, self.codes, self.dataset.classes, terms, images=images)
        return [save(picture, self.outputs.grid("arithmetic"))]

    def traverse(self, dims: Sequence[int] | None = None) -> list[Path]:
        """One picture a dimension, `grids/traverse_dim_K.png`, and `grids/traverse_all.png`.

        Args:
            dims: which ones; all unless given (of more than 64, those used most).

        Raises:
            LabError: a dimension that the model does not have; nothing is written then.
        """
        dims = self.codes.order[:_MOST_FILES] if dims is None else dims
        for dim in dims:
            check_dim(dim, self.codes.mu.shape[1])
        paths = [save(traverse_all(self.model, self.codes), self.outputs.grid("traverse_all"))]
        for dim in sorted(set(dims)):
            picture = traverse_dim(self.model, self.codes, dim)
            paths.append(save(picture, self.outputs.grid(f"traverse_dim_{dim}")))
        return paths

    def latent_scatter(self, plane: str = "auto") -> list[Path]:
        """Codes in the plane, colored by class: `grids/latent_scatter.png`."""
        picture = latent_scatter(self.codes, self.dataset.classes, plane=plane)
        return [save(picture, self.outputs.grid("latent_scatter"))]

    def kl_per_dim(self) -> list[Path]:
        """KL bars: `grids/kl_per_dim.png`."""
        return [save(kl_per_dim(self.codes), self.outputs.grid("kl_per_dim"))]

    def posterior_vs_prior(self) -> list[Path]:
        """Histograms of codes against N(0, 1): `grids/posterior_vs_prior.png`."""
        picture = posterior_vs_prior(self.codes, seed=self.seed)
        return [save(picture, self.outputs.grid("posterior_vs_prior"))]

    def training_curves(self) -> list[Path]:
        """Curves of `metrics.csv`: `grids/training_curves.png`."""
        picture = training_curves(read(self.outputs.metrics))
        return [save(picture, self.outputs.grid("training_curves"))]

    def compare_dae(
        self, dae: LatentModel, kind: str = "gaussian", level: float = 0.3, count: int = 10
    ) -> list[Path]:
        """This model beside a denoising autoencoder: `grids/compare_dae.png`.

        Args:
            kind: of corruption, as in `lab.objective.corrupt`.
            level: of corruption.
        """
        images = floats(self._first(count)[0]).cpu()
        noise = torch.Generator().manual_seed(self.seed)
        noisy = corrupt(images, kind, level, noise)
        picture = compare_dae(self.model, dae, images, noisy, seed=self.seed)
        return [save(picture, self.outputs.grid("compare_dae"))]

    def everything(self, left_out: list[str] | None = None) -> Iterator[Path]:
        """Write every picture that this model can give, one after the other.

        Args:
            left_out: takes a sentence for each picture that it cannot give, for example draws
                from the posterior of a model that has none.

        Raises:
            StorageError: the disk is full.
            MissingLibrary: Pillow or matplotlib is not installed.
        """
        pictures: tuple[Callable[[], list[Path]], ...] = (
            self.recon_grid,
            self.prior_samples,
            self.posterior_samples,
            self.interpolations,
            self.arithmetic,
            self.traverse,
            self.latent_scatter,
            self.kl_per_dim,
            self.posterior_vs_prior,
            self.training_curves,
        )
        for write in pictures:
            try:
                yield from write()
            except (StorageError, MissingLibrary):
                raise
            except LabError as error:
                if left_out is not None:
                    left_out.append(f"{write.__name__}: {error.what}")

    def _first(self, count: int) -> tuple[Tensor, Tensor]:
        """Images and labels to show, the classes taking turns."""
        if count < 1:
            raise LabError(f"{count} images make no picture.", "Ask for 1 or more.")
        chosen = self.order[:count]
        return self.dataset.test.images[chosen], self.dataset.test.labels[chosen]


def pick(labels: Tensor, seed: int = 0) -> Tensor:
    """An order of images in which the classes take turns: shuffled, then one of each class.

    Shapes: `(N,)` -> `(N,)`, a permutation.
    """
    labels = labels.cpu()
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    mixed = labels[shuffled]
    turn = torch.zeros_like(mixed)
    for label in set(mixed.tolist()):
        mine = mixed == label
        turn[mine] = torch.arange(int(mine.sum()))
    by_class = mixed.argsort(stable=True)
    return shuffled[by_class[turn[by_class].argsort(stable=True)]]
