"""Wrong implementations that students write, each with the sentence that names the mistake."""

from grading.bank import mistake

# ---------------------------------------------------------------- init_weights


@mistake(
    "init_weights", "xavier_normal", "Linear weights are Xavier-normal: the uniform variant is due."
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "he_for_linear",
    "Linear layers get He weights: those belong to the convolutions.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "he_normal_for_linear",
    "Linear layers get He-normal weights: Xavier-uniform is due.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "relu_gain",
    "The gain of ReLU is applied to Xavier: the plain variant has gain 1.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight, gain=nn.init.calculate_gain("relu"))
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "small_normal", "N(0, 0.02) ignores the size of the layer.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "zero_weights",
    "All weights are 0: the units of a layer would stay equal forever.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "constant_weights",
    "All weights are equal: the units of a layer would stay equal forever.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.constant_(module.weight, 0.1)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "linear_untouched", "Linear layers are not initialized.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        pass
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "unit_interval",
    "The weights are uniform on [0, 1): they must be centered at 0.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights", "bound_by_fan_in", "The bound uses fan_in alone: Xavier uses fan_in + fan_out."
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.uniform_(
            module.weight, -((6 / module.in_features) ** 0.5), (6 / module.in_features) ** 0.5
        )
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "bound_without_six",
    "The bound is 1 / sqrt(fan_in + fan_out): the 6 is missing.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.uniform_(
            module.weight,
            -((1 / (module.in_features + module.out_features)) ** 0.5),
            (1 / (module.in_features + module.out_features)) ** 0.5,
        )
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "fan_in_for_convolutions", "Convolutions use fan_in: fan_out is due.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "default_mode", "kaiming_normal_ uses fan_in unless mode says fan_out.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights", "he_uniform", "Convolutions get He-uniform weights: the normal variant is due."
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights", "xavier_for_convolutions", "Convolutions get Xavier weights: He-normal is due."
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(module.weight)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "leaky_gain",
    "The gain is that of a leaky ReLU with slope 1: variance 1 / fan_out, half of what is due.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, a=1, mode="fan_out")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "convolutions_untouched", "Convolutions are not initialized.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        return
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "no_transposed", "ConvTranspose2d is forgotten.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "no_plain_convolution", "Conv2d is forgotten.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "bias_untouched", "The biases are not set to 0.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return


@mistake("init_weights", "bias_ones", "The biases are set to 1.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.ones_(module.bias)


@mistake("init_weights", "bias_small", "The biases are set to 0.01.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.constant_(module.bias, 0.01)


@mistake(
    "init_weights", "bias_required", "A layer with bias=False has no bias: ask before you set it."
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    nn.init.zeros_(module.bias)


@mistake(
    "init_weights",
    "everything_with_weights",
    "Every module with weights is changed: BatchNorm and embeddings too.",
)
def init_weights(module):
    if getattr(module, "weight", None) is not None and module.weight.dim() > 0:
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif module.weight.dim() > 1:
            nn.init.xavier_uniform_(module.weight)
        else:
            nn.init.normal_(module.weight)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "frozen", "The new weights no longer require a gradient.")
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    module.requires_grad_(False)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake("init_weights", "seeded", "The seed inside gives layers of one size the same weights.")
def init_weights(module):
    torch.manual_seed(0)
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


@mistake(
    "init_weights", "bias_of_linear_only", "Only linear layers get a zero bias: convolutions too."
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


@mistake(
    "init_weights",
    "new_tensor",
    "A fresh tensor is made and thrown away: initialize module.weight in place.",
)
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight.detach().clone())
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight.detach().clone(), mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


# ---------------------------------------------------------------- safe_log_var


@mistake(
    "safe_log_var",
    "in_place",
    "clamp_ changes the caller's tensor: use the variant without underscore.",
)
def safe_log_var(log_var, min_val=-20, max_val=20):
    return log_var.clamp_(min_val, max_val)


@mistake("safe_log_var", "data_in_place", "Writing into .data changes the caller's tensor.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    log_var.data.clamp_(min_val, max_val)
    return log_var


@mistake("safe_log_var", "no_upper_bound", "The upper limit is missing: exp overflows.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.clamp(log_var, min=min_val)


@mistake("safe_log_var", "no_lower_bound", "The lower limit is missing: the variance becomes 0.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.clamp(log_var, max=max_val)


@mistake("safe_log_var", "limits_ignored", "The limits are fixed at -20 and 20: use the arguments.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.clamp(log_var, -20, 20)


@mistake("safe_log_var", "other_default", "The limits -10 and 10 are not those of the arguments.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.clamp(log_var, -10, 10)


@mistake(
    "safe_log_var", "limits_swapped", "min and max are swapped: everything becomes one number."
)
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.clamp(log_var, min=max_val, max=min_val)


@mistake("safe_log_var", "symmetric", "The lower limit is -max_val: min_val is ignored.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.clamp(log_var, -max_val, max_val)


@mistake("safe_log_var", "tanh", "A tanh squeezes values inside the limits too.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return max_val * torch.tanh(log_var / max_val)


@mistake("safe_log_var", "sigmoid", "A sigmoid squeezes values inside the limits too.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return min_val + (max_val - min_val) * torch.sigmoid(log_var)


@mistake("safe_log_var", "variance_clamped", "The variance is clamped, not its logarithm.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return log_var.exp().clamp(min_val, max_val)


@mistake("safe_log_var", "variance_limits", "The limits are taken for the variance.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return log_var.exp().clamp(max(min_val, 1e-8), max_val).log()


@mistake("safe_log_var", "exponential", "The variance is returned: log_var is due.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.clamp(log_var, min_val, max_val).exp()


@mistake(
    "safe_log_var",
    "detached",
    "The result is cut from the graph (detach or no_grad): the encoder's variance would never be learned.",
)
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.clamp(log_var, min_val, max_val).detach()


@mistake("safe_log_var", "no_grad", "Under no_grad the variance would never be learned.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    with torch.no_grad():
        out = torch.clamp(log_var, min_val, max_val)
    return out


@mistake("safe_log_var", "zeroed", "Values beyond the limits are set to 0: set them to the limit.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return torch.where(
        (log_var < min_val) | (log_var > max_val), torch.zeros_like(log_var), log_var
    )


@mistake("safe_log_var", "norm_clipped", "The whole tensor is rescaled: limit each value alone.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return log_var * min(1.0, max_val / float(log_var.abs().max()))


@mistake("safe_log_var", "unchanged", "Nothing is limited.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return log_var


@mistake("safe_log_var", "softplus_floor", "softplus changes values inside the limits.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return min_val + nn.functional.softplus(log_var - min_val).clamp(max=max_val - min_val)


@mistake("safe_log_var", "halved", "The result is halved: that is log sigma.")
def safe_log_var(log_var, min_val=-20, max_val=20):
    return 0.5 * torch.clamp(log_var, min_val, max_val)


# ---------------------------------------------------------------- free_bits


@mistake(
    "free_bits",
    "per_example",
    "Each example is clamped: take the mean over the batch first, then the maximum.",
)
def free_bits(kl_per_dim, lam):
    return torch.clamp(kl_per_dim, min=lam).sum(1).mean()


@mistake("free_bits", "max_for_min", "clamp(max=lam) caps the KL at lam: min=lam is due.")
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(0).clamp(max=lam).sum()


@mistake("free_bits", "opposite", "The smaller of the two is taken: the larger is due.")
def free_bits(kl_per_dim, lam):
    return torch.where(
        kl_per_dim.mean(0) < lam, kl_per_dim.mean(0), torch.full_like(kl_per_dim.mean(0), lam)
    ).sum()


@mistake("free_bits", "constant_added", "Adding lam changes no gradient: take the maximum.")
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(0).sum() + lam


@mistake("free_bits", "constant_added_per_dim", "Adding lam changes no gradient: take the maximum.")
def free_bits(kl_per_dim, lam):
    return (kl_per_dim.mean(0) + lam).sum()


@mistake(
    "free_bits", "total_clamped", "The total KL is held against lam: each dimension has its own."
)
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(0).sum().clamp(min=lam)


@mistake(
    "free_bits",
    "example_total_clamped",
    "The KL of each example is held against lam: each dimension is due.",
)
def free_bits(kl_per_dim, lam):
    return kl_per_dim.sum(1).clamp(min=lam).mean()


@mistake(
    "free_bits",
    "total_of_all",
    "The total is held against D lam: each dimension has its own share.",
)
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(0).sum().clamp(min=lam * kl_per_dim.shape[1])


@mistake("free_bits", "mean_over_dims", "The dimensions are averaged: sum them.")
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(0).clamp(min=lam).mean()


@mistake("free_bits", "batch_summed", "The batch is summed: take its mean.")
def free_bits(kl_per_dim, lam):
    return kl_per_dim.sum(0).clamp(min=lam).sum()


@mistake(
    "free_bits", "axes_swapped", "The mean runs over the dimensions: it must run over the batch."
)
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(1).clamp(min=lam).sum()


@mistake(
    "free_bits",
    "hinge",
    "lam is subtracted: max(0, KL - lam) has the right gradient, but is D lam too small.",
)
def free_bits(kl_per_dim, lam):
    return (kl_per_dim.mean(0) - lam).clamp(min=0).sum()


@mistake("free_bits", "zeroed_below", "Below lam a dimension counts 0: it counts lam.")
def free_bits(kl_per_dim, lam):
    return torch.where(kl_per_dim.mean(0) > lam, kl_per_dim.mean(0), torch.zeros(())).sum()


@mistake("free_bits", "lam_ignored", "lam is not used.")
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(0).sum()


@mistake("free_bits", "not_summed", "One number is due: sum the dimensions.")
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(0).clamp(min=lam)


@mistake(
    "free_bits",
    "detached",
    "The result is cut from the graph (detach or no_grad): no dimension is ever trained.",
)
def free_bits(kl_per_dim, lam):
    return kl_per_dim.mean(0).clamp(min=lam).sum().detach()


@mistake(
    "free_bits",
    "value_replaced",
    "A straight-through maximum lets the KL shrink below lam: there must be no gradient there.",
)
def free_bits(kl_per_dim, lam):
    mean = kl_per_dim.mean(0)
    return (mean + (mean.clamp(min=lam) - mean).detach()).sum()


@mistake("free_bits", "in_place", "The caller's tensor is changed.")
def free_bits(kl_per_dim, lam):
    kl_per_dim.data.clamp_(min=lam)
    return kl_per_dim.mean(0).clamp(min=lam).sum()


@mistake("free_bits", "scaled", "lam scales the KL: it is a floor, not a weight.")
def free_bits(kl_per_dim, lam):
    return lam * kl_per_dim.mean(0).sum()


@mistake("free_bits", "lam_squared", "A soft maximum is not the maximum.")
def free_bits(kl_per_dim, lam):
    return torch.logaddexp(kl_per_dim.mean(0), torch.as_tensor(lam, dtype=kl_per_dim.dtype)).sum()


@mistake("free_bits", "median", "The median of the batch is not its mean.")
def free_bits(kl_per_dim, lam):
    return kl_per_dim.median(0).values.clamp(min=lam).sum()


# ---------------------------------------------------------------- kl_per_dim


@mistake(
    "kl_per_dim",
    "mean_of_means",
    "The means of the batches are averaged: a small last batch counts too much.",
)
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append((0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).mean(0))
    return torch.stack(rows).mean(0)


@mistake(
    "kl_per_dim", "dimensions_summed", "The dimensions are summed: one number for each is due."
)
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))
    return torch.cat(rows).sum(1).mean()


@mistake(
    "kl_per_dim",
    "everything_averaged",
    "Everything is averaged: one number for each dimension is due.",
)
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))
    return torch.cat(rows).mean()


@mistake("kl_per_dim", "examples_summed", "The examples are summed: take their mean.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))
    return torch.cat(rows).sum(0)


@mistake(
    "kl_per_dim",
    "axis_swapped",
    "The mean runs over the dimensions: it must run over the examples.",
)
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))
    return torch.cat(rows).mean(1)


@mistake("kl_per_dim", "only_last", "Only the last batch counts.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))
    return rows[-1].mean(0)


@mistake("kl_per_dim", "only_first", "Only the first batch counts.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))
    return rows[0].mean(0)


@mistake(
    "kl_per_dim",
    "minus_one_forgotten",
    "The -1 is missing: a dimension that says nothing has KL 1/2.",
)
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar))
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "half_forgotten", "The factor 1/2 is missing.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(mu.pow(2) + logvar.exp() - logvar - 1)
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "sign_turned", "The sign is turned: a KL is never negative.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (1 + logvar - mu.pow(2) - logvar.exp()))
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "logvar_is_logstd", "logvar is read as log sigma.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + (2 * logvar).exp() - 2 * logvar - 1))
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "mu_not_squared", "mu is not squared.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu + logvar.exp() - logvar - 1))
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "reversed", "This is KL(p || q): q comes first.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * ((-logvar).exp() * (1 + mu.pow(2)) + logvar - 1))
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "mean_mu_only", "The variance is left out.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * mu.pow(2))
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "clamped", "The clamp makes the KL of sharp posteriors wrong.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.clamp(-10, 10).exp() - logvar.clamp(-10, 10) - 1))
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "epsilon", "The epsilon inside the logarithm makes sharp posteriors wrong.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - (logvar.exp() + 1e-4).log() - 1))
    return torch.cat(rows).mean(dim=0)


@mistake("kl_per_dim", "std_for_variance", "exp(logvar / 2) is sigma: the variance is due.")
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + (0.5 * logvar).exp() - logvar - 1))
    return torch.cat(rows).mean(dim=0)


@mistake(
    "kl_per_dim",
    "batch_sum_over_count",
    "The sum over examples is divided by the number of batches.",
)
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append((0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).sum(0))
    return torch.stack(rows).sum(0) / len(rows)


@mistake(
    "kl_per_dim",
    "not_reduced",
    "One number for each dimension is due: take the mean over the examples.",
)
def kl_per_dim(batches):
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))
    return torch.cat(rows)


@mistake("kl_per_dim", "kl_of_means", "The KL of the average mu and logvar is not the average KL.")
def kl_per_dim(batches):
    mus, logvars = zip(*batches)
    mu, logvar = torch.cat(list(mus)).mean(0), torch.cat(list(logvars)).mean(0)
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)


@mistake("kl_per_dim", "first_batch_size", "Every batch is taken to be as large as the first.")
def kl_per_dim(batches):
    total, n, size = 0.0, 0, None
    for mu, logvar in batches:
        size = size or len(mu)
        total = total + (0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).sum(0)
        n += size
    return total / n


@mistake(
    "kl_per_dim",
    "returns_inside_loop",
    "The return stands inside the loop: only the first batch counts.",
)
def kl_per_dim(batches):
    for mu, logvar in batches:
        return (0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).mean(0)


@mistake("kl_per_dim", "running_average", "A running average forgets the first batches.")
def kl_per_dim(batches):
    total = None
    for mu, logvar in batches:
        kl = (0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).mean(0)
        total = kl if total is None else 0.5 * (total + kl)
    return total


@mistake("kl_per_dim", "swapped_pair", "Each batch is (mu, logvar), in this order.")
def kl_per_dim(batches):
    rows = []
    for logvar, mu in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))
    return torch.cat(rows).mean(dim=0)


# ---------------------------------------------------------------- active_units


@mistake(
    "active_units",
    "second_moment",
    "The second moment counts a constant offset as activity: take the variance.",
)
def active_units(mu, threshold=0.01):
    return int((mu.pow(2).mean(0) > threshold).sum())


@mistake(
    "active_units",
    "over_dimensions",
    "The variance runs over the dimensions of an example: it must run over the examples.",
)
def active_units(mu, threshold=0.01):
    return int((mu.var(dim=1) > threshold).sum())


@mistake(
    "active_units", "mean_absolute", "The mean absolute value counts a constant offset as activity."
)
def active_units(mu, threshold=0.01):
    return int((mu.abs().mean(0) > threshold).sum())


@mistake(
    "active_units", "std", "The standard deviation is compared: the threshold is for the variance."
)
def active_units(mu, threshold=0.01):
    return int((mu.std(0) > threshold).sum())


@mistake("active_units", "threshold_ignored", "The threshold is fixed at 0.01.")
def active_units(mu, threshold=0.01):
    return int((mu.var(0) > 0.01).sum())


@mistake("active_units", "inactive", "The inactive dimensions are counted.")
def active_units(mu, threshold=0.01):
    return int((mu.var(0) < threshold).sum())


@mistake("active_units", "share", "The share is returned: the number is due.")
def active_units(mu, threshold=0.01):
    return float((mu.var(0) > threshold).float().mean())


@mistake("active_units", "mask", "A mask is returned: count it.")
def active_units(mu, threshold=0.01):
    return mu.var(0) > threshold


@mistake("active_units", "indices", "The indices are returned: count them.")
def active_units(mu, threshold=0.01):
    return (mu.var(0) > threshold).nonzero().flatten().tolist()


@mistake(
    "active_units", "threshold_squared", "The threshold is squared: it is for the variance already."
)
def active_units(mu, threshold=0.01):
    return int((mu.var(0) > threshold**2).sum())


@mistake(
    "active_units", "sqrt_threshold", "The variance is compared with the root of the threshold."
)
def active_units(mu, threshold=0.01):
    return int((mu.var(0) > threshold**0.5).sum())


@mistake("active_units", "range", "The range is compared: the variance is due.")
def active_units(mu, threshold=0.01):
    return int((mu.max(0).values - mu.min(0).values > threshold).sum())


@mistake("active_units", "total_variance", "The variance of all numbers together is taken.")
def active_units(mu, threshold=0.01):
    return int(mu.var() > threshold) * mu.shape[1]


@mistake("active_units", "sum_of_squares", "The sum of squares grows with the number of examples.")
def active_units(mu, threshold=0.01):
    return int(((mu - mu.mean(0)).pow(2).sum(0) > threshold).sum())


@mistake("active_units", "elements", "Single elements are counted, not dimensions.")
def active_units(mu, threshold=0.01):
    return int((mu.abs() > threshold).sum())


@mistake(
    "active_units",
    "kl_like",
    "mu^2 / 2 is held against the threshold: that is a KL, not a variance.",
)
def active_units(mu, threshold=0.01):
    return int((0.5 * mu.pow(2).mean(0) > threshold).sum())


@mistake("active_units", "ones", "All dimensions are counted.")
def active_units(mu, threshold=0.01):
    return mu.shape[1]


@mistake(
    "active_units",
    "mean_over_dims",
    "The spread of the examples' means says nothing about single dimensions.",
)
def active_units(mu, threshold=0.01):
    return int((mu.mean(1) - mu.mean()).pow(2).mean() > threshold)


@mistake("active_units", "variance_of_mean", "The standard error of the mean is compared.")
def active_units(mu, threshold=0.01):
    return int((mu.var(0) / len(mu) > threshold).sum())


@mistake("active_units", "as_float", "A count is a whole number: return an int.")
def active_units(mu, threshold=0.01):
    return float((mu.var(0) > threshold).sum())


# ---------------------------------------------------------------- log_weights


@mistake("log_weights", "inverted", "The ratio is inverted: + log p(z) - log q(z|x) is due.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px - log_pz + log_qz


@mistake("log_weights", "log_q_added", "log q(z|x) is added: it is subtracted.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz + log_qz


@mistake(
    "log_weights",
    "log_q_missing",
    "log q(z|x) is missing: samples come from q, not from the prior.",
)
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz


@mistake("log_weights", "log_p_missing", "log p(z) is missing.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px - log_qz


@mistake("log_weights", "likelihood_missing", "log p(x|z) is missing.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_pz - log_qz


@mistake(
    "log_weights",
    "samples_averaged",
    "The samples are averaged before the logsumexp: K would have no effect.",
)
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return (log_px + log_pz - log_qz).mean(-1)


@mistake("log_weights", "samples_summed", "The samples are summed: one weight for each is due.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return (log_px + log_pz - log_qz).sum(-1)


@mistake(
    "log_weights",
    "weights",
    "The weights themselves are returned: they underflow, stay with logarithms.",
)
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return (log_px + log_pz - log_qz).exp()


@mistake("log_weights", "normalized", "The weights are normalized: that loses log p(x).")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return torch.log_softmax(log_px + log_pz - log_qz, dim=1)


@mistake("log_weights", "detached", "The weights are cut from the graph (detach or no_grad).")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return (log_px + log_pz - log_qz).detach()


@mistake("log_weights", "likelihood_sign", "log p(x|z) has the wrong sign.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return -log_px + log_pz - log_qz


@mistake("log_weights", "log_det_missing", "The term -1/2 logvar of log q is missing.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "log_det_doubled", "logvar is counted in full: log sigma is half of it.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = (-0.5 * LOG_2PI - logvar - 0.5 * (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake(
    "log_weights",
    "std_for_variance",
    "The squared distance is divided by sigma: by the variance is due.",
)
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / (0.5 * logvar).exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "mean_over_dims", "The densities are averaged over the dimensions.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).mean(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).mean(-1)
    return log_px + log_pz - log_qz


@mistake(
    "log_weights",
    "two_pi_in_one",
    "log(2 pi) stands in one density only: it must be in both or in none.",
)
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * z.pow(2).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake(
    "log_weights",
    "two_pi_in_prior_only",
    "log(2 pi) stands in one density only: it must be in both or in none.",
)
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "prior_at_mu", "log p is taken at mu: take it at the sample z.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + mu.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "half_missing_in_prior", "The factor 1/2 is missing in log p(z).")
def log_weights(log_px, z, mu, logvar):
    log_pz = -(0.5 * LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "half_missing_in_q", "The factor 1/2 is missing on the distance in log q.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = (-0.5 * (LOG_2PI + logvar) - (z - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "z_detached", "z is detached in log q: right value, wrong gradient.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z.detach() - mu).pow(2) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "q_detached", "mu and logvar are detached: right value, wrong gradient.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (
        LOG_2PI + logvar.detach() + (z - mu.detach()).pow(2) / logvar.detach().exp()
    ).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "logvar_is_logstd", "logvar is read as log sigma.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -(0.5 * LOG_2PI + logvar + 0.5 * (z - mu).pow(2) / (2 * logvar).exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "epsilon", "The epsilon in the denominator makes sharp posteriors wrong.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / (logvar.exp() + 1e-2)).sum(-1)
    return log_px + log_pz - log_qz


@mistake("log_weights", "not_squared", "The distance is not squared.")
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(-1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu) / logvar.exp()).sum(-1)
    return log_px + log_pz - log_qz


@mistake(
    "log_weights",
    "summed_over_samples",
    "The densities are summed over the samples and not over the dimensions.",
)
def log_weights(log_px, z, mu, logvar):
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(1)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(1)
    return log_px + log_pz - log_qz


@mistake(
    "log_weights",
    "closed_form_kl",
    "The closed-form KL stands in the weight: the densities at the sample z are due.",
)
def log_weights(log_px, z, mu, logvar):
    kl = 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(-1)
    return log_px - kl


@mistake(
    "log_weights",
    "normal_with_variance",
    "torch.distributions.Normal takes sigma, not the variance.",
)
def log_weights(log_px, z, mu, logvar):
    log_pz = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    log_qz = torch.distributions.Normal(mu, logvar.exp()).log_prob(z).sum(-1)
    return log_px + log_pz - log_qz


# ---------------------------------------------------------------- iwae_bound


@mistake(
    "iwae_bound",
    "log_k_forgotten",
    "-log K is missing: the bound grows with K even for equal weights.",
)
def iwae_bound(log_w):
    return torch.logsumexp(log_w, 1).mean()


@mistake("iwae_bound", "naive_exp", "exp underflows at -800: use logsumexp.")
def iwae_bound(log_w):
    return log_w.exp().mean(1).log().mean()


@mistake(
    "iwae_bound", "naive_with_epsilon", "The epsilon hides the underflow of exp: use logsumexp."
)
def iwae_bound(log_w):
    return (log_w.exp().mean(1) + 1e-20).log().mean()


@mistake(
    "iwae_bound",
    "over_everything",
    "One logsumexp runs over batch and samples: each example has its own bound.",
)
def iwae_bound(log_w):
    return torch.logsumexp(log_w.flatten(), 0) - math.log(log_w.numel())


@mistake("iwae_bound", "maximum", "The maximum is taken: the mean of the weights is due.")
def iwae_bound(log_w):
    return log_w.max(dim=1).values.mean()


@mistake("iwae_bound", "batch_summed", "The batch is summed: take its mean.")
def iwae_bound(log_w):
    return (torch.logsumexp(log_w, 1) - math.log(log_w.shape[1])).sum()


@mistake(
    "iwae_bound",
    "mean_of_logs",
    "The mean of the log-weights is the ordinary ELBO: the log of the mean is due.",
)
def iwae_bound(log_w):
    return log_w.mean()


@mistake(
    "iwae_bound", "wrong_axis", "The logsumexp runs over the batch: it must run over the samples."
)
def iwae_bound(log_w):
    return (torch.logsumexp(log_w, 0) - math.log(log_w.shape[0])).mean()


@mistake("iwae_bound", "log_batch", "log B is subtracted: log K is due.")
def iwae_bound(log_w):
    return (torch.logsumexp(log_w, 1) - math.log(log_w.shape[0])).mean()


@mistake(
    "iwae_bound", "divided_by_k", "Dividing the logarithm by K is not the logarithm of the mean."
)
def iwae_bound(log_w):
    return (torch.logsumexp(log_w, 1) / log_w.shape[1]).mean()


@mistake("iwae_bound", "k_subtracted", "K is subtracted: its logarithm is due.")
def iwae_bound(log_w):
    return (torch.logsumexp(log_w, 1) - log_w.shape[1]).mean()


@mistake("iwae_bound", "log_k_added", "log K is added: subtract it.")
def iwae_bound(log_w):
    return (torch.logsumexp(log_w, 1) + math.log(log_w.shape[1])).mean()


@mistake("iwae_bound", "negative", "This is minus the bound.")
def iwae_bound(log_w):
    return -(torch.logsumexp(log_w, 1) - math.log(log_w.shape[1])).mean()


@mistake("iwae_bound", "not_reduced", "One number is due: take the mean over the batch.")
def iwae_bound(log_w):
    return torch.logsumexp(log_w, 1) - math.log(log_w.shape[1])


@mistake(
    "iwae_bound",
    "detached",
    "The bound is cut from the graph (detach or no_grad): it could not be trained with.",
)
def iwae_bound(log_w):
    return (torch.logsumexp(log_w, 1) - math.log(log_w.shape[1])).mean().detach()


@mistake(
    "iwae_bound",
    "softmax_average",
    "The log-weights are averaged with the weights: that is above the bound.",
)
def iwae_bound(log_w):
    return (torch.softmax(log_w, 1) * log_w).sum(1).mean()


@mistake(
    "iwae_bound",
    "softmax_detached",
    "The gradient is that of another bound: differentiate the logsumexp itself.",
)
def iwae_bound(log_w):
    return (
        (torch.softmax(log_w.detach(), 1) * (log_w - log_w.detach())).sum(1).mean()
        + (torch.logsumexp(log_w, 1) - math.log(log_w.shape[1])).mean().detach()
        + 0.5 * (log_w.mean() - log_w.mean().detach())
    )


@mistake(
    "iwae_bound",
    "global_shift",
    "One shift for the whole batch underflows where examples differ a lot.",
)
def iwae_bound(log_w):
    return ((log_w - log_w.max()).exp().mean(1).log() + log_w.max()).mean()


@mistake("iwae_bound", "shift_not_added", "The maximum is subtracted and not added again.")
def iwae_bound(log_w):
    return (log_w - log_w.max(1, keepdim=True).values).exp().mean(1).log().mean()


@mistake("iwae_bound", "log2", "The logarithm has base 2: log K is natural.")
def iwae_bound(log_w):
    return (torch.logsumexp(log_w, 1) - math.log2(log_w.shape[1])).mean()


@mistake(
    "iwae_bound",
    "log_mean_of_bounds",
    "The weights of all examples are averaged before the logarithm.",
)
def iwae_bound(log_w):
    return torch.logsumexp(torch.logsumexp(log_w, 1) - math.log(log_w.shape[1]), 0) - math.log(
        len(log_w)
    )


@mistake("iwae_bound", "clamped", "The clamp makes bounds of ordinary images wrong.")
def iwae_bound(log_w):
    return (torch.logsumexp(log_w.clamp(min=-500), 1) - math.log(log_w.shape[1])).mean()


# ---------------------------------------------------------------- ema_update


@mistake(
    "ema_update",
    "weights_swapped",
    "decay and 1 - decay are swapped: the average jumps to the newest weights.",
)
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.mul_(1 - decay).add_(decay * param)


@mistake(
    "ema_update", "not_in_place", "A new tensor is made: those of ema_params stay as they were."
)
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema = decay * ema + (1 - decay) * param


@mistake("ema_update", "returned", "The average is returned: write it into the tensors themselves.")
def ema_update(ema_params, params, decay):
    return [decay * ema + (1 - decay) * param for ema, param in zip(ema_params, params)]


@mistake("ema_update", "no_complement", "The new weights enter in full: weigh them with 1 - decay.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.mul_(decay).add_(param)


@mistake(
    "ema_update",
    "decay_not_applied",
    "The old average is not multiplied by decay: it grows without end.",
)
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.add_((1 - decay) * param)


@mistake("ema_update", "copied", "The weights are copied: nothing is averaged.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.copy_(param)


@mistake("ema_update", "nothing", "Nothing is changed.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            pass


@mistake("ema_update", "params_changed", "The parameters are changed: the average alone may be.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            param.mul_(1 - decay).add_(decay * ema)


@mistake("ema_update", "difference_sign", "The average moves away from the weights.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.sub_((1 - decay) * (param - ema))


@mistake("ema_update", "decay_of_difference", "The step is decay: it is 1 - decay.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.add_(decay * (param - ema))


@mistake("ema_update", "arithmetic_mean", "The plain mean is taken: decay is ignored.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.add_(param).mul_(0.5)


@mistake("ema_update", "decay_fixed", "decay is fixed at 0.999: use the argument.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.mul_(0.999).add_(0.001 * param)


@mistake("ema_update", "lerp_weight", "lerp_ takes the weight of the new value: 1 - decay.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.lerp_(param, decay)


@mistake(
    "ema_update",
    "bias_corrected",
    "The average is divided by 1 - decay: that correction belongs to Adam.",
)
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.mul_(decay).add_((1 - decay) * param).div_(max(1 - decay, 1e-6))


@mistake("ema_update", "squared", "The squares are averaged: that is what Adam does.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.mul_(decay).add_((1 - decay) * param.pow(2))


@mistake("ema_update", "only_first", "Only the first tensor is averaged.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.mul_(decay).add_((1 - decay) * param)
            return


@mistake(
    "ema_update", "graph_kept", "Without no_grad the average drags the graph of all steps along."
)
def ema_update(ema_params, params, decay):
    for ema, param in zip(ema_params, params):
        ema.mul_(decay).add_((1 - decay) * param)


@mistake(
    "ema_update",
    "list_replaced",
    "The list gets new tensors: the model's own tensors stay as they were.",
)
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for i, (ema, param) in enumerate(zip(list(ema_params), params)):
            ema_params[i] = decay * ema + (1 - decay) * param


@mistake(
    "ema_update",
    "first_dimension",
    "Only tensors with a dimension are averaged: scalars are parameters too.",
)
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            if param.dim() > 0:
                ema.mul_(decay).add_((1 - decay) * param)


@mistake("ema_update", "requires_grad_only", "Only tensors that require a gradient are averaged.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            if ema.requires_grad:
                ema.mul_(decay).add_((1 - decay) * param)


@mistake("ema_update", "data_aliased", "After the step both lists share memory.")
def ema_update(ema_params, params, decay):
    for ema, param in zip(ema_params, params):
        ema.data = param.data


@mistake("ema_update", "param_frozen", "The parameters are frozen: they must stay trainable.")
def ema_update(ema_params, params, decay):
    for ema, param in zip(ema_params, params):
        param.requires_grad_(False)
        ema.data.mul_(decay).add_((1 - decay) * param.data)


@mistake("ema_update", "last_missing", "The last tensor is left out.")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in list(zip(ema_params, params))[:-1] or []:
            ema.mul_(decay).add_((1 - decay) * param)


# ---------------------------------------------------------------- diagnose


@mistake(
    "diagnose",
    "nan_by_equality",
    "NaN is never equal to anything: use math.isnan or math.isfinite.",
)
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(v == float("nan") for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "nan_last_only", "A NaN in any epoch counts.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": not math.isfinite(loss[-1]),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "nan_first_only", "A NaN in any epoch counts.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": not math.isfinite(loss[0]),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "infinity_forgotten", "An infinite loss counts as well.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(math.isnan(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "nan_all", "One NaN is enough: any, not all.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": all(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake(
    "diagnose",
    "spike_from_first",
    "Each loss is compared with the one before it, not with the first.",
)
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(v > 2 * loss[0] for v in loss),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "spike_last_only", "A spike in any epoch counts.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": len(loss) > 1 and loss[-1] > 2 * loss[-2],
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "spike_any_rise", "A small rise is no spike: more than twice is.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "spike_backwards", "A fall is no spike: the later loss must be the larger.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(a > 2 * b for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "spike_difference", "Twice as large is a factor, not a difference of 2.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b - a > 2 for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "spike_inclusive", "Exactly twice is not more than twice.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b >= 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake(
    "diagnose", "spike_of_mean", "Each loss is compared with the one before it, not with the mean."
)
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": max(loss) > 2 * sum(loss) / len(loss),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "spike_factor_three", "The factor is 2.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 3 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "collapse_not_per_dim", "kl is divided by latent_dim before it is compared.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "collapse_any", "Only the last epoch counts: a KL starts near 0.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": any(v / history["latent_dim"] < 0.01 for v in kl),
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "collapse_mean", "Only the last epoch counts, not the mean over epochs.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": sum(kl) / len(kl) / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "collapse_first", "Only the last epoch counts, not the first.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[0] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "collapse_zero", "A collapsed KL is small, not exactly 0.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] == 0,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "collapse_reversed", "The comparison is turned.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] > 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "collapse_times_dim", "kl is multiplied by latent_dim: divide.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] * history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "collapse_tenth", "The limit is 0.01 nats a dimension, not 0.1.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.1,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "variance_last", "A variance above 100 in any epoch counts.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": history["max_var"][-1] > 100,
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "variance_mean", "The largest counts, not the mean.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": sum(history["max_var"]) / len(history["max_var"]) > 100,
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake(
    "diagnose",
    "variance_limit_ten",
    "The limit is 100: it is a variance, not a standard deviation.",
)
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 10 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "variance_logvar", "max_var is a variance already, not its logarithm.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(math.exp(min(v, 50)) > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "dominates_any", "Only the last epoch counts.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": any(k > r for k, r in zip(kl, recon)),
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "dominates_first", "Only the last epoch counts, not the first.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[0] > recon[0],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "dominates_reversed", "kl above recon is due, not recon above kl.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": recon[-1] > kl[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "dominates_loss", "kl is compared with recon, not with the loss.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > loss[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake(
    "diagnose",
    "dominates_half",
    "kl above half of the loss is another rule: compare it with recon.",
)
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > 0.5 * loss[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "dominates_mean", "Only the last epoch counts, not the mean.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": sum(kl) > sum(recon),
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "without_nan_loss", "nan_loss is never reported.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "without_loss_spike", "loss_spike is never reported.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "without_posterior_collapse", "posterior_collapse is never reported.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "without_exploding_variance", "exploding_variance is never reported.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "without_kl_dominates", "kl_dominates is never reported.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "first_only", "Several things can be wrong at once: report all of them.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found][:1]


@mistake("diagnose", "healthy_named", "A healthy log gives an empty list.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found] or ["healthy"]


@mistake("diagnose", "booleans", "The names are due, not a yes or no for each.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return signs


@mistake("diagnose", "string", "A list of names is due, not one string.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return ", ".join(name for name, found in signs.items() if found)


@mistake("diagnose", "none_when_healthy", "A healthy log gives an empty list, not None.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found] or None


@mistake("diagnose", "returns_nothing", "The list is made and not returned.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    found = [name for name, is_there in signs.items() if is_there]


@mistake("diagnose", "inverted", "The names of what is fine are returned.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if not found]


@mistake("diagnose", "other_names", "The names are those of the docstring.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]


@mistake("diagnose", "stops_at_nan", "A NaN does not hide the other findings.")
def diagnose(history):
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(v) for v in loss),
        "loss_spike": any(b > 2 * a for a, b in zip(loss, loss[1:])),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(v > 100 for v in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return ["nan_loss"] if signs["nan_loss"] else [name for name, found in signs.items() if found]
