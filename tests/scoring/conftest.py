"""One small manifest that is right, to be spoiled by each test in its own way."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading.scoring import Part, parse_assignment

MANIFEST = """\
schema = "latent-week/assignment/1"
day = "day2_vae"
title = "Tuesday: variational autoencoders"

[[part]]
name = "vae"
title = "The variational autoencoder"
[part.limits]
test_seconds = 20

[[part.task]]
name = "kl_divergence"
function = "kl_divergence"
title = "KL divergence in closed form"
guide = "#6-kl-divergence"
points = 60
minutes = 8
[part.task.tests]
public = { test_kl_at_prior_is_zero = 1 }
hidden = { test_kl_gradient = 2 }

[[part.task]]
name = "coder"
function = ["VAE.encode", "VAE.decode"]
title = "Encoder and decoder"
guide = "#3-encoder"
points = 40
[part.task.tests.public]
test_shapes = 1

[[part.task]]
name = "slerp"
function = "slerp"
title = "Slerp"
guide = "#9-slerp"
points = 5
bonus = true
[part.task.tests]
public."test_slerp" = 1
"""


@pytest.fixture
def text() -> str:
    return MANIFEST


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return parse_assignment(MANIFEST, tmp_path / "assignment.toml").parts[0]
