"""Pictures of models and runs: each function gives one picture, `save` makes a file of it."""

from __future__ import annotations

from lab.pictures.album import Album
from lab.pictures.compare import compare_dae
from lab.pictures.curves import training_curves
from lab.pictures.decoding import Codes, decode, encode
from lab.pictures.distributions import kl_per_dim, posterior_vs_prior
from lab.pictures.grid import Band, sheet
from lab.pictures.latents import lerp, slerp
from lab.pictures.paths import between, interpolations
from lab.pictures.prior import prior_samples
from lab.pictures.recon import posterior_samples, recon_grid
from lab.pictures.save import png, save
from lab.pictures.scatter import latent_scatter
from lab.pictures.sums import arithmetic, default_terms
from lab.pictures.traversals import traverse_all, traverse_dim

__all__ = [
    "Album",
    "Band",
    "Codes",
    "arithmetic",
    "between",
    "compare_dae",
    "decode",
    "default_terms",
    "encode",
    "interpolations",
    "kl_per_dim",
    "latent_scatter",
    "lerp",
    "png",
    "posterior_samples",
    "posterior_vs_prior",
    "prior_samples",
    "recon_grid",
    "save",
    "sheet",
    "slerp",
    "training_curves",
    "traverse_all",
    "traverse_dim",
]
