"""Other right implementations: each must get full marks."""

from grading.bank import alternative

# ---------------------------------------------------------------- residual_block


@alternative(
    "residual_block",
    "view",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    out = self.conv1(nn.functional.silu(self.norm1(x)))
    shift = self.time(t_emb)
    out = out + shift.view(shift.shape[0], shift.shape[1], 1, 1)
    return self.skip(x) + self.conv2(nn.SiLU()(self.norm2(out)))


@alternative(
    "residual_block",
    "by_hand_silu",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    def swish(v):
        return v * torch.sigmoid(v)

    h = self.conv1(swish(self.norm1(x)))
    h += self.time(t_emb).unsqueeze(-1).unsqueeze(-1).expand_as(h)
    return torch.add(self.conv2(swish(self.norm2(h))), self.skip(x))


@alternative(
    "residual_block",
    "einops_like",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    residual = x
    for layer in (self.norm1, F.silu, self.conv1):
        x = layer(x)
    x = (x.permute(2, 3, 0, 1) + self.time(t_emb)).permute(2, 3, 0, 1)
    for layer in (self.norm2, F.silu, self.conv2):
        x = layer(x)
    return x + self.skip(residual)


# ---------------------------------------------------------------- tiny_unet


@alternative(
    "tiny_unet",
    "skip_first",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    emb = self.time(t)
    s = self.down(self.first(x), emb)
    y = self.grow(self.middle(self.shrink(s), emb))
    return self.last(self.up(torch.cat((s, y), 1), emb))


@alternative(
    "tiny_unet",
    "step_by_step",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    e = self.time(t.long())
    h1 = self.first(x)
    h1 = self.down(h1, e)
    h2 = self.shrink(h1)
    h2 = self.middle(h2, e)
    h3 = torch.concat([self.grow(h2), h1], dim=-3)
    h3 = self.up(h3, e)
    return self.last(h3)


@alternative(
    "tiny_unet",
    "list_of_skips",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skips = [self.down(self.first(x), t_emb)]
    h = self.grow(self.middle(self.shrink(skips[-1]), t_emb))
    h = torch.hstack([h, skips.pop()])
    return self.last(self.up(h, t_emb))


# ---------------------------------------------------------------- training_step


@alternative(
    "training_step",
    "zero_grad_at_the_end",
)
def training_step(model, optimizer, x0, alpha_bar):
    model.train()
    noise = torch.randn(x0.shape)
    t = torch.randint(alpha_bar.shape[0], (len(x0),))
    ab = alpha_bar[t].view(-1, 1, 1, 1)
    loss = ((noise - model(ab**0.5 * x0 + (1 - ab) ** 0.5 * noise, t)) ** 2).mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(loss)


@alternative(
    "training_step",
    "set_to_zero",
)
def training_step(model, optimizer, x0, alpha_bar):
    optimizer.zero_grad(set_to_none=False)
    t = (torch.rand(x0.shape[0]) * len(alpha_bar)).long().clamp(max=len(alpha_bar) - 1)
    eps = torch.empty_like(x0).normal_()
    a = alpha_bar.gather(0, t).reshape(-1, 1, 1, 1)
    predicted = model(torch.sqrt(a) * x0 + torch.sqrt(1 - a) * eps, t)
    loss = nn.MSELoss()(predicted, eps)
    loss.backward()
    optimizer.step()
    return loss.detach().item()


@alternative(
    "training_step",
    "detached_tensor",
)
def training_step(model, optimizer, x0, alpha_bar):
    batch = x0.size(0)
    t = torch.multinomial(torch.ones(len(alpha_bar)), batch, replacement=True)
    noise = torch.normal(torch.zeros_like(x0), torch.ones_like(x0))
    scale = alpha_bar[t].sqrt().reshape(batch, 1, 1, 1)
    x_t = scale * x0 + (1 - scale**2).sqrt() * noise
    optimizer.zero_grad()
    loss = F.mse_loss(noise, model(x_t, t))
    loss.backward()
    optimizer.step()
    return loss.detach()


@alternative(
    "training_step",
    "model_zero_grad",
)
def training_step(model, optimizer, x0, alpha_bar):
    for p in model.parameters():
        p.grad = None
    t = torch.randint(0, len(alpha_bar), x0.shape[:1], dtype=torch.int64)
    noise = -torch.randn_like(x0)
    ab = alpha_bar[t][(...,) + (None,) * 3]
    loss = (
        (model(ab.sqrt() * x0 + (1 - ab).sqrt() * noise, t) - noise)
        .square()
        .flatten(1)
        .mean(1)
        .mean()
    )
    loss.backward()
    optimizer.step()
    return loss.item()


# ---------------------------------------------------------------- sample_images


@alternative(
    "sample_images",
    "posterior_variance",
)
def sample_images(model, num_images, size, betas):
    alphas = 1.0 - betas
    ab = alphas.cumprod(0)
    prev = torch.cat([torch.ones(1), ab[:-1]])
    var = betas * (1 - prev) / (1 - ab)
    x = torch.randn(num_images, 1, size, size)
    with torch.no_grad():
        for t in range(len(betas) - 1, -1, -1):
            eps = model(x, torch.full((num_images,), t, dtype=torch.long))
            mean = (x - (1 - alphas[t]) / torch.sqrt(1 - ab[t]) * eps) / torch.sqrt(alphas[t])
            x = mean + var[t].sqrt() * torch.randn_like(x)
    return torch.clamp(x, -1.0, 1.0)


@alternative(
    "sample_images",
    "clean_image_clamped",
)
def sample_images(model, num_images, size, betas):
    ab = torch.cumprod(1 - betas, 0)
    prev = F.pad(ab[:-1], (1, 0), value=1.0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.ones(num_images, dtype=torch.long) * t)
            x0 = ((x - (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()).clamp(-1, 1)
            w0 = prev[t].sqrt() * betas[t] / (1 - ab[t])
            wt = (1 - betas[t]).sqrt() * (1 - prev[t]) / (1 - ab[t])
            x = w0 * x0 + wt * x
            if t != 0:
                x = x + (betas[t] * (1 - prev[t]) / (1 - ab[t])).sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@alternative(
    "sample_images",
    "inner_function",
)
def sample_images(model, num_images, size, betas):
    @torch.no_grad()
    def run():
        alpha_bar = torch.exp(torch.cumsum(torch.log(1 - betas), 0))
        img = torch.empty(num_images, 1, size, size).normal_()
        for t, beta in reversed(list(enumerate(betas))):
            noise = torch.randn(img.shape) if t > 0 else torch.zeros(img.shape)
            eps = model(img, torch.tensor([t] * num_images))
            img = (img - beta * eps / (1 - alpha_bar[t]) ** 0.5) / (1 - beta) ** 0.5
            img = img + beta**0.5 * noise
        return img

    return run().clamp(min=-1, max=1)


# ---------------------------------------------------------------- cosine_beta_schedule


@alternative(
    "cosine_beta_schedule",
    "loop",
)
def cosine_beta_schedule(T, s=0.008):
    def f(u):
        return math.cos((u / T + s) / (1 + s) * math.pi / 2) ** 2

    return torch.tensor([min(1 - f(t + 1) / f(t), 0.999) for t in range(T)])


@alternative(
    "cosine_beta_schedule",
    "normalized",
)
def cosine_beta_schedule(T, s=0.008):
    x = torch.linspace(0, T, T + 1)
    alpha_bar = torch.cos(((x / T) + s) / (1 + s) * math.pi * 0.5).pow(2)
    alpha_bar = alpha_bar / alpha_bar[0]
    return torch.clip(1 - alpha_bar[1:] / alpha_bar[:-1], 0.0001, 0.999)


@alternative(
    "cosine_beta_schedule",
    "double",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    alpha_bar = 0.5 * (1 + torch.cos((u + s) / (1 + s) * torch.pi))
    return torch.minimum(
        1 - alpha_bar[1:] / alpha_bar[:-1], torch.tensor(0.999, dtype=torch.float64)
    )


# ---------------------------------------------------------------- ddim_step


@alternative(
    "ddim_step",
    "roots",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    clean = (x_t - torch.sqrt(1 - ab_t) * eps) / torch.sqrt(ab_t)
    var = eta**2 * (1 - ab_prev) / (1 - ab_t) * (1 - ab_t / ab_prev)
    out = torch.sqrt(ab_prev) * clean + torch.sqrt(1 - ab_prev - var) * eps
    if eta == 0:
        return out
    noise = torch.randn_like(x_t) if noise is None else noise
    return out + torch.sqrt(var) * noise


@alternative(
    "ddim_step",
    "as_numbers",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    now, before = float(ab_t), float(ab_prev)
    sigma = eta * math.sqrt((1 - before) / (1 - now) * (1 - now / before))
    scale = math.sqrt(before / now)
    weight = math.sqrt(max(1 - before - sigma**2, 0.0)) - scale * math.sqrt(1 - now)
    step = scale * x_t + weight * eps
    if sigma > 0:
        step = step + sigma * (torch.randn(x_t.shape, dtype=x_t.dtype) if noise is None else noise)
    return step


@alternative(
    "ddim_step",
    "via_variances",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    if noise is None:
        noise = torch.normal(torch.zeros_like(x_t), 1.0)
    beta = 1 - ab_t / ab_prev
    sigma2 = eta * eta * beta * (1 - ab_prev) / (1 - ab_t)
    x0 = x_t / ab_t.sqrt() - (1 / ab_t - 1).sqrt() * eps
    return (
        ab_prev.sqrt() * x0
        + (1 - ab_prev - sigma2).clamp(min=0).sqrt() * eps
        + sigma2.sqrt() * noise
    )
