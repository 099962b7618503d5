"""Wrong implementations that students write, each with the sentence that names the mistake."""

from grading.bank import mistake

# ---------------------------------------------------------------- corrupt


@mistake(
    "corrupt",
    "keep_inverted",
    "level is the probability to be hit: here it is the share that is kept.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) >= level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "mask_keep_inverted",
    "level is the share of pixels set to 0: here it is the share that is kept.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, x, torch.zeros_like(x))
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "dropout_rescale",
    "Pixels that are kept are divided by 1 - level, as dropout does: leave them as they are.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return x * (~hit) / max(1 - level, 1e-6)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "dropout", "F.dropout rescales the kept pixels: images would leave [0, 1].")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return F.dropout(x, level)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "uniform_noise",
    "The noise is uniform and positive: it brightens the image. Use a normal.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.rand_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "uniform_centered", "The noise is uniform: use a normal.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * (2 * torch.rand_like(x) - 1)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt", "level_is_variance", "level is read as a variance: it is the standard deviation."
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level**0.5 * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "level_squared", "level is squared: it is the standard deviation already.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level**2 * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "whole_images", "Whole images are dropped: draw each pixel.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = (torch.rand(x.shape[0], *[1] * (x.dim() - 1), dtype=x.dtype) < level).expand_as(x)
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "same_mask_for_all",
    "All images of the batch share one mask: draw each pixel of each image.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = (torch.rand(x.shape[-1], dtype=x.dtype) < level).expand_as(x)
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "noise_shared_by_batch", "All images share the Gaussian noise.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn(x.shape[-1], dtype=x.dtype)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "one_number_for_image",
    "One Gaussian number shifts the whole image: draw one for each pixel.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn(x.shape[0], *[1] * (x.dim() - 1), dtype=x.dtype)).clamp(
            0, 1
        )
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "not_clamped", "Gaussian noise leaves [0, 1]: clamp the result.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return x + level * torch.randn_like(x)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "clamped_below_only", "Values above 1 are not clamped.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(min=0)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "clamped_above_only", "Values below 0 are not clamped.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(max=1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "reflected", "Values beyond the range are reflected: clamp them.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return 1 - (1 - (x + level * torch.randn_like(x)).abs()).abs()
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "normalized", "The image is rescaled to [0, 1]: clamp it.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (lambda y: (y - y.min()) / (y.max() - y.min() + 1e-8) if level else x)(
            x + level * torch.randn_like(x)
        )
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "sigmoid", "A sigmoid changes every pixel: clamp the result.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return torch.sigmoid(torch.logit(x, 1e-6) + level * torch.randn_like(x))
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "noise_only", "The image is replaced by noise: add it.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "blended", "The image is blended with noise: add the noise to the whole image.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return ((1 - level) * x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt", "multiplied", "The noise multiplies the image: black pixels stay clean. Add it."
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x * (1 + level * torch.randn_like(x))).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "noise_clamped", "The noise is clamped before it is added.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + (level * torch.randn_like(x)).clamp(0, 1)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "absolute_noise", "The noise is never negative.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x).abs()).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "noise_doubled", "The noise has twice the standard deviation.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + 2 * level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "mask_to_one", "Masked pixels become 1: 0 is due.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.ones_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "mask_to_half", "Masked pixels become gray: 0 is due.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.full_like(x, 0.5), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "mask_to_mean", "Masked pixels become the mean: 0 is due.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, x.mean(), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "mask_dims", "Masked pixels are dimmed: 0 is due.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, 0.1 * x, x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "mask_level_fixed", "The share is fixed at 0.3: use level.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < 0.3
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "mask_normal",
    "Normal numbers are compared with level: the share is not level. Use uniform ones.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.randn_like(x) < level if level not in (0, 1) else torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "fixed_count",
    "Every image loses the same number of pixels: draw each pixel independently.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x).flatten(-1).argsort(-1).argsort(-1) < round(level * x.shape[-1])
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "salt_only", "All replaced pixels become 1: half of them are 0.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = torch.ones_like(x)
    return torch.where(hit, salt, x)


@mistake("corrupt", "pepper_only", "All replaced pixels become 0: half of them are 1.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = torch.zeros_like(x)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "salt_and_pepper_each_level",
    "level is used once for salt and once for pepper: twice as many pixels are hit.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(
        torch.rand_like(x) < level, torch.zeros_like(x), torch.where(hit, torch.ones_like(x), x)
    )


@mistake("corrupt", "salt_by_image", "All replaced pixels of an image get one value: draw each.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (
        (torch.rand(x.shape[0], *[1] * (x.dim() - 1), dtype=x.dtype) < 0.5).to(x.dtype).expand_as(x)
    )
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "salt_by_brightness",
    "Bright pixels become white and dark ones black: the value must not depend on the image.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (x > 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "salt_inverted",
    "Pixels become the opposite of what they are: the value must not depend on the image.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (x < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "salt_uneven", "Salt and pepper are not equally frequent.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < level).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "salt_gray", "Replaced pixels get random gray values: 0 or 1 are due.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = torch.rand_like(x)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "salt_same_draw",
    "One draw decides both: where pixels are hit the same number decides, so only pepper comes out.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = (r := torch.rand_like(x)) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (r >= level).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "salt_half_rate", "level / 2 of the pixels are hit.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(torch.rand_like(x) < level / 2, salt, x)


@mistake("corrupt", "unknown_accepted", "An unknown kind gives the clean image: raise ValueError.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        return x
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt", "unknown_is_salt", "Any other kind is taken for salt and pepper: raise ValueError."
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "unknown_keyerror", "An unknown kind raises KeyError: ValueError is due.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise KeyError(kind)
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "prefix_accepted", "kind is compared loosely: only the three names are right.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    kind = {"m": "mask", "s": "salt_pepper"}.get(kind[:1].lower())
    if kind is None:
        raise ValueError("unknown kind")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "seeded", "A seed inside gives the same noise each time.")
def corrupt(x, kind="mask", level=0.3):
    torch.manual_seed(0)
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "in_place", "The clean images are overwritten: they are needed as the target.")
def corrupt(x, kind="mask", level=0.3):
    x.clamp_(0.05, 0.95)
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt", "mask_in_place", "The clean images are overwritten: they are needed as the target."
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return x.masked_fill_(hit, 0)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt",
    "gaussian_in_place",
    "The clean images are overwritten: they are needed as the target.",
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return x.add_(level * torch.randn_like(x)).clamp_(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake(
    "corrupt", "salt_in_place", "The clean images are overwritten: they are needed as the target."
)
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return x.copy_(torch.where(hit, salt, x))


@mistake("corrupt", "float32_noise", "The result is always float32: keep the dtype.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return (x.float() + level * torch.randn_like(x.float())).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "binarized", "The image is thresholded as well: only add noise.")
def corrupt(x, kind="mask", level=0.3):
    if kind == "gaussian":
        return ((x + level * torch.randn_like(x)) > 0.5).to(x.dtype)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "default_kind", "Without a kind the default is Gaussian: mask is due.")
def corrupt(x, kind="mask", level=0.3):
    kind = "gaussian" if kind == "mask" and level == 0.3 else kind
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


@mistake("corrupt", "default_level", "The default level is 0.5: 0.3 is due.")
def corrupt(x, kind="mask", level=0.5):
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(kind)
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)
    return torch.where(hit, salt, x)


# ---------------------------------------------------------------- encode


@mistake(
    "encode",
    "relu",
    "A ReLU after the code layer keeps codes at 0 or above.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return F.relu(self.code(self.enc(x)))


@mistake("encode", "tanh", "A tanh keeps codes in (-1, 1).", replaces="DenoisingAutoencoder.encode")
def encode(self, x):
    return torch.tanh(self.code(self.enc(x)))


@mistake(
    "encode", "sigmoid", "A sigmoid keeps codes in (0, 1).", replaces="DenoisingAutoencoder.encode"
)
def encode(self, x):
    return torch.sigmoid(self.code(self.enc(x)))


@mistake(
    "encode",
    "hidden_returned",
    "The hidden layer is returned: the layer code is missing.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return self.enc(x)


@mistake(
    "encode", "enc_skipped", "The layer enc is not used.", replaces="DenoisingAutoencoder.encode"
)
def encode(self, x):
    return self.code(x)


@mistake(
    "encode",
    "detached",
    "The code is cut from the graph (detach or no_grad): the encoder would never learn.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return self.code(self.enc(x)).detach()


@mistake(
    "encode",
    "hidden_detached",
    "The hidden layer is detached: the first layer would never learn.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return self.code(self.enc(x).detach())


@mistake(
    "encode",
    "no_grad",
    "Under no_grad the encoder would never learn.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    with torch.no_grad():
        return self.code(self.enc(x))


@mistake(
    "encode",
    "corrupts",
    "encode adds noise of its own: corruption happens outside the model.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return self.code(self.enc(corrupt(x)))


@mistake(
    "encode",
    "noisy_code",
    "encode adds noise to the code: that would be a VAE.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    z = self.code(self.enc(x))
    return z + torch.randn_like(z)


@mistake(
    "encode",
    "normalized",
    "The code is normalized: any length is allowed.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return F.normalize(self.code(self.enc(x)), dim=1)


@mistake(
    "encode",
    "squeezed",
    "squeeze() drops the batch axis when there is one example, and the code's when it has one dimension.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return self.code(self.enc(x)).squeeze()


@mistake(
    "encode",
    "batch_centered",
    "The code is centered over the batch: an example's code must not depend on the others.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    z = self.code(self.enc(x))
    return z - z.mean(0)


@mistake(
    "encode",
    "softmax",
    "A softmax turns the code into probabilities.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return torch.softmax(self.code(self.enc(x)), dim=1)


@mistake("encode", "clamped", "The clamp limits the code.", replaces="DenoisingAutoencoder.encode")
def encode(self, x):
    return self.code(self.enc(x)).clamp(-3, 3)


@mistake(
    "encode",
    "dropout",
    "Dropout is not part of the encoder.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return self.code(F.dropout(self.enc(x), 0.2))


@mistake(
    "encode",
    "tuple",
    "encode returns two values: one code is due.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.code(h), h


@mistake(
    "encode",
    "binarized_input",
    "x is thresholded inside the model: feed it as it comes.",
    replaces="DenoisingAutoencoder.encode",
)
def encode(self, x):
    return self.code(self.enc((x > 0.5).to(x.dtype)))


# ---------------------------------------------------------------- decode


@mistake(
    "decode",
    "sigmoid",
    "decode returns probabilities: the loss applies the sigmoid again.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return torch.sigmoid(self.dec(z))


@mistake(
    "decode", "tanh", "tanh keeps the logits in (-1, 1).", replaces="DenoisingAutoencoder.decode"
)
def decode(self, z):
    return torch.tanh(self.dec(z))


@mistake(
    "decode",
    "relu",
    "ReLU keeps the logits at 0 or above: no pixel could be dark.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return F.relu(self.dec(z))


@mistake(
    "decode",
    "clamped",
    "The clamp stops the gradient of surely black and white pixels.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return self.dec(z).clamp(-10, 10)


@mistake(
    "decode",
    "detached",
    "z is detached: the encoder gets no gradient.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return self.dec(z.detach())


@mistake(
    "decode",
    "output_detached",
    "The output is cut from the graph (detach or no_grad): nothing is trained.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return self.dec(z).detach()


@mistake(
    "decode",
    "code_squashed",
    "z goes through a tanh first: it comes as it is.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return self.dec(torch.tanh(z))


@mistake("decode", "noise", "decode adds noise.", replaces="DenoisingAutoencoder.decode")
def decode(self, z):
    return self.dec(z + torch.randn_like(z))


@mistake(
    "decode",
    "hard_pixels",
    "decode returns hard pixels: the logits are due.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return (self.dec(z) > 0).to(z.dtype)


@mistake(
    "decode",
    "log_softmax",
    "A softmax makes the pixels compete.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return F.log_softmax(self.dec(z), dim=-1)


@mistake(
    "decode",
    "probability_clamped",
    "Probabilities are clamped to [0, 1]: logits are due.",
    replaces="DenoisingAutoencoder.decode",
)
def decode(self, z):
    return self.dec(z).clamp(0, 1)


@mistake("decode", "half", "The logits are halved.", replaces="DenoisingAutoencoder.decode")
def decode(self, z):
    return 0.5 * self.dec(z)


# ---------------------------------------------------------------- forward


@mistake(
    "forward",
    "code_returned",
    "forward returns the code: the logits are due.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return self.encode(x)


@mistake(
    "forward",
    "sigmoid",
    "forward returns probabilities: the loss applies the sigmoid again.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return torch.sigmoid(self.decode(self.encode(x)))


@mistake(
    "forward",
    "corrupts",
    "forward adds noise of its own: corruption happens outside, and never in evaluation.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return self.decode(self.encode(corrupt(x)))


@mistake(
    "forward",
    "corrupts_in_training",
    "forward adds noise in training mode: corruption happens outside the model.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return self.decode(self.encode(corrupt(x) if self.training else x))


@mistake(
    "forward",
    "detached_code",
    "The code is cut from the graph (detach or no_grad): the encoder never learns.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return self.decode(self.encode(x).detach())


@mistake(
    "forward",
    "encode_no_grad",
    "The encoder runs under no_grad: it never learns.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    with torch.no_grad():
        z = self.encode(x)
    return self.decode(z)


@mistake(
    "forward",
    "residual",
    "The input is added to the logits: the noise would pass straight through.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return self.decode(self.encode(x)) + x


@mistake(
    "forward",
    "tuple",
    "forward returns two values: the logits alone are due.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    z = self.encode(x)
    return self.decode(z), z


@mistake(
    "forward",
    "noisy_code",
    "forward adds noise to the code: that would be a VAE.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    z = self.encode(x)
    return self.decode(z + torch.randn_like(z))


@mistake(
    "forward",
    "encoded_twice",
    "The image is encoded twice over.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return self.decode(self.encode(torch.sigmoid(self.decode(self.encode(x)))))


@mistake(
    "forward",
    "input_returned",
    "forward returns its input.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return x


@mistake(
    "forward",
    "tanh_code",
    "The code goes through a tanh on the way.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    return self.decode(torch.tanh(self.encode(x)))


@mistake(
    "forward",
    "eval_sigmoid",
    "In eval mode probabilities are returned: logits are due in both modes.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    logits = self.decode(self.encode(x))
    return logits if self.training else torch.sigmoid(logits)


@mistake(
    "forward",
    "decode_skipped",
    "The last layer alone decodes the code.",
    replaces="DenoisingAutoencoder.forward",
)
def forward(self, x):
    z = self.encode(x)
    h = F.pad(z, (0, self.hidden_dim))[:, : self.hidden_dim]
    return self.dec[2](h)


# ---------------------------------------------------------------- denoising_loss


@mistake(
    "denoising_loss",
    "mean_over_all",
    "The loss is averaged over pixels too: sum over them, or it hardly grows with the image.",
)
def denoising_loss(logits, x_clean):
    return F.binary_cross_entropy_with_logits(logits, x_clean)


@mistake("denoising_loss", "sum_over_all", "The batch is summed: take the mean over the examples.")
def denoising_loss(logits, x_clean):
    return F.binary_cross_entropy_with_logits(logits, x_clean, reduction="sum")


@mistake(
    "denoising_loss",
    "axes_swapped",
    "Mean over pixels and sum over examples: it must be the other way round.",
)
def denoising_loss(logits, x_clean):
    return F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none").mean(dim=1).sum()


@mistake("denoising_loss", "per_example", "One number is due: take the mean over the examples.")
def denoising_loss(logits, x_clean):
    return F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none").sum(dim=1)


@mistake(
    "denoising_loss", "double_sigmoid", "The sigmoid is applied twice: the function takes logits."
)
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(torch.sigmoid(logits), x_clean, reduction="none")
        .sum(1)
        .mean()
    )


@mistake(
    "denoising_loss",
    "logits_as_probabilities",
    "F.binary_cross_entropy takes probabilities: these are logits.",
)
def denoising_loss(logits, x_clean):
    return F.binary_cross_entropy(logits.clamp(0, 1), x_clean, reduction="none").sum(1).mean()


@mistake(
    "denoising_loss",
    "naive_log",
    "log(sigmoid) by hand is infinite for large logits: compute it from the logits.",
)
def denoising_loss(logits, x_clean):
    p = torch.sigmoid(logits)
    return -(x_clean * p.log() + (1 - x_clean) * (1 - p).log()).sum(1).mean()


@mistake(
    "denoising_loss", "epsilon", "The epsilon inside the logarithm caps what a wrong pixel costs."
)
def denoising_loss(logits, x_clean):
    p = torch.sigmoid(logits)
    return -(x_clean * (p + 1e-8).log() + (1 - x_clean) * (1 - p + 1e-8).log()).sum(1).mean()


@mistake(
    "denoising_loss",
    "clamped_bce",
    "F.binary_cross_entropy caps the cost of a pixel at 100: compute it from the logits.",
)
def denoising_loss(logits, x_clean):
    return F.binary_cross_entropy(torch.sigmoid(logits), x_clean, reduction="none").sum(1).mean()


@mistake(
    "denoising_loss",
    "white_only",
    "The term (1 - x) log(1 - p) is missing: an all-white image would win.",
)
def denoising_loss(logits, x_clean):
    return -(x_clean * F.logsigmoid(logits)).sum(1).mean()


@mistake(
    "denoising_loss", "black_only", "The term x log p is missing: an all-black image would win."
)
def denoising_loss(logits, x_clean):
    return -((1 - x_clean) * F.logsigmoid(-logits)).sum(1).mean()


@mistake("denoising_loss", "swapped", "The arguments are swapped: logits first, then the target.")
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(x_clean, torch.sigmoid(logits), reduction="none")
        .sum(1)
        .mean()
    )


@mistake(
    "denoising_loss", "squared_error", "The squared error is used: the Bernoulli likelihood is due."
)
def denoising_loss(logits, x_clean):
    return (torch.sigmoid(logits) - x_clean).pow(2).sum(1).mean()


@mistake(
    "denoising_loss",
    "squared_error_logits",
    "The squared error of the logits is used: the Bernoulli likelihood is due.",
)
def denoising_loss(logits, x_clean):
    return (logits - x_clean).pow(2).sum(1).mean()


@mistake(
    "denoising_loss",
    "absolute_error",
    "The absolute error is used: the Bernoulli likelihood is due.",
)
def denoising_loss(logits, x_clean):
    return (torch.sigmoid(logits) - x_clean).abs().sum(1).mean()


@mistake("denoising_loss", "sign", "The sign is turned: the loss is minus the log-likelihood.")
def denoising_loss(logits, x_clean):
    return -F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none").sum(1).mean()


@mistake(
    "denoising_loss", "binarized_target", "Gray pixels are thresholded: keep the target as it is."
)
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(
            logits, (x_clean > 0.5).to(logits.dtype), reduction="none"
        )
        .sum(1)
        .mean()
    )


@mistake("denoising_loss", "noisy_target", "The target is corrupted again: it is the clean image.")
def denoising_loss(logits, x_clean):
    x_noisy = corrupt(x_clean, "mask", 0.3)
    return F.binary_cross_entropy_with_logits(logits, x_noisy, reduction="none").sum(1).mean()


@mistake(
    "denoising_loss",
    "detached",
    "The loss is cut from the graph (detach or no_grad): nothing is trained.",
)
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none").sum(1).mean().detach()
    )


@mistake("denoising_loss", "item", "item() cuts the graph: return the tensor.")
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none").sum(1).mean().item()
    )


@mistake(
    "denoising_loss",
    "divided_by_pixels",
    "The loss is divided by the number of pixels: sum over them.",
)
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none").sum(1).mean()
        / logits.shape[1]
    )


@mistake("denoising_loss", "clamped_logits", "The clamp on the logits makes sure pixels wrong.")
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(logits.clamp(-10, 10), x_clean, reduction="none")
        .sum(1)
        .mean()
    )


@mistake("denoising_loss", "bits", "The loss is in bits: nats are due.")
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none").sum(1).mean()
        / 0.6931471805599453
    )


@mistake("denoising_loss", "weighted", "White pixels are weighted: all count the same.")
def denoising_loss(logits, x_clean):
    return (
        F.binary_cross_entropy_with_logits(
            logits, x_clean, reduction="none", pos_weight=torch.tensor(2.0)
        )
        .sum(1)
        .mean()
    )


@mistake("denoising_loss", "only_wrong", "Only wrong pixels count: all count.")
def denoising_loss(logits, x_clean):
    wrong = ((logits > 0) != (x_clean > 0.5)).to(logits.dtype)
    return (
        (wrong * F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none"))
        .sum(1)
        .mean()
    )


# ---------------------------------------------------------------- psnr


@mistake("psnr", "batch_averaged", "One number for the whole batch: each image has its own.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).mean()
    return 10 * torch.log10(max_value**2 / mse)


@mistake("psnr", "averaged_after", "The images' ratios are averaged: return them all.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return (10 * torch.log10(max_value**2 / mse)).mean()


@mistake("psnr", "not_squared_peak", "max_value is not squared.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(max_value / mse)


@mistake("psnr", "peak_ignored", "max_value is not used.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(1 / mse)


@mistake("psnr", "factor_twenty", "20 belongs to the root of the mse: 10 is due here.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 20 * torch.log10(max_value**2 / mse)


@mistake("psnr", "factor_missing", "The factor 10 is missing: decibels are tenths.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return torch.log10(max_value**2 / mse)


@mistake("psnr", "natural_log", "The natural logarithm is used: base 10 is due.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log(max_value**2 / mse)


@mistake("psnr", "log2", "The logarithm has base 2: base 10 is due.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log2(max_value**2 / mse)


@mistake("psnr", "sign", "The sign is turned: a better image must have more decibels.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(mse / max_value**2)


@mistake("psnr", "root", "The root of the mse is used with the factor 10.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(max_value**2 / mse.sqrt())


@mistake("psnr", "sum_not_mean", "The squared error is summed: take its mean over the pixels.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).sum(1)
    return 10 * torch.log10(max_value**2 / mse)


@mistake("psnr", "absolute_error", "The absolute error is used: the squared one is due.")
def psnr(x, y, max_value=1.0):
    mae = (x - y).abs().flatten(1).mean(1)
    return 10 * torch.log10(max_value**2 / mae)


@mistake("psnr", "epsilon", "The epsilon caps the ratio of good images.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(max_value**2 / (mse + 1e-8))


@mistake("psnr", "clamped", "The clamp caps the ratio of good images.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(max_value**2 / mse.clamp(min=1e-10))


@mistake("psnr", "wrong_axis", "The mean runs over the batch: it must run over the pixels.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).mean(0)
    return 10 * torch.log10(max_value**2 / mse)


@mistake("psnr", "last_axis", "The mean runs over the last axis only: over all pixels of an image.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).mean(-1)
    return 10 * torch.log10(max_value**2 / mse)


@mistake("psnr", "no_flatten", "Flatten first: the mean must run over all axes but the first.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).mean(1)
    return 10 * torch.log10(max_value**2 / mse)


@mistake("psnr", "max_of_image", "The largest pixel of x stands for the range: it is max_value.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(x.flatten(1).max(1).values.clamp(min=1e-3) ** 2 / mse)


@mistake("psnr", "signal_power", "The power of the image stands for the peak: that is the SNR.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10((x.pow(2).flatten(1).mean(1) + 1e-12) / mse)


@mistake(
    "psnr",
    "per_pixel",
    "Each pixel has its own ratio: average the squared error over the image first.",
)
def psnr(x, y, max_value=1.0):
    return (10 * torch.log10(max_value**2 / (x - y).pow(2))).flatten(1).mean(1)


@mistake("psnr", "clamped_range", "The images are clamped to [0, 1]: their range is max_value.")
def psnr(x, y, max_value=1.0):
    mse = (x.clamp(0, 1) - y.clamp(0, 1)).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(max_value**2 / mse)


@mistake("psnr", "peak_255", "The peak is fixed at 255.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1)
    return 10 * torch.log10(255**2 / mse)


@mistake("psnr", "keepdim", "The result has shape (B, 1): (B,) is due.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).pow(2).flatten(1).mean(1, keepdim=True)
    return 10 * torch.log10(max_value**2 / mse)


@mistake("psnr", "python_list", "A list is returned: one tensor is due.")
def psnr(x, y, max_value=1.0):
    return [float(10 * torch.log10(max_value**2 / (a - b).pow(2).mean())) for a, b in zip(x, y)]


@mistake(
    "psnr",
    "difference_not_squared",
    "The difference is averaged before it is squared: errors cancel.",
)
def psnr(x, y, max_value=1.0):
    mse = (x - y).flatten(1).mean(1).pow(2)
    return 10 * torch.log10(max_value**2 / mse)


@mistake("psnr", "unbiased", "The variance of the error is not its mean square.")
def psnr(x, y, max_value=1.0):
    mse = (x - y).flatten(1).var(1, unbiased=False)
    return 10 * torch.log10(max_value**2 / mse)
