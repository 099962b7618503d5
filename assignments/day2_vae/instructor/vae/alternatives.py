"""Right implementations that look different: each of them must get full marks."""

from grading.bank import alternative

# ---------------------------------------------------------------- encode


@alternative("encode", "one_line", replaces="VAE.encode")
def encode(self, x):
    return self.mu(self.enc(x)), self.logvar(self.enc(x))


@alternative("encode", "heads_fused_and_chunked", replaces="VAE.encode")
def encode(self, x):
    weight = torch.cat([self.mu.weight, self.logvar.weight])
    bias = torch.cat([self.mu.bias, self.logvar.bias])
    mu, logvar = F.linear(self.enc(x), weight, bias).chunk(2, dim=-1)
    return mu, logvar


@alternative("encode", "layer_by_layer", replaces="VAE.encode")
def encode(self, x):
    h = x.flatten(start_dim=1)
    for layer in self.enc:
        h = layer(h)
    return F.linear(h, self.mu.weight, self.mu.bias), h @ self.logvar.weight.T + self.logvar.bias


@alternative("encode", "named_tuple", replaces="VAE.encode")
def encode(self, x):
    from collections import namedtuple

    h = self.enc(x)
    return namedtuple("Posterior", "mu logvar")(self.mu(h), self.logvar(h))


@alternative("encode", "list", replaces="VAE.encode")
def encode(self, x):
    h = self.enc(x)
    return [head(h) for head in (self.mu, self.logvar)]


# ---------------------------------------------------------------- decode


@alternative("decode", "layer_by_layer", replaces="VAE.decode")
def decode(self, z):
    for layer in self.dec:
        z = layer(z)
    return z


@alternative("decode", "functional", replaces="VAE.decode")
def decode(self, z):
    first, _, last = self.dec
    h = torch.clamp(F.linear(z, first.weight, first.bias), min=0)
    return F.linear(h, last.weight, last.bias)


@alternative("decode", "logit_of_sigmoid_avoided", replaces="VAE.decode")
def decode(self, z):
    logits = self.dec.forward(z)
    return logits.view(z.shape[0], self.input_dim)


@alternative("decode", "row_by_row", replaces="VAE.decode")
def decode(self, z):
    return torch.stack([self.dec(row) for row in z])


# ---------------------------------------------------------------- reparameterize


@alternative("reparameterize", "rsample")
def reparameterize(mu, logvar):
    return torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).rsample()


@alternative("reparameterize", "rsample_independent_unchecked")
def reparameterize(mu, logvar):
    normal = torch.distributions.Normal(mu, (logvar / 2).exp(), validate_args=False)
    return torch.distributions.Independent(normal, 1).rsample()


@alternative("reparameterize", "sqrt_of_variance")
def reparameterize(mu, logvar):
    return mu + logvar.exp().sqrt() * torch.randn_like(mu)


@alternative("reparameterize", "minus_noise")
def reparameterize(mu, logvar):
    return mu - torch.exp(logvar * 0.5) * torch.randn_like(logvar)


@alternative("reparameterize", "addcmul")
def reparameterize(mu, logvar):
    eps = torch.empty_like(mu).normal_()
    return torch.addcmul(mu, eps, logvar.mul(0.5).exp())


@alternative("reparameterize", "fma_order")
def reparameterize(mu, logvar):
    std = torch.exp(logvar / 2)
    eps = torch.randn(mu.size(), dtype=mu.dtype, device=mu.device)
    return eps.mul(std).add_(mu)


@alternative("reparameterize", "torch_normal_noise")
def reparameterize(mu, logvar):
    eps = torch.normal(torch.zeros_like(mu), torch.ones_like(mu)).detach()
    return mu + eps * torch.pow(math.e, 0.5 * logvar)


@alternative("reparameterize", "float64_inside")
def reparameterize(mu, logvar):
    eps = torch.randn(mu.shape, dtype=torch.float64, device=mu.device)
    return (mu.double() + (0.5 * logvar.double()).exp() * eps).to(mu.dtype)


@alternative("reparameterize", "noise_drawn_flat")
def reparameterize(mu, logvar):
    eps = torch.randn(mu.numel()).to(mu).view(mu.shape)
    return mu + torch.exp(0.5 * logvar) * eps


@alternative("reparameterize", "box_muller")
def reparameterize(mu, logvar):
    u = 1 - torch.rand(2, *mu.shape, dtype=torch.float64)
    eps = (-2 * u[0].log()).sqrt() * torch.cos(2 * math.pi * u[1])
    return mu + torch.exp(0.5 * logvar) * eps.to(mu)


@alternative("reparameterize", "lerp_of_shifted")
def reparameterize(mu, logvar):
    eps = torch.randn_like(mu)
    return (
        torch.lerp(mu, mu + eps, torch.exp(0.5 * logvar))
        if logvar.max() < 1
        else mu + torch.exp(0.5 * logvar) * eps
    )


@alternative("reparameterize", "row_by_row")
def reparameterize(mu, logvar):
    if mu.dim() == 0 or mu.shape[0] > 64:
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    return torch.stack([m + torch.exp(0.5 * v) * torch.randn_like(m) for m, v in zip(mu, logvar)])


@alternative("reparameterize", "method_by_itself", replaces="VAE.reparameterize")
def reparameterize(self, mu, logvar):
    std = torch.exp(0.5 * logvar)
    return mu + std * torch.randn_like(std)


@alternative("reparameterize", "method_rsample", replaces="VAE.reparameterize")
def reparameterize(self, mu, logvar):
    return torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).rsample()


# ---------------------------------------------------------------- forward


@alternative("forward", "dict", replaces="VAE.forward")
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return {"z": z, "mu": mu, "logvar": logvar, "logits": self.decode(z)}


@alternative("forward", "named_tuple", replaces="VAE.forward")
def forward(self, x):
    from collections import namedtuple

    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    out = namedtuple("Out", ["logits", "mu", "logvar", "z"])
    return out(logits=self.decode(z), mu=mu, logvar=logvar, z=z)


@alternative("forward", "list", replaces="VAE.forward")
def forward(self, x):
    mu, logvar = self.encode(x)
    z = reparameterize(mu, logvar)
    return [self.decode(z), mu, logvar, z]


@alternative("forward", "all_inline", replaces="VAE.forward")
def forward(self, x):
    h = self.enc(x)
    mu, logvar = self.mu(h), self.logvar(h)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    return self.dec(z), mu, logvar, z


@alternative("forward", "rsample_inline", replaces="VAE.forward")
def forward(self, x):
    mu, logvar = self.encode(x)
    posterior = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    z = posterior.rsample()
    return self.decode(z), posterior.loc, logvar, z


@alternative("forward", "noise_first", replaces="VAE.forward")
def forward(self, x):
    eps = torch.randn(x.shape[0], self.latent_dim, dtype=x.dtype, device=x.device)
    mu, logvar = self.encode(x)
    z = mu + eps * (0.5 * logvar).exp()
    return self.decode(z), mu, logvar, z


@alternative("forward", "wasted_draw", replaces="VAE.forward")
def forward(self, x):
    mu, logvar = self.encode(x)
    torch.rand(1)
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, logvar, z


# ---------------------------------------------------------------- kl_divergence


@alternative("kl_divergence", "torch_distributions")
def kl_divergence(mu, logvar):
    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    p = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    return torch.distributions.kl_divergence(q, p).sum(dim=-1).mean()


@alternative("kl_divergence", "independent_distributions")
def kl_divergence(mu, logvar):
    D = torch.distributions
    q = D.Independent(D.Normal(mu, (0.5 * logvar).exp()), 1)
    p = D.Independent(D.Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    return D.kl_divergence(q, p).mean()


@alternative("kl_divergence", "minus_half_form")
def kl_divergence(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu**2 - torch.exp(logvar)) / mu.size(0)


@alternative("kl_divergence", "mean_of_minus_half")
def kl_divergence(mu, logvar):
    return torch.mean(-0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1), dim=0)


@alternative("kl_divergence", "expm1")
def kl_divergence(mu, logvar):
    return (mu.square() + torch.expm1(logvar) - logvar).sum(-1).mean().mul(0.5)


@alternative("kl_divergence", "einsum")
def kl_divergence(mu, logvar):
    ones = torch.ones_like(mu)
    total = torch.einsum("bd,bd->", mu, mu) + torch.einsum(
        "bd,bd->", logvar.exp() - logvar - 1, ones
    )
    return total / (2 * mu.shape[0])


@alternative("kl_divergence", "loop_over_the_batch")
def kl_divergence(mu, logvar):
    total = 0.0
    for m, v in zip(mu, logvar):
        total = total + 0.5 * (m @ m + v.exp().sum() - v.sum() - len(m))
    return total / len(mu)


@alternative("kl_divergence", "std_form")
def kl_divergence(mu, logvar):
    std = torch.exp(0.5 * logvar)
    return (0.5 * (mu**2 + std**2 - 1) - 0.5 * logvar).sum(1).mean()


@alternative("kl_divergence", "float64_inside")
def kl_divergence(mu, logvar):
    m, v = mu.double(), logvar.double()
    return (0.5 * (m * m + v.exp() - v - 1).sum(dim=1).mean()).to(mu.dtype)


@alternative("kl_divergence", "mean_times_dims")
def kl_divergence(mu, logvar):
    return 0.5 * mu.shape[1] * torch.mean(mu.pow(2) + logvar.exp() - 1.0 - logvar)


@alternative("kl_divergence", "batch_first")
def kl_divergence(mu, logvar):
    return (0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).mean(dim=0).sum()


@alternative("kl_divergence", "vmapped")
def kl_divergence(mu, logvar):
    def one(m, v):
        return 0.5 * (m.pow(2) + v.exp() - v - 1).sum()

    return torch.vmap(one)(mu, logvar).mean()


# ---------------------------------------------------------------- reconstruction losses


@alternative("reconstruction_loss_bce", "summed_and_divided")
def reconstruction_loss_bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / logits.size(0)


@alternative("reconstruction_loss_bce", "mean_times_pixels")
def reconstruction_loss_bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x) * x.shape[1]


@alternative("reconstruction_loss_bce", "softplus")
def reconstruction_loss_bce(logits, x):
    return (F.softplus(logits) - x * logits).sum(-1).mean()


@alternative("reconstruction_loss_bce", "log_sigmoid")
def reconstruction_loss_bce(logits, x):
    nll = -(x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits))
    return nll.sum(dim=1).mean(dim=0)


@alternative("reconstruction_loss_bce", "logaddexp")
def reconstruction_loss_bce(logits, x):
    zero = torch.zeros_like(logits)
    return (torch.logaddexp(logits, zero) - logits * x).sum().div(len(logits))


@alternative("reconstruction_loss_bce", "bernoulli")
def reconstruction_loss_bce(logits, x):
    p = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    return -p.log_prob(x).sum(dim=1).mean()


@alternative("reconstruction_loss_bce", "by_hand_stable")
def reconstruction_loss_bce(logits, x):
    nll = F.softplus(-logits.abs()) + F.relu(logits) - logits * x
    return torch.mean(torch.sum(nll, dim=1))


@alternative("reconstruction_loss_bce", "loss_object")
def reconstruction_loss_bce(logits, x):
    return nn.BCEWithLogitsLoss(reduction="none")(logits, x).flatten(1).sum(1).mean()


@alternative("reconstruction_loss_bce", "loop_over_the_batch")
def reconstruction_loss_bce(logits, x):
    rows = [F.binary_cross_entropy_with_logits(a, b, reduction="sum") for a, b in zip(logits, x)]
    return sum(rows) / len(rows)


@alternative("reconstruction_loss_mse", "torch_function")
def reconstruction_loss_mse(logits, x):
    return F.mse_loss(logits.sigmoid(), x, reduction="sum") / x.shape[0]


@alternative("reconstruction_loss_mse", "mean_times_pixels")
def reconstruction_loss_mse(logits, x):
    return F.mse_loss(torch.sigmoid(logits), x) * x.shape[-1]


@alternative("reconstruction_loss_mse", "einsum")
def reconstruction_loss_mse(logits, x):
    error = x - torch.sigmoid(logits)
    return torch.einsum("bf,bf->b", error, error).mean()


@alternative("reconstruction_loss_mse", "expanded_square")
def reconstruction_loss_mse(logits, x):
    error = (x.double() - torch.sigmoid(logits.double())) ** 2
    return error.sum(dim=1).mean().to(logits.dtype)


@alternative("reconstruction_loss_mse", "norm_squared")
def reconstruction_loss_mse(logits, x):
    return torch.stack([(a.sigmoid() - b).square().sum() for a, b in zip(logits, x)]).mean()


@alternative("reconstruction_loss_mse", "tanh_form_of_sigmoid")
def reconstruction_loss_mse(logits, x):
    p = 0.5 * (1 + torch.tanh(0.5 * logits))
    return (p - x).pow(2).sum(1).mean()


@alternative("reconstruction_loss_l1", "torch_function")
def reconstruction_loss_l1(logits, x):
    return F.l1_loss(torch.sigmoid(logits), x, reduction="sum") / x.shape[0]


@alternative("reconstruction_loss_l1", "mean_times_pixels")
def reconstruction_loss_l1(logits, x):
    return F.l1_loss(torch.sigmoid(logits), x, reduction="none").sum(dim=1).mean()


@alternative("reconstruction_loss_l1", "vector_norm")
def reconstruction_loss_l1(logits, x):
    return torch.linalg.vector_norm(torch.sigmoid(logits) - x, ord=1, dim=1).mean()


@alternative("reconstruction_loss_l1", "max_of_both_signs")
def reconstruction_loss_l1(logits, x):
    error = x - torch.sigmoid(logits)
    return (error * error.sign()).sum() / len(x)


# ---------------------------------------------------------------- compute_elbo, vae_loss


@alternative("compute_elbo", "if_chain")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        raise ValueError("recon_loss must be bce, mse or l1")
    kl = kl_divergence(mu, logvar)
    return dict(loss=recon + beta * kl, recon=recon, kl=kl)


@alternative("compute_elbo", "match")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    kl = kl_divergence(mu, logvar)
    match recon_loss.lower():
        case "bce":
            recon = reconstruction_loss_bce(logits, x)
        case "mse":
            recon = reconstruction_loss_mse(logits, x)
        case "l1":
            recon = reconstruction_loss_l1(logits, x)
        case other:
            raise ValueError(other)
    elbo = -recon - beta * kl
    return {"kl": kl, "recon": recon, "loss": -elbo, "elbo": elbo}


@alternative("compute_elbo", "key_error_translated")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    try:
        recon = {
            "bce": reconstruction_loss_bce,
            "mse": reconstruction_loss_mse,
            "l1": reconstruction_loss_l1,
        }[recon_loss](logits, x)
    except KeyError:
        raise ValueError(f"no such loss: {recon_loss}") from None
    kl = kl_divergence(mu, logvar)
    return {"loss": torch.add(recon, kl, alpha=beta), "recon": recon.detach(), "kl": kl.detach()}


@alternative("compute_elbo", "all_inline")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    p = torch.sigmoid(logits)
    if recon_loss == "bce":
        pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    elif recon_loss == "mse":
        pixels = (p - x) ** 2
    elif recon_loss == "l1":
        pixels = (p - x).abs()
    else:
        raise ValueError(recon_loss)
    recon = pixels.sum(1).mean()
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@alternative("compute_elbo", "tuple_and_dict")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    from collections import OrderedDict

    if recon_loss not in {"bce", "mse", "l1"}:
        raise ValueError(recon_loss)
    recon = globals()[f"reconstruction_loss_{recon_loss}"](logits, x)
    kl = kl_divergence(mu, logvar)
    return OrderedDict(loss=(recon + beta * kl), recon=recon, kl=kl)


@alternative("compute_elbo", "subclass_of_value_error")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    class UnknownLoss(ValueError):
        pass

    losses = dict(
        bce=reconstruction_loss_bce, mse=reconstruction_loss_mse, l1=reconstruction_loss_l1
    )
    if recon_loss not in losses:
        raise UnknownLoss(recon_loss)
    recon, kl = losses[recon_loss](logits, x), kl_divergence(mu, logvar)
    return {"loss": recon + torch.as_tensor(beta, dtype=kl.dtype) * kl, "recon": recon, "kl": kl}


@alternative("compute_elbo", "vae_loss_by_keyword", replaces="vae_loss")
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    out = compute_elbo(logits=logits, x=x, mu=mu, logvar=logvar, beta=beta, recon_loss=recon_loss)
    return out["loss"]


@alternative("compute_elbo", "vae_loss_star_arguments", replaces="vae_loss")
def vae_loss(*args, **kwargs):
    return compute_elbo(*args, **kwargs)["loss"]


@alternative("compute_elbo", "vae_loss_from_terms", replaces="vae_loss")
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    out = compute_elbo(logits, x, mu, logvar, 0.0, recon_loss)
    return out["recon"] + beta * out["kl"]


# ---------------------------------------------------------------- beta_schedule


@alternative("beta_schedule", "if_chain")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps == 0 or step >= warmup_steps:
        return beta_max
    return beta_max / warmup_steps * step


@alternative("beta_schedule", "zero_dim_tensor")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps == 0:
        return torch.tensor(float(beta_max))
    return beta_max * torch.clamp(torch.tensor(step / warmup_steps), 0, 1)


@alternative("beta_schedule", "numpy_number")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    import numpy as np

    return float(np.interp(step, [0, warmup_steps], [0.0, beta_max])) if warmup_steps else beta_max


@alternative("beta_schedule", "min_of_products")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    return min(beta_max, beta_max * step / warmup_steps) if warmup_steps > 0 else beta_max


@alternative("beta_schedule", "float64_tensor")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    fraction = 1.0 if warmup_steps == 0 else min(step, warmup_steps) / warmup_steps
    return torch.tensor(fraction, dtype=torch.float64) * beta_max


# ---------------------------------------------------------------- build_model


@alternative("build_model", "keywords")
def build_model(cfg):
    return VAE(
        input_dim=cfg.input_dim,
        hidden_dim=cfg.hidden_dim,
        latent_dim=cfg.latent_dim,
        beta=cfg.beta,
        recon_loss=cfg.recon_loss,
    )


@alternative("build_model", "attributes_set_afterwards")
def build_model(cfg):
    model = VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim)
    model.beta = cfg.beta
    model.recon_loss = cfg.recon_loss
    return model


@alternative("build_model", "getattr_loop")
def build_model(cfg):
    names = ("input_dim", "hidden_dim", "latent_dim", "beta", "recon_loss")
    return VAE(**{name: getattr(cfg, name) for name in names}).train()


@alternative("build_model", "vars")
def build_model(cfg):
    return VAE(**vars(cfg))


@alternative("build_model", "initialized")
def build_model(cfg):
    model = VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


# ---------------------------------------------------------------- interpolate


@alternative("interpolate", "lerp")
def interpolate(z1, z2, num_steps=10):
    return torch.lerp(z1, z2, torch.linspace(0, 1, num_steps).to(z1).unsqueeze(1))


@alternative("interpolate", "stacked_loop")
def interpolate(z1, z2, num_steps=10):
    points = []
    for i in range(num_steps):
        w = i / (num_steps - 1)
        points.append((1 - w) * z1 + w * z2)
    return torch.stack(points, dim=0)


@alternative("interpolate", "outer")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0.0, 1.0, num_steps, dtype=z1.dtype)
    return torch.outer(1 - w, z1) + torch.outer(w, z2)


@alternative("interpolate", "start_plus_difference")
def interpolate(z1, z2, num_steps=10):
    return z1 + torch.linspace(0, 1, steps=num_steps).view(-1, 1) * (z2 - z1)


@alternative("interpolate", "einsum")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)
    return torch.einsum("sk,kd->sd", torch.stack([1 - w, w], dim=1), torch.stack([z1, z2]))


@alternative("interpolate", "numpy_inside")
def interpolate(z1, z2, num_steps=10):
    import numpy as np

    return torch.as_tensor(np.linspace(z1.numpy(), z2.numpy(), num_steps), dtype=z1.dtype)


@alternative("interpolate", "column_by_column")
def interpolate(z1, z2, num_steps=10):
    columns = [
        torch.linspace(float(a), float(b), num_steps, dtype=z1.dtype) for a, b in zip(z1, z2)
    ]
    return torch.stack(columns, dim=1)


# ---------------------------------------------------------------- bonus


@alternative("cyclical_beta", "fraction_of_total")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    tau = (step * n_cycles / total) % 1.0
    return beta_max if tau >= ratio else beta_max * tau / ratio


@alternative("cyclical_beta", "integer_period")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total // n_cycles
    return torch.tensor(beta_max * min(1.0, (step % period) / (ratio * period)))


@alternative("cyclical_beta", "by_the_linear_schedule")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    return beta_schedule(math.fmod(step, period), period * ratio, beta_max)


@alternative("cyclical_beta", "whole_table")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = int(math.ceil(total / n_cycles))
    ramp = [min(1.0, i / period / ratio) for i in range(period)]
    return (ramp * n_cycles)[step] * beta_max


@alternative("slerp", "unit_directions")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps).to(z1)
    cosine = F.cosine_similarity(z1, z2, dim=0).clamp(-1, 1)
    if cosine > 0.9995:
        return torch.lerp(z1, z2, w[:, None])
    theta = torch.arccos(cosine)
    a, b = torch.sin((1 - w) * theta) / torch.sin(theta), torch.sin(w * theta) / torch.sin(theta)
    return torch.outer(a, z1) + torch.outer(b, z2)


@alternative("slerp", "lengths_on_a_ramp")
def slerp(z1, z2, num_steps=10):
    r1, r2 = z1.norm(), z2.norm()
    a, b = z1 / r1, z2 / r2
    omega = torch.acos((a @ b).clamp(-1 + 1e-7, 1 - 1e-7))
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype).unsqueeze(1)
    direction = (torch.sin((1 - w) * omega) * a + torch.sin(w * omega) * b) / torch.sin(omega)
    return direction * ((1 - w) * r1 + w * r2)


@alternative("slerp", "stacked_loop")
def slerp(z1, z2, num_steps=10):
    cosine = float((z1 * z2).sum() / (z1.norm() * z2.norm()))
    omega = math.acos(max(-1.0, min(1.0, cosine)))
    points = []
    for i in range(num_steps):
        t = i / (num_steps - 1)
        if math.sin(omega) < 1e-4:
            points.append((1 - t) * z1 + t * z2)
        else:
            points.append(
                (math.sin((1 - t) * omega) * z1 + math.sin(t * omega) * z2) / math.sin(omega)
            )
    return torch.stack(points)


@alternative("slerp", "rotation")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=torch.float64)[:, None]
    a, b = z1.double(), z2.double()
    omega = (
        torch.atan2((a / a.norm() - b / b.norm()).norm(), (a / a.norm() + b / b.norm()).norm()) * 2
    )
    if omega < 1e-6:
        return ((1 - w) * a + w * b).to(z1.dtype)
    arc = (torch.sin((1 - w) * omega) * a + torch.sin(w * omega) * b) / torch.sin(omega)
    return arc.to(z1.dtype)
