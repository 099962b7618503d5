"""Wrong implementations that students write, each with the sentence that names the mistake."""

from grading.bank import mistake

# ---------------------------------------------------------------- encode


@mistake(
    "encode",
    "heads_swapped",
    "encode returns (logvar, mu): everybody who unpacks (mu, logvar) gets them the wrong way "
    "round.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.logvar(h), self.mu(h)


@mistake(
    "encode",
    "relu_on_logvar",
    "A ReLU on logvar keeps it at 0 or above, so sigma is never below 1 and reconstructions "
    "stay blurry.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), F.relu(self.logvar(h))


@mistake(
    "encode",
    "relu_on_mu",
    "A ReLU on mu keeps the means at 0 or above: half of the latent space is never used.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return F.relu(self.mu(h)), self.logvar(h)


@mistake(
    "encode",
    "relu_on_both",
    "An activation after the heads: mu and logvar must be able to take any value.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return F.relu(self.mu(h)), F.relu(self.logvar(h))


@mistake(
    "encode",
    "variance_for_logvar",
    "encode returns exp(logvar), the variance, under the name logvar: later functions take "
    "the exponential again.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), torch.exp(self.logvar(h))


@mistake(
    "encode",
    "std_for_logvar",
    "encode returns exp(logvar / 2), the standard deviation, under the name logvar.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), torch.exp(0.5 * self.logvar(h))


@mistake(
    "encode",
    "softplus_logvar",
    "A softplus makes logvar positive: a log-variance may be any real number, so sigma could "
    "never fall below 1.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), F.softplus(self.logvar(h))


@mistake(
    "encode",
    "log_of_logvar_head",
    "You took a logarithm of the logvar head: the layer's output is the log-variance already.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), torch.log(self.logvar(h).abs() + 1e-8)


@mistake(
    "encode",
    "sigmoid_mu",
    "A sigmoid on mu keeps the means in (0, 1), far from the prior that is centered at 0.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return torch.sigmoid(self.mu(h)), self.logvar(h)


@mistake(
    "encode",
    "tanh_mu",
    "A tanh on mu keeps the means in (-1, 1): the encoder cannot tell many examples apart.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return torch.tanh(self.mu(h)), self.logvar(h)


@mistake(
    "encode",
    "tanh_logvar",
    "A tanh on logvar keeps it in (-1, 1): sigma can never become small.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), torch.tanh(self.logvar(h))


@mistake(
    "encode",
    "tight_clamp",
    "The clamp on logvar changes values that the layer is free to give and stops their gradient.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), self.logvar(h).clamp(-10, 10)


@mistake(
    "encode",
    "clamp_max_only",
    "The clamp keeps logvar at 0 or below: sigma can never exceed 1.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), self.logvar(h).clamp(max=0.0)


@mistake(
    "encode",
    "squeezed",
    "squeeze() drops the batch axis when there is one example and the latent axis when there "
    "is one dimension.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h).squeeze(), self.logvar(h).squeeze()


@mistake(
    "encode",
    "same_head_twice",
    "Both values come from the head mu: logvar is never learned.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), self.mu(h)


@mistake(
    "encode",
    "logvar_head_twice",
    "Both values come from the head logvar: mu is never learned.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.logvar(h), self.logvar(h)


@mistake(
    "encode",
    "heads_chained",
    "logvar is computed from mu and not from the hidden layer.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    mu = self.mu(h)
    return mu, F.linear(
        F.pad(mu, (0, self.hidden_dim))[:, : self.hidden_dim], self.logvar.weight, self.logvar.bias
    )


@mistake(
    "encode",
    "encoder_skipped",
    "The layer enc is not used: the heads expect the hidden representation, not x.",
    replaces="VAE.encode",
)
def encode(self, x):
    return self.mu(x), self.logvar(x)


@mistake(
    "encode",
    "only_mu",
    "encode returns one value: both mu and logvar are due.",
    replaces="VAE.encode",
)
def encode(self, x):
    return self.mu(self.enc(x))


@mistake(
    "encode",
    "hidden_returned",
    "encode returns the hidden layer too: only mu and logvar are due.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return h, self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "sampled_already",
    "encode returns a sample in place of mu: sampling is the task of reparameterize.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    mu, logvar = self.mu(h), self.logvar(h)
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), logvar


@mistake(
    "encode",
    "concatenated",
    "encode returns one tensor with mu and logvar side by side: return them as two.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return torch.cat([self.mu(h), self.logvar(h)], dim=1)


@mistake(
    "encode",
    "no_grad",
    "The encoder runs under no_grad: its weights never get a gradient.",
    replaces="VAE.encode",
)
def encode(self, x):
    with torch.no_grad():
        h = self.enc(x)
        return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "hidden_detached",
    "The hidden layer is detached: the weights of enc never get a gradient.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x).detach()
    return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "logvar_detached",
    "logvar is detached: its head is never trained.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), self.logvar(h).detach()


@mistake(
    "encode",
    "relu_on_hidden_again",
    "The hidden layer is squashed a second time: enc already ends with its activation.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = torch.tanh(self.enc(x))
    return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "dropout",
    "Dropout was added: mu and logvar of an example must be the same at each call.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = F.dropout(self.enc(x), 0.2)
    return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "batch_normalized",
    "The hidden layer is normalized over the batch: an example's code then depends on its "
    "neighbors.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    h = (h - h.mean(0)) / (h.std(0, unbiased=False) + 1e-5)
    return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "divided_by_255",
    "x is divided by 255, but it is in [0, 1] already.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x / 255.0)
    return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "input_centered",
    "x is rescaled to [-1, 1] inside encode: the layers are made for [0, 1].",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(2 * x - 1)
    return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "cast_to_float32",
    "x is cast to float32: a float64 model fails or loses precision.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x.float())
    return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "logvar_halved",
    "logvar is halved here and again in reparameterize.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), 0.5 * self.logvar(h)


@mistake(
    "encode",
    "moved_to_cuda",
    "x is moved to a fixed device: the model must work where its input is.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x.to("cuda"))
    return self.mu(h), self.logvar(h)


@mistake(
    "encode",
    "softmax_mu",
    "A softmax makes the means of an example add up to 1: mu must be free.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return F.softmax(self.mu(h), dim=1), self.logvar(h)


@mistake(
    "encode",
    "logvar_negated",
    "logvar has the wrong sign: sigma is 1 / sigma.",
    replaces="VAE.encode",
)
def encode(self, x):
    h = self.enc(x)
    return self.mu(h), -self.logvar(h)


# ---------------------------------------------------------------- decode


@mistake(
    "decode",
    "sigmoid_in_decode",
    "decode applies the sigmoid and the loss applies it again: probabilities then stay "
    "between 0.5 and 0.73.",
    replaces="VAE.decode",
)
def decode(self, z):
    return torch.sigmoid(self.dec(z))


@mistake(
    "decode",
    "tanh_in_decode",
    "A tanh bounds the logits to (-1, 1): no pixel can become black or white.",
    replaces="VAE.decode",
)
def decode(self, z):
    return torch.tanh(self.dec(z))


@mistake(
    "decode",
    "relu_in_decode",
    "A ReLU keeps the logits at 0 or above: no pixel can be darker than 0.5.",
    replaces="VAE.decode",
)
def decode(self, z):
    return F.relu(self.dec(z))


@mistake(
    "decode",
    "softmax_in_decode",
    "A softmax makes all pixels of an image share one unit of probability; each pixel has its own.",
    replaces="VAE.decode",
)
def decode(self, z):
    return F.softmax(self.dec(z), dim=-1)


@mistake(
    "decode",
    "log_sigmoid",
    "decode returns log-probabilities: plain logits are due.",
    replaces="VAE.decode",
)
def decode(self, z):
    return F.logsigmoid(self.dec(z))


@mistake(
    "decode",
    "clamped_logits",
    "The clamp on the logits stops the gradient of confident pixels.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(z).clamp(-5, 5)


@mistake(
    "decode",
    "clamped_to_unit",
    "The logits are clamped to [0, 1] as if they were probabilities.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(z).clamp(0, 1)


@mistake(
    "decode",
    "detached_z",
    "z is detached: the encoder never learns from the reconstruction.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(z.detach())


@mistake(
    "decode",
    "no_grad",
    "The logits are cut from the graph (no_grad or detach): the decoder is never trained.",
    replaces="VAE.decode",
)
def decode(self, z):
    with torch.no_grad():
        return self.dec(z)


@mistake(
    "decode",
    "detached_output",
    "The logits are detached: neither decoder nor encoder is trained.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(z).detach()


@mistake(
    "decode",
    "squeezed",
    "squeeze() drops the batch axis when there is one example.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(z).squeeze()


@mistake(
    "decode",
    "noise_added",
    "decode adds noise of its own: it only maps z to logits.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(z + 0.1 * torch.randn_like(z))


@mistake(
    "decode",
    "prior_sample",
    "decode ignores z and decodes fresh noise: images have nothing to do with their codes.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(torch.randn_like(z))


@mistake(
    "decode",
    "sampled_pixels",
    "decode draws black and white pixels: return the logits.",
    replaces="VAE.decode",
)
def decode(self, z):
    return torch.bernoulli(torch.sigmoid(self.dec(z)))


@mistake(
    "decode",
    "thresholded",
    "decode rounds pixels to 0 or 1: no gradient is left; return the logits.",
    replaces="VAE.decode",
)
def decode(self, z):
    return (self.dec(z) > 0).to(z.dtype)


@mistake(
    "decode",
    "reshaped_to_image",
    "decode reshapes to an image: the logits are (B, input_dim).",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(z).unsqueeze(1)


@mistake(
    "decode",
    "last_activation_skipped",
    "Only a part of dec is used: the last layer gives the logits.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec[2](self.dec[0](z))


@mistake(
    "decode",
    "returns_pair",
    "decode returns two values: only the logits are due.",
    replaces="VAE.decode",
)
def decode(self, z):
    logits = self.dec(z)
    return logits, torch.sigmoid(logits)


@mistake(
    "decode",
    "nothing_returned",
    "decode returns nothing: the return is missing.",
    replaces="VAE.decode",
)
def decode(self, z):
    self.dec(z)


@mistake(
    "decode",
    "cast_to_float32",
    "z is cast to float32: a float64 model fails or loses precision.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(z.float())


@mistake(
    "decode",
    "sigmoid_in_eval",
    "In eval mode decode returns probabilities: return logits in both modes.",
    replaces="VAE.decode",
)
def decode(self, z):
    logits = self.dec(z)
    return logits if self.training else torch.sigmoid(logits)


@mistake(
    "decode",
    "normalized_z",
    "z is scaled to unit length first: the decoder cannot tell z from 2 z.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(F.normalize(z, dim=-1))


@mistake(
    "decode",
    "tanh_on_z",
    "z is squashed by a tanh: distant codes give one and the same image.",
    replaces="VAE.decode",
)
def decode(self, z):
    return self.dec(torch.tanh(z))


# ---------------------------------------------------------------- reparameterize


@mistake(
    "reparameterize",
    "variance_for_std",
    "You used exp(logvar), the variance, as the standard deviation: sigma is exp(logvar / 2).",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(logvar) * torch.randn_like(mu)


@mistake("reparameterize", "factor_two", "sigma is exp(logvar / 2), not exp(2 logvar).")
def reparameterize(mu, logvar):
    return mu + torch.exp(2 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "logvar_for_std",
    "You multiplied the noise with logvar itself: take exp(logvar / 2) first.",
)
def reparameterize(mu, logvar):
    return mu + logvar * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "half_logvar_for_std",
    "You multiplied the noise with logvar / 2: the exponential is missing.",
)
def reparameterize(mu, logvar):
    return mu + 0.5 * logvar * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "half_exp",
    "You halved exp(logvar) instead of the exponent: sigma is exp(logvar / 2).",
)
def reparameterize(mu, logvar):
    return mu + 0.5 * torch.exp(logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "sqrt_of_logvar",
    "You took the square root of logvar: sigma is the root of exp(logvar), and logvar may be "
    "negative.",
)
def reparameterize(mu, logvar):
    return mu + torch.sqrt(logvar.abs()) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "softplus_std",
    "You used softplus(logvar) as sigma: logvar is a logarithm, so sigma is exp(logvar / 2).",
)
def reparameterize(mu, logvar):
    return mu + F.softplus(logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "base_two",
    "You used 2 to the power of logvar / 2: logvar is a natural logarithm.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp2(0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "negative_exponent",
    "The noise shrinks where logvar grows: the exponent has the wrong sign, or the noise is divided by sigma.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(-0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "std_plus_epsilon",
    "You added a small number to sigma: samples of sharp posteriors spread too far.",
)
def reparameterize(mu, logvar):
    return mu + (torch.exp(0.5 * logvar) + 1e-3) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "std_plus_tiny",
    "You added 1e-6 to sigma: an exponential is never 0, so nothing has to be added.",
)
def reparameterize(mu, logvar):
    return mu + (torch.exp(0.5 * logvar) + 1e-6) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "sqrt_var_plus_epsilon",
    "You added a small number under the root: samples of sharp posteriors spread too far.",
)
def reparameterize(mu, logvar):
    return mu + torch.sqrt(logvar.exp() + 1e-8) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "uniform_noise",
    "The noise is uniform on [0, 1): draw it from a standard normal (randn, not rand).",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)


@mistake(
    "reparameterize",
    "centered_uniform_noise",
    "The noise is uniform on [-1, 1): draw it from a standard normal.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * (2 * torch.rand_like(mu) - 1)


@mistake(
    "reparameterize",
    "matched_uniform_noise",
    "The noise is uniform with variance 1: a normal has tails, a uniform has none.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * (torch.rand_like(mu) - 0.5) * math.sqrt(12)


@mistake("reparameterize", "sign_noise", "The noise is +1 or -1: draw it from a standard normal.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu).sign()


@mistake(
    "reparameterize",
    "clipped_noise",
    "The noise is clipped at two standard deviations: its variance falls below 1.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu).clamp(-2, 2)


@mistake(
    "reparameterize",
    "clipped_noise_three",
    "The noise is clipped at three standard deviations: the tails are missing.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu).clamp(-3, 3)


@mistake(
    "reparameterize",
    "damped_noise",
    "The noise has a standard deviation of 0.1: it must be that of a standard normal.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * 0.1 * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "noise_shared_by_dims",
    "One number of noise is shared by all latent dimensions of an example.",
)
def reparameterize(mu, logvar):
    eps = torch.randn(mu.shape[0], *[1] * (mu.ndim - 1), dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


@mistake(
    "reparameterize",
    "noise_shared_by_last_axis",
    "One number of noise is shared along the last axis.",
)
def reparameterize(mu, logvar):
    eps = torch.randn_like(mu[..., :1])
    return mu + torch.exp(0.5 * logvar) * eps


@mistake("reparameterize", "noise_shared_by_batch", "All examples of the batch get the same noise.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu[:1])


@mistake("reparameterize", "scalar_noise", "A single number of noise is used for the whole batch.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn((), dtype=mu.dtype, device=mu.device)


@mistake("reparameterize", "python_noise", "A single number of noise is used for the whole batch.")
def reparameterize(mu, logvar):
    import random

    return mu + torch.exp(0.5 * logvar) * random.gauss(0.0, 1.0)


@mistake(
    "reparameterize",
    "two_axes_only",
    "The noise has two axes only: latents of another shape fail or share noise.",
)
def reparameterize(mu, logvar):
    eps = torch.randn(len(mu), mu.shape[1], dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


@mistake(
    "reparameterize",
    "unpacked_two_axes",
    "The code takes mu to have two axes: latents of another shape fail.",
)
def reparameterize(mu, logvar):
    batch, dims = mu.shape
    eps = torch.randn(batch, dims, dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


@mistake(
    "reparameterize",
    "sample_for_rsample",
    "z is cut from the graph (.sample(), detach and no_grad all do that): use rsample, or "
    "mu + sigma * eps.",
)
def reparameterize(mu, logvar):
    return torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).sample()


@mistake(
    "reparameterize",
    "torch_normal",
    "torch.normal(mu, sigma) passes no gradient to mu and sigma: write mu + sigma * eps.",
)
def reparameterize(mu, logvar):
    return torch.normal(mu, torch.exp(0.5 * logvar))


@mistake(
    "reparameterize",
    "rsample_with_variance",
    "Normal takes the standard deviation: you gave it the variance.",
)
def reparameterize(mu, logvar):
    return torch.distributions.Normal(mu, logvar.exp()).rsample()


@mistake(
    "reparameterize",
    "std_detached",
    "sigma or the noise term is cut from the graph: logvar gets no gradient from the "
    "reconstruction.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar).detach() * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "mu_detached",
    "mu is detached: the encoder's means get no gradient from the reconstruction.",
)
def reparameterize(mu, logvar):
    return mu.detach() + torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "noise_detached_from_graph",
    "The noise term is detached: logvar gets no gradient from the reconstruction.",
)
def reparameterize(mu, logvar):
    return mu + (torch.exp(0.5 * logvar) * torch.randn_like(mu)).detach()


@mistake(
    "reparameterize",
    "no_grad",
    "z is computed under no_grad: the encoder gets no gradient from the reconstruction.",
)
def reparameterize(mu, logvar):
    with torch.no_grad():
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "std_under_no_grad",
    "sigma is computed under no_grad: logvar gets no gradient from the reconstruction.",
)
def reparameterize(mu, logvar):
    with torch.no_grad():
        std = torch.exp(0.5 * logvar)
    return mu + std * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "data_of_logvar",
    ".data cuts logvar from the graph: it gets no gradient from the reconstruction.",
)
def reparameterize(mu, logvar):
    std = torch.exp(0.5 * logvar.data)
    return mu + std * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "result_detached",
    "z is detached: the encoder gets no gradient from the reconstruction.",
)
def reparameterize(mu, logvar):
    return (mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)).detach()


@mistake(
    "reparameterize",
    "std_ignored",
    "sigma is missing: every posterior spreads like the prior.",
)
def reparameterize(mu, logvar):
    return mu + torch.randn_like(mu)


@mistake(
    "reparameterize",
    "mu_ignored",
    "mu is missing: z says nothing about where the posterior is.",
)
def reparameterize(mu, logvar):
    return torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake("reparameterize", "no_noise", "There is no noise: z = mu is an autoencoder, not a VAE.")
def reparameterize(mu, logvar):
    return mu


@mistake(
    "reparameterize",
    "std_added",
    "sigma is added without noise: z is the same at every call.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar)


@mistake(
    "reparameterize",
    "mu_and_std_swapped",
    "mu and sigma have changed places: it is mu + sigma * eps.",
)
def reparameterize(mu, logvar):
    return torch.exp(0.5 * logvar) + mu * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "noise_times_sum",
    "The parentheses are wrong: mu must not be multiplied with the noise.",
)
def reparameterize(mu, logvar):
    return (mu + torch.exp(0.5 * logvar)) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "divided_by_std",
    "The noise is divided by sigma instead of multiplied with it.",
)
def reparameterize(mu, logvar):
    return mu + torch.randn_like(mu) / torch.exp(0.5 * logvar)


@mistake(
    "reparameterize",
    "seed_inside",
    "manual_seed inside the function: the noise is the same at every step.",
)
def reparameterize(mu, logvar):
    torch.manual_seed(0)
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "own_generator",
    "A generator with a fixed seed gives the same noise at every step.",
)
def reparameterize(mu, logvar):
    generator = torch.Generator().manual_seed(42)
    eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * eps


@mistake(
    "reparameterize",
    "clock_seed",
    "The noise is seeded from the clock: torch.manual_seed no longer makes a run repeatable.",
    unseeded=True,
)
def reparameterize(mu, logvar):
    generator = torch.Generator()
    generator.seed()
    eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * eps


@mistake(
    "reparameterize",
    "cached_noise",
    "eps is drawn once and kept: the noise must be fresh at every call.",
)
def reparameterize(mu, logvar):
    cache = globals().setdefault("_EPS", {})
    if mu.shape not in cache:
        cache[mu.shape] = torch.randn_like(mu).detach()
    return mu + torch.exp(0.5 * logvar) * cache[mu.shape]


@mistake(
    "reparameterize",
    "one_sided_noise",
    "The noise is one-sided: you took its absolute value.",
)
def reparameterize(mu, logvar):
    return mu - torch.exp(0.5 * logvar) * torch.randn_like(mu).abs()


@mistake(
    "reparameterize",
    "empty_noise",
    "torch.empty_like is not noise but whatever is in memory.",
    unseeded=True,
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.empty_like(mu)


@mistake("reparameterize", "zero_noise", "The noise is all zeros.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.zeros_like(mu)


@mistake("reparameterize", "one_noise", "The noise is all ones: z is the same at every call.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.ones_like(mu)


@mistake(
    "reparameterize",
    "clamped_logvar",
    "The clamp on logvar changes sigma and stops its gradient.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar.clamp(-10, 10)) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "wide_clamp_logvar",
    "The clamp on logvar changes sigma where the posterior is sharp and stops its gradient.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar.clamp(-20, 20)) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "clamped_std",
    "sigma has a lower bound of 0.01: sharp posteriors are blurred.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar).clamp(min=1e-2) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "float32_noise",
    "The noise ignores the dtype and device of mu: use randn_like.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape)


@mistake("reparameterize", "cuda_noise", "The noise is made on a fixed device: use randn_like.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, device="cuda")


@mistake(
    "reparameterize",
    "cast_to_float32",
    "Everything is cast to float32: keep the dtype of the input.",
)
def reparameterize(mu, logvar):
    mu, logvar = mu.float(), logvar.float()
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "numpy_noise",
    "The noise comes from numpy: its dtype and its seed are not torch's.",
)
def reparameterize(mu, logvar):
    import numpy as np

    return mu + torch.exp(0.5 * logvar) * torch.from_numpy(np.random.randn(*mu.shape))


@mistake(
    "reparameterize",
    "in_place_std",
    "logvar is changed in place: the KL term then sees the wrong values.",
)
def reparameterize(mu, logvar):
    std = logvar.mul_(0.5).exp_()
    return mu + std * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "in_place_mu",
    "mu is changed in place: the KL term then sees z instead of mu.",
)
def reparameterize(mu, logvar):
    mu += torch.exp(0.5 * logvar) * torch.randn_like(mu)
    return mu


@mistake("reparameterize", "returns_pair", "reparameterize returns two values: only z is due.")
def reparameterize(mu, logvar):
    eps = torch.randn_like(mu)
    return mu + torch.exp(0.5 * logvar) * eps, eps


@mistake("reparameterize", "log_prob_returned", "You returned a log-density: a sample z is due.")
def reparameterize(mu, logvar):
    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    return q.log_prob(q.rsample())


@mistake("reparameterize", "nothing_returned", "The return is missing.")
def reparameterize(mu, logvar):
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "averaged_noise",
    "You averaged several samples: their spread is too small; one sample is due.",
)
def reparameterize(mu, logvar):
    eps = torch.stack([torch.randn_like(mu) for _ in range(10)]).mean(0)
    return mu + torch.exp(0.5 * logvar) * eps


@mistake(
    "reparameterize",
    "covariance_sum",
    "You added two independent noises: their variance is 2.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * (torch.randn_like(mu) + torch.randn_like(mu))


@mistake(
    "reparameterize",
    "method_mean_in_eval",
    "In eval mode the method returns mu: sample there too.",
    replaces="VAE.reparameterize",
)
def reparameterize(self, mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu) if self.training else mu


@mistake(
    "reparameterize",
    "method_variance_for_std",
    "The method uses exp(logvar), the variance, as the standard deviation.",
    replaces="VAE.reparameterize",
)
def reparameterize(self, mu, logvar):
    return mu + torch.exp(logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "method_uniform_noise",
    "The method draws uniform noise: use randn_like, not rand_like.",
    replaces="VAE.reparameterize",
)
def reparameterize(self, mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)


@mistake(
    "reparameterize",
    "method_returns_mu",
    "The method returns mu: z is a sample.",
    replaces="VAE.reparameterize",
)
def reparameterize(self, mu, logvar):
    return mu


@mistake(
    "reparameterize",
    "method_calls_itself",
    "The method calls itself without end: call the function reparameterize.",
    replaces="VAE.reparameterize",
)
def reparameterize(self, mu, logvar):
    return self.reparameterize(mu, logvar)


@mistake(
    "reparameterize",
    "method_arguments_swapped",
    "The method hands logvar on as mu.",
    replaces="VAE.reparameterize",
)
def reparameterize(self, mu, logvar):
    return reparameterize(logvar, mu)


@mistake(
    "reparameterize",
    "method_cached_noise",
    "The model keeps its first eps: the noise must be fresh at every call.",
    replaces="VAE.reparameterize",
)
def reparameterize(self, mu, logvar):
    if getattr(self, "eps", None) is None or self.eps.shape != mu.shape:
        self.eps = torch.randn_like(mu).detach()
    return mu + torch.exp(0.5 * logvar) * self.eps


@mistake(
    "reparameterize",
    "method_detached",
    "The method detaches z: the encoder gets no gradient from the reconstruction.",
    replaces="VAE.reparameterize",
)
def reparameterize(self, mu, logvar):
    return reparameterize(mu, logvar).detach()


# ---------------------------------------------------------------- forward


@mistake(
    "forward",
    "mu_decoded",
    "forward decodes mu: the decoder must see the sample z.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(mu), mu, logvar, z


@mistake("forward", "mu_for_z", "z is mu: there is no sampling.", replaces="VAE.forward")
def forward(self, x):
    mu, logvar = self.encode(x)
    return self.decode(mu), mu, logvar, mu


@mistake(
    "forward",
    "mean_in_eval",
    "In eval mode z is mu: the test ELBO then looks better than it is.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar) if self.training else mu
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "second_sample",
    "The z returned is not the z that was decoded: sample once.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    return self.decode(self.reparameterize(mu, logvar)), mu, logvar, self.reparameterize(mu, logvar)


@mistake(
    "forward",
    "no_grad_sampling",
    "Sampling under no_grad: the encoder gets no gradient from the reconstruction.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    with torch.no_grad():
        z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "mu_detached",
    "mu is cut from the graph (detach or no_grad) before sampling: the means get no gradient from the reconstruction.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu.detach(), logvar)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "logvar_detached",
    "logvar is cut from the graph (detach or no_grad) before sampling: the spread gets no gradient from the reconstruction.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar.detach())
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "z_detached",
    "z is cut from the graph (detach or no_grad) before decoding: the encoder gets no gradient from the reconstruction.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z.detach()), mu, logvar, z


@mistake(
    "forward",
    "statistics_detached",
    "mu and logvar are returned detached: the KL term trains nothing.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu.detach(), logvar.detach(), z


@mistake(
    "forward",
    "three_values",
    "forward returns three values: z is missing.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    return self.decode(self.reparameterize(mu, logvar)), mu, logvar


@mistake(
    "forward",
    "logits_only",
    "forward returns the logits only: mu, logvar and z are needed for the loss.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    return self.decode(self.reparameterize(mu, logvar))


@mistake(
    "forward",
    "z_first",
    "The order is wrong: (logits, mu, logvar, z) is due.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return z, mu, logvar, self.decode(z)


@mistake(
    "forward",
    "z_second",
    "The order is wrong: (logits, mu, logvar, z) is due, not (logits, z, mu, logvar).",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z), z, mu, logvar


@mistake(
    "forward",
    "mu_logvar_swapped",
    "forward returns logvar before mu.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z), logvar, mu, z


@mistake(
    "forward",
    "unpacked_wrong_way",
    "The pair of encode is unpacked the wrong way round: mu comes first.",
    replaces="VAE.forward",
)
def forward(self, x):
    logvar, mu = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "arguments_swapped",
    "reparameterize gets logvar as mu.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(logvar, mu)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "sigmoid_in_forward",
    "forward applies the sigmoid and the loss applies it again.",
    replaces="VAE.forward",
    guide="#4-decode",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return torch.sigmoid(self.decode(z)), mu, logvar, z


@mistake(
    "forward",
    "std_returned",
    "forward returns sigma in the place of logvar.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, torch.exp(0.5 * logvar), z


@mistake(
    "forward",
    "std_passed",
    "reparameterize gets sigma, but it expects logvar and takes the exponential itself.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, torch.exp(0.5 * logvar))
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "prior_sample",
    "z is drawn from the prior and knows nothing of x.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = torch.randn_like(mu)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "inline_variance_for_std",
    "You used exp(logvar), the variance, as the standard deviation.",
    replaces="VAE.forward",
    guide="#3-reparameterize",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = mu + torch.exp(logvar) * torch.randn_like(mu)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "inline_uniform",
    "The noise is uniform: use randn_like, not rand_like.",
    replaces="VAE.forward",
    guide="#3-reparameterize",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "inline_shared_noise",
    "All examples of the batch get the same noise.",
    replaces="VAE.forward",
    guide="#3-reparameterize",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu[0])
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "seeded",
    "forward sets the seed: every pass uses the same noise.",
    replaces="VAE.forward",
)
def forward(self, x):
    torch.manual_seed(0)
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "encoder_under_no_grad",
    "The encoder runs under no_grad: it is never trained.",
    replaces="VAE.forward",
)
def forward(self, x):
    with torch.no_grad():
        mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "no_grad_in_eval",
    "In eval mode z is cut from the graph and stays at mu.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    if not self.training:
        return self.decode(mu.detach()), mu, logvar, mu.detach()
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "squeezed_logits",
    "squeeze() drops the batch axis when there is one example.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z).squeeze(), mu, logvar, z


@mistake(
    "forward",
    "x_returned",
    "forward returns x in the place of the logits.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return x, mu, logvar, z


@mistake(
    "forward",
    "loss_returned",
    "forward returns the loss: return (logits, mu, logvar, z) and compute the loss outside.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    logits = self.decode(z)
    return vae_loss(logits, x, mu, logvar, self.beta, self.recon_loss)


@mistake(
    "forward",
    "wrong_keys",
    "forward returns a dict with other names: logits, mu, logvar and z are due.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return {"recon_x": self.decode(z), "mu": mu, "log_var": logvar, "z": z}


@mistake(
    "forward",
    "averaged_samples",
    "z is the average of several samples: its spread is too small.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = torch.stack([self.reparameterize(mu, logvar) for _ in range(5)]).mean(0)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "clamped_z",
    "z is clamped: samples far from 0 are lost together with their gradient.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar).clamp(-1, 1)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "decoder_input_added",
    "x is mixed into the code: the decoder must get z only.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x)
    z = self.reparameterize(mu, logvar)
    return self.decode(z) + x, mu, logvar, z


@mistake(
    "forward",
    "encoded_twice_with_noise",
    "forward encodes a noisy x: that is a denoising autoencoder.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x + 0.1 * torch.randn_like(x))
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, logvar, z


@mistake(
    "forward",
    "cast_to_float32",
    "forward casts to float32: a float64 model fails.",
    replaces="VAE.forward",
)
def forward(self, x):
    mu, logvar = self.encode(x.float())
    z = self.reparameterize(mu, logvar)
    return self.decode(z), mu, logvar, z


# ---------------------------------------------------------------- kl_divergence


@mistake(
    "kl_divergence",
    "sign_lost",
    "The KL is negative: the sign of the -1/2 form is lost, so training drives it to minus "
    "infinity.",
)
def kl_divergence(mu, logvar):
    kl = 0.5 * (1 + logvar - mu.pow(2) - logvar.exp())
    return kl.sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "logvar_as_logstd",
    "logvar is read as the logarithm of sigma: the result is right only at logvar = 0.",
)
def kl_divergence(mu, logvar):
    kl = 0.5 * (mu.pow(2) + (2 * logvar).exp() - 2 * logvar - 1)
    return kl.sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "minus_one_forgotten",
    "The -1 is missing: the KL of the prior with itself comes out as D/2 instead of 0, and "
    "training does not show it.",
)
def kl_divergence(mu, logvar):
    kl = 0.5 * (mu.pow(2) + logvar.exp() - logvar)
    return kl.sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "minus_one_outside",
    "The 1 is subtracted once after the sum instead of once for each dimension.",
)
def kl_divergence(mu, logvar):
    return 0.5 * ((mu.pow(2) + logvar.exp() - logvar).sum(dim=1) - 1).mean()


@mistake(
    "kl_divergence",
    "plus_one",
    "The 1 has the wrong sign: the KL of the prior with itself must be 0.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar + 1).sum(dim=1).mean()


@mistake("kl_divergence", "plus_logvar", "logvar has the wrong sign: sigma is driven to 0.")
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() + logvar - 1).sum(dim=1).mean()


@mistake("kl_divergence", "mu_not_squared", "mu is not squared: very negative means are rewarded.")
def kl_divergence(mu, logvar):
    return 0.5 * (mu + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake("kl_divergence", "mu_absolute", "|mu| stands where mu^2 is due.")
def kl_divergence(mu, logvar):
    return 0.5 * (mu.abs() + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "mu_summed_before_square",
    "mu is summed before it is squared: positive and negative means cancel.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.sum(dim=1).pow(2) + (logvar.exp() - logvar - 1).sum(dim=1)).mean()


@mistake(
    "kl_divergence",
    "mu_subtracted",
    "mu^2 has the wrong sign: means far from 0 are rewarded.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (logvar.exp() - mu.pow(2) - logvar - 1).sum(dim=1).mean()


@mistake("kl_divergence", "mu_ignored", "The term mu^2 is missing: the means are not pulled to 0.")
def kl_divergence(mu, logvar):
    return 0.5 * (logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake("kl_divergence", "variance_ignored", "Only mu^2 is there: sigma is not held near 1.")
def kl_divergence(mu, logvar):
    return 0.5 * mu.pow(2).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "std_for_variance",
    "sigma stands where sigma^2 is due: exp(logvar) is the variance.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + (0.5 * logvar).exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "variance_squared",
    "exp(logvar) is squared once more: it is the variance already.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp().pow(2) - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "log_of_logvar",
    "You took the logarithm of logvar: it is a logarithm already.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar - torch.log(logvar.abs() + 1e-8) - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "logvar_for_variance",
    "logvar stands where exp(logvar) is due: the exponential is missing.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar - logvar.exp() - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "half_logvar",
    "The log term has an extra factor 1/2: it is log sigma^2 inside the bracket.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - 0.5 * logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "reverse_kl",
    "This is KL(p || q): p and q have changed places, and it is 0 at the prior too.",
)
def kl_divergence(mu, logvar):
    return 0.5 * ((-logvar).exp() * (1 + mu.pow(2)) + logvar - 1).sum(dim=1).mean()


@mistake("kl_divergence", "half_missing", "The factor 1/2 is missing: the KL is twice too large.")
def kl_divergence(mu, logvar):
    return (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake("kl_divergence", "half_twice", "The factor 1/2 is there twice: the KL is twice too small.")
def kl_divergence(mu, logvar):
    return 0.25 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "half_on_mu_only",
    "The factor 1/2 stands at mu^2 only: it belongs to the whole bracket.",
)
def kl_divergence(mu, logvar):
    return (0.5 * mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "mean_over_everything",
    "mean over batch and dimensions: the KL is D times too weak, as if beta were 1/D.",
)
def kl_divergence(mu, logvar):
    return (0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).mean()


@mistake(
    "kl_divergence",
    "sum_over_everything",
    "sum over the batch: the KL grows with the batch size.",
)
def kl_divergence(mu, logvar):
    return (0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).sum()


@mistake(
    "kl_divergence",
    "axes_swapped",
    "mean over the latent dimensions and sum over the batch: it is the other way round.",
)
def kl_divergence(mu, logvar):
    return (0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)).mean(dim=1).sum()


@mistake(
    "kl_divergence",
    "divided_by_dims",
    "The sum is divided by the number of latent dimensions instead of the batch size.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum() / mu.shape[1]


@mistake(
    "kl_divergence",
    "one_per_example",
    "One number for each example: the mean over the batch is missing.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1)


@mistake("kl_divergence", "one_per_dimension", "One number for each dimension: sum over them.")
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).mean(dim=0)


@mistake(
    "kl_divergence",
    "kept_dimension",
    "The result has shape (1,) or (1, 1): a 0-dim tensor is due.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1, keepdim=True).mean(dim=0)


@mistake(
    "kl_divergence",
    "detached",
    "The KL is cut from the graph (detach or no_grad): it is logged but never trained.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean().detach()


@mistake(
    "kl_divergence",
    "item",
    ".item() gives a plain number: the KL is logged but never trained.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean().item()


@mistake(
    "kl_divergence",
    "rewrapped",
    "torch.tensor(...) makes a new tensor without a graph: the KL is never trained.",
)
def kl_divergence(mu, logvar):
    kl = 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()
    return torch.tensor(float(kl), requires_grad=True)


@mistake("kl_divergence", "logvar_detached", "logvar is detached: the KL does not train sigma.")
def kl_divergence(mu, logvar):
    logvar = logvar.detach()
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "variance_detached",
    "exp(logvar) is detached: the gradient drives logvar up without end.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp().detach() - logvar - 1).sum(dim=1).mean()


@mistake("kl_divergence", "no_grad", "The KL is computed under no_grad: it is never trained.")
def kl_divergence(mu, logvar):
    with torch.no_grad():
        return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "tight_clamp",
    "The clamp on logvar makes KL and gradient wrong for very sharp posteriors.",
)
def kl_divergence(mu, logvar):
    logvar = logvar.clamp(-10, 10)
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "wide_clamp",
    "The clamp on logvar makes KL and gradient wrong for very sharp posteriors.",
)
def kl_divergence(mu, logvar):
    logvar = logvar.clamp(-20, 20)
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "log_with_epsilon",
    "log(variance + small number) saturates: sharp posteriors cost too little.",
)
def kl_divergence(mu, logvar):
    kl = 0.5 * (mu.pow(2) + logvar.exp() - (logvar.exp() + 1e-2).log() - 1)
    return kl.sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "log_with_tiny_epsilon",
    "log(variance + 1e-8) saturates: use logvar itself.",
)
def kl_divergence(mu, logvar):
    kl = 0.5 * (mu.pow(2) + logvar.exp() - (logvar.exp() + 1e-8).log() - 1)
    return kl.sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "clamped_at_zero",
    "Clamping each term at 0 hides a wrong sign and stops gradients.",
)
def kl_divergence(mu, logvar):
    kl = 0.5 * (1 + logvar - mu.pow(2) - logvar.exp())
    return kl.clamp(min=0).sum(dim=1).mean()


@mistake("kl_divergence", "absolute_value", "The absolute value of single terms is not the KL.")
def kl_divergence(mu, logvar):
    return (
        0.5 * (mu.pow(2) + (logvar.exp() - logvar).abs() - 1).abs().sum(dim=1).mean()
        + 0.5 * (mu.abs() * 0 + (logvar < -1) * 1.0).sum(dim=1).mean()
    )


@mistake(
    "kl_divergence",
    "one_sample",
    "One sample of log q - log p is noisy and can be negative: the closed form is due.",
)
def kl_divergence(mu, logvar):
    z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
    lq = torch.distributions.Normal(mu, (0.5 * logvar).exp()).log_prob(z)
    lp = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    return (lq - lp).sum(1).mean()


@mistake(
    "kl_divergence",
    "mu_squared_of_mean",
    "The batch is averaged before the formula: the KL of the mean is not the mean of the KL.",
)
def kl_divergence(mu, logvar):
    mu, logvar = mu.mean(dim=0), logvar.mean(dim=0)
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum()


@mistake(
    "kl_divergence",
    "max_over_batch",
    "The largest KL of the batch stands where the mean is due.",
)
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).max()


@mistake("kl_divergence", "divided_by_batch_twice", "The mean over the batch is taken twice.")
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean() / len(mu)


@mistake("kl_divergence", "arguments_swapped", "mu and logvar have changed places.")
def kl_divergence(mu, logvar):
    return 0.5 * (logvar.pow(2) + mu.exp() - mu - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "f_kl_div",
    "F.kl_div compares tables of probabilities, not the parameters of Gaussians.",
)
def kl_divergence(mu, logvar):
    return F.kl_div(mu, logvar.exp(), reduction="batchmean")


@mistake(
    "kl_divergence",
    "distribution_with_variance",
    "Normal takes the standard deviation: you gave it the variance.",
)
def kl_divergence(mu, logvar):
    q = torch.distributions.Normal(mu, logvar.exp())
    p = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    return torch.distributions.kl_divergence(q, p).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "distribution_reversed",
    "kl_divergence(p, q) is KL(p || q): q comes first.",
)
def kl_divergence(mu, logvar):
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    p = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    return torch.distributions.kl_divergence(p, q).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "in_place",
    "logvar is changed in place: other functions then see the wrong values.",
)
def kl_divergence(mu, logvar):
    var = logvar.exp_()
    return 0.5 * (mu.pow(2) + var - var.log() - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "cast_to_float32",
    "Everything is cast to float32: keep the dtype of the input.",
)
def kl_divergence(mu, logvar):
    mu, logvar = mu.float(), logvar.float()
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake("kl_divergence", "base_two", "The KL is in bits: natural logarithms are due.")
def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean() / math.log(2)


@mistake(
    "kl_divergence",
    "free_bits",
    "A floor under the KL of each dimension (free bits) belongs to a later part.",
)
def kl_divergence(mu, logvar):
    kl = 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1)
    return kl.clamp(min=0.05).sum(dim=1).mean()


@mistake("kl_divergence", "numpy_result", "The result is a numpy number: no gradient can flow.")
def kl_divergence(mu, logvar):
    m, v = mu.detach().numpy(), logvar.detach().numpy()
    import numpy as np

    return torch.as_tensor(0.5 * np.sum(m**2 + np.exp(v) - v - 1, axis=1).mean())


@mistake("kl_divergence", "nothing_returned", "The return is missing.")
def kl_divergence(mu, logvar):
    kl = 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(dim=1).mean()


@mistake(
    "kl_divergence",
    "precedence",
    "A missing bracket: only the first term is summed and halved.",
)
def kl_divergence(mu, logvar):
    return (0.5 * mu.pow(2) + 0.5 * logvar.exp() - logvar - 1).sum(dim=1).mean()


# ---------------------------------------------------------------- reconstruction losses


@mistake(
    "reconstruction_loss_bce",
    "mean_over_pixels",
    "mean over the pixels: the reconstruction is many times too weak and the KL wins, so the "
    "posterior collapses.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.mean()


@mistake(
    "reconstruction_loss_bce",
    "default_reduction",
    "The default reduction of torch is the mean over everything: sum over the pixels.",
)
def reconstruction_loss_bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x)


@mistake(
    "reconstruction_loss_bce",
    "sum_over_batch",
    "sum over the batch: the loss grows with the batch size.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum()


@mistake(
    "reconstruction_loss_bce",
    "axes_swapped",
    "mean over the pixels and sum over the batch: it is the other way round.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.mean(dim=1).sum()


@mistake(
    "reconstruction_loss_bce",
    "divided_by_pixels",
    "The sum is divided by the number of pixels instead of the batch size.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum() / x.shape[1]


@mistake(
    "reconstruction_loss_bce",
    "one_per_example",
    "One number for each example: the mean over the batch is missing.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum(dim=1)


@mistake(
    "reconstruction_loss_bce",
    "one_per_pixel",
    "One number for each pixel: sum over the pixels.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.mean(dim=0)


@mistake(
    "reconstruction_loss_bce",
    "no_reduction",
    "The loss of every pixel is returned: sum over pixels, mean over the batch.",
)
def reconstruction_loss_bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


@mistake(
    "reconstruction_loss_bce",
    "double_sigmoid",
    "The sigmoid is applied twice: probabilities stay between 0.5 and 0.73 and images stay gray.",
    guide="#7-reconstruction-losses",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(torch.sigmoid(logits), x, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "sigmoid_missing",
    "binary_cross_entropy expects probabilities: the logits need the version with_logits.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy(logits.clamp(1e-6, 1 - 1e-6), x, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "bare_bce_on_logits",
    "binary_cross_entropy expects probabilities: the logits need the version with_logits.",
)
def reconstruction_loss_bce(logits, x):
    return F.binary_cross_entropy(logits, x, reduction="sum") / x.shape[0]


@mistake(
    "reconstruction_loss_bce",
    "bce_of_sigmoid",
    "binary_cross_entropy(sigmoid(logits)) caps the logarithm at -100 and loses the gradient "
    "of saturated pixels: use the version with logits.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "hand_written_log",
    "log(sigmoid) by hand is infinite or NaN for saturated pixels: use the version with logits.",
)
def reconstruction_loss_bce(logits, x):
    p = torch.sigmoid(logits)
    nll = -(x * p.log() + (1 - x) * (1 - p).log())
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "log_plus_epsilon",
    "log(p + 1e-8) caps the loss of saturated pixels: use the version with logits.",
)
def reconstruction_loss_bce(logits, x):
    p = torch.sigmoid(logits)
    nll = -(x * (p + 1e-8).log() + (1 - x) * (1 - p + 1e-8).log())
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "clamped_probabilities",
    "Clamping p stops the gradient of saturated pixels: use the version with logits.",
)
def reconstruction_loss_bce(logits, x):
    p = torch.sigmoid(logits).clamp(1e-6, 1 - 1e-6)
    nll = -(x * p.log() + (1 - x) * (1 - p).log())
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "clamped_logits",
    "Clamping the logits stops the gradient of saturated pixels.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits.clamp(-20, 20), x, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "arguments_swapped",
    "Prediction and target have changed places.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(x, logits.sigmoid(), reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "arguments_swapped_raw",
    "Prediction and target have changed places.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(x, logits, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "black_term_missing",
    "The term (1 - x) log(1 - p) is missing: making every pixel white costs nothing.",
)
def reconstruction_loss_bce(logits, x):
    return -(x * F.logsigmoid(logits)).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "white_term_missing",
    "The term x log p is missing: making every pixel black costs nothing.",
)
def reconstruction_loss_bce(logits, x):
    return -((1 - x) * F.logsigmoid(-logits)).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "terms_swapped",
    "x and 1 - x have changed places: the loss rewards the negative of the image.",
)
def reconstruction_loss_bce(logits, x):
    return -((1 - x) * F.logsigmoid(logits) + x * F.logsigmoid(-logits)).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "binarized_target",
    "The target is rounded to 0 or 1: gray pixels get the wrong loss.",
)
def reconstruction_loss_bce(logits, x):
    x = (x > 0.5).to(x.dtype)
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "target_rounded",
    "The target is rounded to 0 or 1: gray pixels get the wrong loss.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x.round(), reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "sign",
    "The sign is wrong: this is the log-likelihood, and minimizing it makes images worse.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return -nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "detached",
    "The loss is cut from the graph (detach or no_grad): nothing is trained.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum(dim=1).mean().detach()


@mistake("reconstruction_loss_bce", "item", ".item() gives a plain number: nothing is trained.")
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum(dim=1).mean().item()


@mistake(
    "reconstruction_loss_bce",
    "no_grad",
    "The loss is computed under no_grad: nothing is trained.",
)
def reconstruction_loss_bce(logits, x):
    with torch.no_grad():
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
        return nll.sum(dim=1).mean()


@mistake("reconstruction_loss_bce", "half", "A factor 1/2 too much.")
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return 0.5 * nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "squared_error",
    "This is a squared error: the Bernoulli likelihood is due.",
)
def reconstruction_loss_bce(logits, x):
    return (torch.sigmoid(logits) - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "softmax_cross_entropy",
    "Cross-entropy with a softmax treats the pixels as classes of which one is right.",
)
def reconstruction_loss_bce(logits, x):
    return F.cross_entropy(logits, x)


@mistake(
    "reconstruction_loss_bce",
    "soft_margin",
    "The target is taken to be -1 or 1: it is 0 or 1.",
)
def reconstruction_loss_bce(logits, x):
    return F.softplus(-logits * (2 * x - 1)).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "cast_to_float32",
    "Everything is cast to float32: keep the dtype of the input.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits.float(), x.float(), reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "target_scaled",
    "x is divided by 255, but it is in [0, 1] already.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x / 255, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "unstable_softplus",
    "log(1 + exp(logit)) overflows for large logits: use softplus or the version with logits.",
)
def reconstruction_loss_bce(logits, x):
    return ((1 + logits.exp()).log() - x * logits).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "entropy_removed",
    "The entropy of the target is subtracted: the negative log-likelihood alone is due.",
)
def reconstruction_loss_bce(logits, x):
    h = -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x))
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return (nll - h).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_bce",
    "log_base_two",
    "The loss is in bits: natural logarithms are due.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum(dim=1).mean() / math.log(2)


@mistake(
    "reconstruction_loss_bce",
    "weighted",
    "White pixels are weighted: every pixel counts once.",
)
def reconstruction_loss_bce(logits, x):
    return F.binary_cross_entropy_with_logits(
        logits, x, pos_weight=torch.tensor(2.0), reduction="sum"
    ) / len(x)


@mistake("reconstruction_loss_bce", "nothing_returned", "The return is missing.")
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    nll.sum(dim=1).mean()


@mistake("reconstruction_loss_bce", "in_place", "logits are changed in place.")
def reconstruction_loss_bce(logits, x):
    p = logits.sigmoid_()
    return F.binary_cross_entropy(p, x, reduction="sum") / len(x)


@mistake(
    "reconstruction_loss_bce",
    "rewrapped",
    "torch.tensor(...) makes a new tensor without a graph.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return torch.tensor(nll.sum(dim=1).mean().item(), requires_grad=True)


@mistake(
    "reconstruction_loss_bce",
    "sum_over_wrong_axis",
    "The sum runs over the batch and the mean over the pixels.",
)
def reconstruction_loss_bce(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum(dim=0).mean()


@mistake(
    "reconstruction_loss_mse",
    "on_raw_logits",
    "The error is taken on the raw logits: the prediction is sigmoid(logits).",
)
def reconstruction_loss_mse(logits, x):
    return (logits - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "no_batch_mean",
    "The mean over the batch is missing: the loss grows with the batch size.",
)
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return error.pow(2).sum()


@mistake(
    "reconstruction_loss_mse",
    "mean_over_pixels",
    "mean over the pixels: the reconstruction is too weak and the KL wins.",
)
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return error.pow(2).mean()


@mistake(
    "reconstruction_loss_mse",
    "default_reduction",
    "The default reduction of torch is the mean over everything: sum over the pixels.",
)
def reconstruction_loss_mse(logits, x):
    return F.mse_loss(torch.sigmoid(logits), x)


@mistake(
    "reconstruction_loss_mse",
    "axes_swapped",
    "mean over the pixels and sum over the batch: it is the other way round.",
)
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return error.pow(2).mean(dim=1).sum()


@mistake(
    "reconstruction_loss_mse",
    "divided_by_pixels",
    "The sum is divided by the number of pixels instead of the batch size.",
)
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return error.pow(2).sum() / x.shape[1]


@mistake(
    "reconstruction_loss_mse",
    "one_per_example",
    "One number for each example: the mean over the batch is missing.",
)
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return error.pow(2).sum(dim=1)


@mistake("reconstruction_loss_mse", "tanh", "A tanh gives values in [-1, 1]: the sigmoid is due.")
def reconstruction_loss_mse(logits, x):
    return (torch.tanh(logits) - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "double_sigmoid",
    "The sigmoid is applied twice: predictions stay between 0.5 and 0.73.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(torch.sigmoid(logits)) - x).pow(2).sum(dim=1).mean()


@mistake("reconstruction_loss_mse", "half", "The factor 1/2 is not part of this loss.")
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return 0.5 * error.pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "detached",
    "The loss is cut from the graph (detach or no_grad): nothing is trained.",
)
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return error.pow(2).sum(dim=1).mean().detach()


@mistake("reconstruction_loss_mse", "item", ".item() gives a plain number: nothing is trained.")
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return error.pow(2).sum(dim=1).mean().item()


@mistake(
    "reconstruction_loss_mse",
    "no_grad",
    "The loss is computed under no_grad: nothing is trained.",
)
def reconstruction_loss_mse(logits, x):
    with torch.no_grad():
        return (torch.sigmoid(logits) - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "prediction_detached",
    "The prediction is detached: nothing is trained.",
)
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits).detach() - x
    return error.pow(2).sum(dim=1).mean() + 0 * logits.sum()


@mistake("reconstruction_loss_mse", "sign", "The sign is wrong: minimizing makes images worse.")
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return -error.pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "clamped_logits",
    "The logits are clamped to [0, 1] where a sigmoid is due.",
)
def reconstruction_loss_mse(logits, x):
    return (logits.clamp(0, 1) - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "rounded_target",
    "The target is rounded to 0 or 1: gray pixels get the wrong loss.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits) - x.round()).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "rounded_prediction",
    "The prediction is rounded: no gradient is left.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits).round() - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "cast_to_float32",
    "Everything is cast to float32: keep the dtype of the input.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits.float()) - x.float()).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "softmax",
    "A softmax makes the pixels share one unit: the sigmoid is due.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.softmax(logits, dim=1) - x).pow(2).sum(dim=1).mean()


@mistake("reconstruction_loss_mse", "relu", "A ReLU stands where the sigmoid is due.")
def reconstruction_loss_mse(logits, x):
    return (torch.relu(logits) - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "averaged_before",
    "The batch is averaged before the error is taken: errors cancel.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits) - x).mean(dim=0).pow(2).sum()


@mistake(
    "reconstruction_loss_mse",
    "summed_before",
    "The pixels are summed before the error is taken: errors cancel.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits) - x).sum(dim=1).pow(2).mean()


@mistake(
    "reconstruction_loss_mse",
    "bce_copied",
    "This is the Bernoulli loss: copied and not changed.",
)
def reconstruction_loss_mse(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "kept_dimension",
    "The result has shape (1,): a 0-dim tensor is due.",
)
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    return error.pow(2).sum(dim=1, keepdim=True).mean(dim=0)


@mistake("reconstruction_loss_mse", "nothing_returned", "The return is missing.")
def reconstruction_loss_mse(logits, x):
    error = torch.sigmoid(logits) - x
    error.pow(2).sum(dim=1).mean()


@mistake("reconstruction_loss_mse", "in_place", "logits are changed in place.")
def reconstruction_loss_mse(logits, x):
    return (logits.sigmoid_() - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "x_in_place",
    "x is changed in place: the next epoch sees other data.",
)
def reconstruction_loss_mse(logits, x):
    x.sub_(torch.sigmoid(logits).detach())
    return x.pow(2).sum(dim=1).mean() + 0 * logits.sum()


@mistake(
    "reconstruction_loss_l1",
    "on_raw_logits",
    "The error is taken on the raw logits: the prediction is sigmoid(logits).",
)
def reconstruction_loss_l1(logits, x):
    return (logits - x).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "no_batch_mean",
    "The mean over the batch is missing: the loss grows with the batch size.",
)
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return error.abs().sum()


@mistake(
    "reconstruction_loss_l1",
    "mean_over_pixels",
    "mean over the pixels: the reconstruction is too weak and the KL wins.",
)
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return error.abs().mean()


@mistake(
    "reconstruction_loss_l1",
    "default_reduction",
    "The default reduction of torch is the mean over everything: sum over the pixels.",
)
def reconstruction_loss_l1(logits, x):
    return F.l1_loss(torch.sigmoid(logits), x)


@mistake(
    "reconstruction_loss_l1",
    "axes_swapped",
    "mean over the pixels and sum over the batch: it is the other way round.",
)
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return error.abs().mean(dim=1).sum()


@mistake(
    "reconstruction_loss_l1",
    "divided_by_pixels",
    "The sum is divided by the number of pixels instead of the batch size.",
)
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return error.abs().sum() / x.shape[1]


@mistake(
    "reconstruction_loss_l1",
    "one_per_example",
    "One number for each example: the mean over the batch is missing.",
)
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return error.abs().sum(dim=1)


@mistake("reconstruction_loss_l1", "tanh", "A tanh gives values in [-1, 1]: the sigmoid is due.")
def reconstruction_loss_l1(logits, x):
    return (torch.tanh(logits) - x).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "double_sigmoid",
    "The sigmoid is applied twice: predictions stay between 0.5 and 0.73.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(torch.sigmoid(logits)) - x).abs().sum(dim=1).mean()


@mistake("reconstruction_loss_l1", "half", "The factor 1/2 is not part of this loss.")
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return 0.5 * error.abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "detached",
    "The loss is cut from the graph (detach or no_grad): nothing is trained.",
)
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return error.abs().sum(dim=1).mean().detach()


@mistake("reconstruction_loss_l1", "item", ".item() gives a plain number: nothing is trained.")
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return error.abs().sum(dim=1).mean().item()


@mistake(
    "reconstruction_loss_l1",
    "no_grad",
    "The loss is computed under no_grad: nothing is trained.",
)
def reconstruction_loss_l1(logits, x):
    with torch.no_grad():
        return (torch.sigmoid(logits) - x).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "prediction_detached",
    "The prediction is detached: nothing is trained.",
)
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits).detach() - x
    return error.abs().sum(dim=1).mean() + 0 * logits.sum()


@mistake("reconstruction_loss_l1", "sign", "The sign is wrong: minimizing makes images worse.")
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return -error.abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "clamped_logits",
    "The logits are clamped to [0, 1] where a sigmoid is due.",
)
def reconstruction_loss_l1(logits, x):
    return (logits.clamp(0, 1) - x).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "rounded_target",
    "The target is rounded to 0 or 1: gray pixels get the wrong loss.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits) - x.round()).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "rounded_prediction",
    "The prediction is rounded: no gradient is left.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits).round() - x).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "cast_to_float32",
    "Everything is cast to float32: keep the dtype of the input.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits.float()) - x.float()).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "softmax",
    "A softmax makes the pixels share one unit: the sigmoid is due.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.softmax(logits, dim=1) - x).abs().sum(dim=1).mean()


@mistake("reconstruction_loss_l1", "relu", "A ReLU stands where the sigmoid is due.")
def reconstruction_loss_l1(logits, x):
    return (torch.relu(logits) - x).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "averaged_before",
    "The batch is averaged before the error is taken: errors cancel.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits) - x).mean(dim=0).abs().sum()


@mistake(
    "reconstruction_loss_l1",
    "summed_before",
    "The pixels are summed before the error is taken: errors cancel.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits) - x).sum(dim=1).abs().mean()


@mistake(
    "reconstruction_loss_l1",
    "bce_copied",
    "This is the Bernoulli loss: copied and not changed.",
)
def reconstruction_loss_l1(logits, x):
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nll.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "kept_dimension",
    "The result has shape (1,): a 0-dim tensor is due.",
)
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    return error.abs().sum(dim=1, keepdim=True).mean(dim=0)


@mistake("reconstruction_loss_l1", "nothing_returned", "The return is missing.")
def reconstruction_loss_l1(logits, x):
    error = torch.sigmoid(logits) - x
    error.abs().sum(dim=1).mean()


@mistake("reconstruction_loss_l1", "in_place", "logits are changed in place.")
def reconstruction_loss_l1(logits, x):
    return (logits.sigmoid_() - x).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "x_in_place",
    "x is changed in place: the next epoch sees other data.",
)
def reconstruction_loss_l1(logits, x):
    x.sub_(torch.sigmoid(logits).detach())
    return x.abs().sum(dim=1).mean() + 0 * logits.sum()


@mistake(
    "reconstruction_loss_mse",
    "norm",
    "You took the square root: the norm is not the squared error, and its gradient is NaN at 0.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits) - x).pow(2).sum(dim=1).sqrt().mean()


@mistake(
    "reconstruction_loss_mse",
    "root_mean_square",
    "You took the square root of the mean: the squared error is due.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits) - x).pow(2).sum(dim=1).mean().sqrt()


@mistake(
    "reconstruction_loss_mse",
    "l1_for_mse",
    "The absolute error stands where the squared error is due.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits) - x).abs().sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "gaussian_constant",
    "The constant of the Gaussian density is not dropped.",
)
def reconstruction_loss_mse(logits, x):
    d = (torch.sigmoid(logits) - x).pow(2) + 0.5 * math.log(2 * math.pi)
    return d.sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "squared_before_difference",
    "The squares are subtracted: the difference is to be squared.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits).pow(2) - x.pow(2)).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_mse",
    "not_squared",
    "The square is missing: errors of different sign cancel.",
)
def reconstruction_loss_mse(logits, x):
    return (torch.sigmoid(logits) - x).sum(dim=1).mean()


@mistake("reconstruction_loss_mse", "factor_two", "A factor 2 too much.")
def reconstruction_loss_mse(logits, x):
    return 2 * (torch.sigmoid(logits) - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "no_absolute_value",
    "The absolute value is missing: errors cancel and the loss can be negative.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits) - x).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "absolute_of_sum",
    "The absolute value is taken after the sum: errors of different sign cancel.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits) - x).sum(dim=1).mean().abs()


@mistake(
    "reconstruction_loss_l1",
    "mse_for_l1",
    "The squared error stands where the absolute error is due.",
)
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits) - x).pow(2).sum(dim=1).mean()


@mistake(
    "reconstruction_loss_l1",
    "smooth_l1",
    "The smooth L1 loss is a square near 0: the absolute error is due.",
)
def reconstruction_loss_l1(logits, x):
    return F.smooth_l1_loss(torch.sigmoid(logits), x, reduction="sum") / len(x)


@mistake(
    "reconstruction_loss_l1",
    "huber",
    "The Huber loss is a square near 0: the absolute error is due.",
)
def reconstruction_loss_l1(logits, x):
    return F.huber_loss(torch.sigmoid(logits), x, reduction="sum") / len(x)


@mistake(
    "reconstruction_loss_l1",
    "charbonnier",
    "sqrt(error^2 + small number) is the Charbonnier loss: the absolute error is due.",
)
def reconstruction_loss_l1(logits, x):
    return ((torch.sigmoid(logits) - x).pow(2) + 1e-3).sqrt().sum(dim=1).mean()


@mistake("reconstruction_loss_l1", "relu_error", "Only errors of one sign count.")
def reconstruction_loss_l1(logits, x):
    return F.relu(torch.sigmoid(logits) - x).sum(dim=1).mean()


@mistake("reconstruction_loss_l1", "largest_error", "Only the largest error of each image counts.")
def reconstruction_loss_l1(logits, x):
    return (torch.sigmoid(logits) - x).abs().max(dim=1).values.mean()


@mistake(
    "reconstruction_loss_l1",
    "laplace_constant",
    "The constant log 2 of the Laplace density is not dropped.",
)
def reconstruction_loss_l1(logits, x):
    d = (torch.sigmoid(logits) - x).abs() + math.log(2)
    return d.sum(dim=1).mean()


# ---------------------------------------------------------------- compute_elbo, vae_loss


@mistake(
    "compute_elbo",
    "kl_subtracted",
    "The sign of the ELBO and the sign of the loss are mixed: minimizing recon - KL makes the"
    " KL grow.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon - beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "beta_on_everything",
    "beta multiplies both terms: that only changes the learning rate.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": beta * (recon + kl), "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "beta_on_recon",
    "beta multiplies the reconstruction: it belongs to the KL.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": beta * recon + kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "beta_ignored", "beta is not used.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "inverse_beta", "The KL is divided by beta: it is multiplied with it.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + kl / (beta + 1e-12), "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "beta_reversed",
    "1 - beta stands where beta is due: the warm-up runs backward.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + (1 - beta) * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "convex_mix",
    "The terms are mixed with weights beta and 1 - beta: the reconstruction always has weight 1.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": (1 - beta) * recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "elbo_returned",
    "loss is the ELBO, not its negative: minimizing it makes everything worse.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": -(recon + beta * kl), "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "recon_negated",
    "The reconstruction has the wrong sign: it is a negative log-likelihood already.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": -recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "kl_left_out", "The KL is not part of loss.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon, "recon": recon, "kl": kl}


@mistake("compute_elbo", "recon_left_out", "The reconstruction is not part of loss.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "beta_squared", "beta is applied twice.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "kl_detached",
    "The KL is cut from the graph (detach or no_grad) in loss: it is never trained.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl.detach(), "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "recon_detached",
    "The reconstruction is cut from the graph (detach or no_grad) in loss: it is never trained.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon.detach() + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "loss_detached",
    "loss is cut from the graph (detach or no_grad): nothing is trained.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": (recon + beta * kl).detach(), "recon": recon, "kl": kl}


@mistake("compute_elbo", "loss_item", ".item() makes loss a plain number: nothing is trained.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": (recon + beta * kl).item(), "recon": recon, "kl": kl}


@mistake("compute_elbo", "averaged_terms", "loss is the average of the terms: it is their sum.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": (recon + beta * kl) / 2, "recon": recon, "kl": kl}


@mistake("compute_elbo", "divided_by_batch_again", "loss is divided by the batch size once more.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": (recon + beta * kl) / x.shape[0], "recon": recon, "kl": kl}


@mistake("compute_elbo", "divided_by_pixels", "loss is divided by the number of pixels.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": (recon + beta * kl) / x.shape[1], "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "kl_scaled_by_dims",
    "The KL in loss is divided by the number of latent dimensions.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl / mu.shape[1], "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "kl_absolute_margin",
    "loss uses |KL - beta|: that is a capacity target, not beta * KL.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + (kl - beta).abs(), "recon": recon, "kl": kl}


@mistake("compute_elbo", "beta_default_only", "beta is capped at 1: a beta-VAE needs more.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + min(beta, 1.0) * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "kl_counted_twice", "The KL is counted twice.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + kl + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "product", "The terms are multiplied: they are added.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon * beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "one_per_example_loss", "loss is a vector: a 0-dim tensor is due.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": (recon + beta * kl).expand(len(x)), "recon": recon, "kl": kl}


@mistake("compute_elbo", "components_swapped", "recon and kl have changed places in the result.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": kl, "kl": recon}


@mistake(
    "compute_elbo",
    "weighted_kl_returned",
    "kl is returned with beta in it: return the plain KL.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    kl = beta * kl
    return {"loss": recon + kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "loss_only", "Only loss is returned: loss, recon and kl are due.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return recon + beta * kl


@mistake(
    "compute_elbo",
    "pair_returned",
    "Only two values are returned: loss, recon and kl are due.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return recon + beta * kl, kl


@mistake(
    "compute_elbo",
    "wrong_keys",
    "The names in the result are wrong: loss, recon and kl are due.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"elbo": recon + beta * kl, "reconstruction_loss": recon, "kl_loss": kl}


@mistake("compute_elbo", "key_elbo", "The key elbo stands where loss is due.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"elbo": -(recon + beta * kl), "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "tuple_order",
    "The order of the values is wrong: (loss, recon, kl) is due.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return recon, kl, recon + beta * kl


@mistake(
    "compute_elbo",
    "tuple_kl_first",
    "The order of the values is wrong: (loss, recon, kl) is due.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return recon + beta * kl, kl, recon


@mistake(
    "compute_elbo",
    "l1_branch_copied",
    "The branch l1 calls the mse loss: copied and not changed.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_mse(logits, x)
    else:
        raise ValueError(recon_loss)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "mse_branch_copied",
    "The branch mse calls the bce loss: copied and not changed.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        raise ValueError(recon_loss)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "branches_swapped", "mse and l1 have changed places.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_l1(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_mse(logits, x)
    else:
        raise ValueError(recon_loss)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "falls_back_to_bce",
    "An unknown loss silently becomes bce: a typing error in a configuration is never seen.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        recon = reconstruction_loss_bce(logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "falls_back_to_zero",
    "An unknown loss silently becomes 0: raise ValueError.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        recon = 0 * logits.sum()
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "returns_none", "An unknown loss returns None: raise ValueError.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        return None
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "prints_error",
    "An unknown loss prints a line and goes on: raise ValueError.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        print("unknown loss")
        recon = reconstruction_loss_bce(logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "not_implemented_error",
    "An unknown loss raises NotImplementedError: ValueError is due.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        raise NotImplementedError(recon_loss)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "assertion_error",
    "An unknown loss raises AssertionError: ValueError is due.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    assert recon_loss in ("bce", "mse", "l1")
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        raise ValueError(recon_loss)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "type_error", "An unknown loss raises TypeError: ValueError is due.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        raise TypeError(recon_loss)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "plain_exception", "An unknown loss raises Exception: ValueError is due.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        raise Exception("unknown loss")
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "returns_the_error", "The ValueError is returned and not raised.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss == "bce":
        recon = reconstruction_loss_bce(logits, x)
    elif recon_loss == "mse":
        recon = reconstruction_loss_mse(logits, x)
    elif recon_loss == "l1":
        recon = reconstruction_loss_l1(logits, x)
    else:
        return ValueError(recon_loss)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "key_error", "An unknown loss raises KeyError: ValueError is due.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "name_by_getattr",
    "The function is looked up by name: an unknown loss raises KeyError, ValueError is due.",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    recon = globals()["reconstruction_loss_" + recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "always_bce", "recon_loss is not used: the loss is always bce.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss not in ("bce", "mse", "l1"):
        raise ValueError(recon_loss)
    recon = reconstruction_loss_bce(logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "always_mse", "recon_loss is not used: the loss is always mse.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    if recon_loss not in ("bce", "mse", "l1"):
        raise ValueError(recon_loss)
    recon = reconstruction_loss_mse(logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "default_beta", "The default of beta is not 1.")
def compute_elbo(logits, x, mu, logvar, beta=0.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "default_beta_four", "The default of beta is not 1.")
def compute_elbo(logits, x, mu, logvar, beta=4.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "default_mse", "The default of recon_loss is not bce.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="mse"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "arguments_of_kl_swapped", "kl_divergence gets logvar as mu.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(logvar, mu)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "arguments_of_recon_swapped", "The reconstruction loss gets x as logits.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](x, logits.sigmoid())
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "sigmoid_before_loss",
    "The sigmoid is applied before the loss applies it again.",
    guide="#7-reconstruction-losses",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](torch.sigmoid(logits), x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "exp_before_kl", "kl_divergence gets the variance: it expects logvar.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar.exp())
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "inline_mean_kl",
    "The KL is averaged over the latent dimensions: sum over them.",
    guide="#6-kl-divergence",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "inline_sum_kl",
    "The KL is summed over the batch.",
    guide="#6-kl-divergence",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "inline_mean_bce",
    "The bce loss is averaged over the pixels: sum over them.",
    guide="#7-reconstruction-losses",
)
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = (
        F.binary_cross_entropy_with_logits(logits, x)
        if recon_loss == "bce"
        else losses[recon_loss](logits, x)
    )
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "cast_to_float32", "loss is cast to float32: keep the dtype of the input.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": (recon + beta * kl).float(), "recon": recon, "kl": kl}


@mistake("compute_elbo", "rewrapped", "torch.tensor(...) makes a new loss without a graph.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {
        "loss": torch.tensor(float(recon + beta * kl), requires_grad=True),
        "recon": recon,
        "kl": kl,
    }


@mistake("compute_elbo", "integer_beta", "beta is rounded to a whole number.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + int(beta) * kl, "recon": recon, "kl": kl}


@mistake("compute_elbo", "nothing_returned", "The return is missing.")
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    losses = {
        "bce": reconstruction_loss_bce,
        "mse": reconstruction_loss_mse,
        "l1": reconstruction_loss_l1,
    }
    if recon_loss not in losses:
        raise ValueError(f"unknown recon_loss {recon_loss!r}")
    recon = losses[recon_loss](logits, x)
    kl = kl_divergence(mu, logvar)
    out = {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@mistake(
    "compute_elbo",
    "vae_loss_returns_dict",
    "vae_loss returns the dict: only its loss is due.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, beta, recon_loss)


@mistake(
    "compute_elbo",
    "vae_loss_beta_not_passed",
    "vae_loss does not hand beta on.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, recon_loss=recon_loss)["loss"]


@mistake(
    "compute_elbo",
    "vae_loss_kind_not_passed",
    "vae_loss does not hand recon_loss on.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, beta)["loss"]


@mistake(
    "compute_elbo",
    "vae_loss_nothing_passed",
    "vae_loss hands neither beta nor recon_loss on.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar)["loss"]


@mistake(
    "compute_elbo",
    "vae_loss_returns_recon",
    "vae_loss returns recon: loss is due.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, beta, recon_loss)["recon"]


@mistake(
    "compute_elbo",
    "vae_loss_returns_kl",
    "vae_loss returns kl: loss is due.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, beta, recon_loss)["kl"]


@mistake(
    "compute_elbo",
    "vae_loss_negated",
    "vae_loss returns the ELBO: the loss is its negative.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return -compute_elbo(logits, x, mu, logvar, beta, recon_loss)["loss"]


@mistake(
    "compute_elbo",
    "vae_loss_item",
    "vae_loss returns a plain number: nothing is trained.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, beta, recon_loss)["loss"].item()


@mistake(
    "compute_elbo",
    "vae_loss_detached",
    "vae_loss is detached: nothing is trained.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, beta, recon_loss)["loss"].detach()


@mistake(
    "compute_elbo",
    "vae_loss_tuple",
    "vae_loss returns all three values: only the loss is due.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    out = compute_elbo(logits, x, mu, logvar, beta, recon_loss)
    return out["loss"], out["recon"], out["kl"]


@mistake(
    "compute_elbo",
    "vae_loss_arguments_swapped",
    "vae_loss hands x and logits on the wrong way round.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(x, logits, mu, logvar, beta, recon_loss)["loss"]


@mistake(
    "compute_elbo",
    "vae_loss_statistics_swapped",
    "vae_loss hands mu and logvar on the wrong way round.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, logvar, mu, beta, recon_loss)["loss"]


@mistake(
    "compute_elbo",
    "vae_loss_beta_twice",
    "vae_loss adds the KL once more.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    out = compute_elbo(logits, x, mu, logvar, beta, recon_loss)
    return out["loss"] + beta * out["kl"]


@mistake(
    "compute_elbo",
    "vae_loss_backward_inside",
    "vae_loss calls backward itself: the training loop does that.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    loss = compute_elbo(logits, x, mu, logvar, beta, recon_loss)["loss"]
    if loss.requires_grad:
        loss.backward()
    return loss.detach()


@mistake(
    "compute_elbo",
    "vae_loss_nothing_returned",
    "The return is missing in vae_loss.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    compute_elbo(logits, x, mu, logvar, beta, recon_loss)["loss"]


@mistake(
    "compute_elbo",
    "vae_loss_bce_only",
    "vae_loss knows the bce loss only.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return reconstruction_loss_bce(logits, x) + beta * kl_divergence(mu, logvar)


@mistake(
    "compute_elbo",
    "vae_loss_averaged",
    "vae_loss divides by the batch size once more.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, beta, recon_loss)["loss"] / len(x)


@mistake(
    "compute_elbo",
    "vae_loss_default_beta",
    "The default of beta in vae_loss is not 1.",
    replaces="vae_loss",
)
def vae_loss(logits, x, mu, logvar, beta=4.0, recon_loss="bce"):
    return compute_elbo(logits, x, mu, logvar, beta, recon_loss)["loss"]


# ---------------------------------------------------------------- beta_schedule


@mistake(
    "beta_schedule",
    "beta_max_ignored",
    "beta_max is not used: a beta-VAE silently becomes a VAE.",
)
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return 1.0
    return min(1.0, step / warmup_steps)


@mistake("beta_schedule", "no_cap", "There is no cap: beta grows forever.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * step / warmup_steps


@mistake("beta_schedule", "max_for_min", "max stands where min is due.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * max(1.0, step / warmup_steps)


@mistake("beta_schedule", "decreasing", "beta falls where it should rise.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * (1 - min(1.0, step / warmup_steps))


@mistake(
    "beta_schedule",
    "zero_without_warmup",
    "Without a warm-up beta is 0 forever: that is a plain autoencoder.",
)
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return 0.0
    return beta_max * min(1.0, step / warmup_steps)


@mistake("beta_schedule", "division_by_zero", "A warm-up of 0 steps divides by zero.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    return beta_max * min(1.0, step / warmup_steps)


@mistake("beta_schedule", "no_warmup_one", "Without a warm-up beta is 1 and not beta_max.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return 1.0
    return beta_max * min(1.0, step / warmup_steps)


@mistake("beta_schedule", "one_step_early", "beta is one step ahead: it must be 0 at step 0.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, (step + 1) / warmup_steps)


@mistake(
    "beta_schedule",
    "one_step_late",
    "beta is one step behind: it must reach beta_max at warmup_steps.",
)
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, max(0.0, (step - 1) / warmup_steps))


@mistake("beta_schedule", "warmup_plus_one", "The ramp is one step too long.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, step / (warmup_steps + 1))


@mistake("beta_schedule", "warmup_minus_one", "The ramp is one step too short.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, step / max(1, warmup_steps - 1))


@mistake(
    "beta_schedule",
    "integer_division",
    "// drops the fraction: beta jumps from 0 to beta_max.",
)
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1, step // warmup_steps)


@mistake("beta_schedule", "step_function", "beta jumps: it must rise in a straight line.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max if step >= warmup_steps else 0.0


@mistake(
    "beta_schedule",
    "capped_by_beta_max",
    "The ramp has slope 1 / warmup_steps and is capped at beta_max: it must reach beta_max at"
    " warmup_steps.",
)
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return min(beta_max, step / warmup_steps)


@mistake("beta_schedule", "quadratic", "The ramp is curved: it must be straight.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, step / warmup_steps) ** 2


@mistake("beta_schedule", "square_root", "The ramp is curved: it must be straight.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, step / warmup_steps) ** 0.5


@mistake("beta_schedule", "cosine", "The ramp is a cosine: it must be straight.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    t = min(1.0, step / warmup_steps)
    return beta_max * 0.5 * (1 - math.cos(math.pi * t))


@mistake("beta_schedule", "sigmoid", "The ramp is a sigmoid: it must be straight and start at 0.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max / (1 + math.exp(-10 * (step / warmup_steps - 0.5)))


@mistake("beta_schedule", "exponential", "The ramp is exponential: it must be straight.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * (1 - math.exp(-step / warmup_steps))


@mistake("beta_schedule", "inverted_fraction", "The fraction is upside down.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, warmup_steps / max(step, 1))


@mistake("beta_schedule", "starts_late", "beta stays 0 for the whole warm-up and rises afterwards.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, max(0.0, (step - warmup_steps) / warmup_steps))


@mistake("beta_schedule", "restarts", "beta falls back to 0 after the warm-up.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * ((step % warmup_steps) / warmup_steps)


@mistake("beta_schedule", "zero_after", "After the warm-up beta is 0.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * step / warmup_steps if step <= warmup_steps else 0.0


@mistake("beta_schedule", "one_after", "After the warm-up beta is 1 and not beta_max.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * step / warmup_steps if step < warmup_steps else 1.0


@mistake("beta_schedule", "beta_max_added", "beta_max is added where it multiplies.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return min(beta_max, beta_max - 1 + step / warmup_steps)


@mistake("beta_schedule", "constant", "beta is constant: there is no ramp.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    return beta_max


@mistake("beta_schedule", "starts_above_zero", "beta starts above 0.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, max(0.01, step / warmup_steps))


@mistake("beta_schedule", "percent", "The fraction is in percent.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(100.0, 100 * step / warmup_steps)


@mistake("beta_schedule", "arguments_swapped", "step and warmup_steps have changed places.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if step <= 0:
        return beta_max
    return beta_max * min(1.0, warmup_steps / step)


@mistake("beta_schedule", "whole_schedule", "The whole schedule is returned: one number is due.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    return torch.linspace(0, beta_max, warmup_steps + 1)


@mistake("beta_schedule", "rounded", "beta is rounded to one digit.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    return round(beta_max * min(1.0, step / warmup_steps), 1)


@mistake("beta_schedule", "nothing_after", "After the warm-up nothing is returned.")
def beta_schedule(step, warmup_steps, beta_max=1.0):
    if warmup_steps <= 0:
        return beta_max
    if step < warmup_steps:
        return beta_max * step / warmup_steps


@mistake("beta_schedule", "default_beta_max", "The default of beta_max is not 1.")
def beta_schedule(step, warmup_steps, beta_max=4.0):
    if warmup_steps <= 0:
        return beta_max
    return beta_max * min(1.0, step / warmup_steps)


# ---------------------------------------------------------------- build_model


@mistake(
    "build_model",
    "loss_settings_ignored",
    "beta and recon_loss of the configuration are ignored.",
)
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim)


@mistake("build_model", "beta_ignored", "beta of the configuration is ignored.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, recon_loss=cfg.recon_loss)


@mistake("build_model", "recon_loss_ignored", "recon_loss of the configuration is ignored.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta)


@mistake("build_model", "hidden_latent_swapped", "hidden_dim and latent_dim have changed places.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.latent_dim, cfg.hidden_dim, cfg.beta, cfg.recon_loss)


@mistake("build_model", "input_hidden_swapped", "input_dim and hidden_dim have changed places.")
def build_model(cfg):
    return VAE(cfg.hidden_dim, cfg.input_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss)


@mistake("build_model", "input_latent_swapped", "input_dim and latent_dim have changed places.")
def build_model(cfg):
    return VAE(cfg.latent_dim, cfg.hidden_dim, cfg.input_dim, cfg.beta, cfg.recon_loss)


@mistake(
    "build_model",
    "fixed_sizes",
    "The sizes are fixed numbers: take them from the configuration.",
)
def build_model(cfg):
    return VAE(784, 256, 10, cfg.beta, cfg.recon_loss)


@mistake(
    "build_model",
    "fixed_hidden",
    "hidden_dim is a fixed number: take it from the configuration.",
)
def build_model(cfg):
    return VAE(cfg.input_dim, 256, cfg.latent_dim, cfg.beta, cfg.recon_loss)


@mistake(
    "build_model",
    "fixed_latent",
    "latent_dim is a fixed number: take it from the configuration.",
)
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, 2, cfg.beta, cfg.recon_loss)


@mistake(
    "build_model",
    "default_configuration",
    "The configuration is ignored: the defaults are used.",
)
def build_model(cfg):
    cfg = VAEConfig()
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss)


@mistake("build_model", "configuration_passed", "The whole configuration is passed as input_dim.")
def build_model(cfg):
    return VAE(cfg, cfg.hidden_dim, cfg.latent_dim)


@mistake("build_model", "beta_and_loss_swapped", "beta and recon_loss have changed places.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.recon_loss, cfg.beta)


@mistake(
    "build_model",
    "subscripted",
    "The configuration is read like a dict: its values are attributes.",
)
def build_model(cfg):
    return VAE(
        cfg["input_dim"], cfg["hidden_dim"], cfg["latent_dim"], cfg["beta"], cfg["recon_loss"]
    )


@mistake("build_model", "class_returned", "The class is returned: make a model.")
def build_model(cfg):
    return VAE


@mistake("build_model", "nothing_returned", "The return is missing.")
def build_model(cfg):
    model = VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss)


@mistake(
    "build_model",
    "pair_returned",
    "A model and an optimizer are returned: only the model is due.",
)
def build_model(cfg):
    model = VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss)
    return model, torch.optim.SGD(model.parameters(), 0.1)


@mistake(
    "build_model",
    "cached",
    "One model is kept and returned again: make a new one at each call.",
)
def build_model(cfg):
    if "_MODEL" not in globals():
        globals()["_MODEL"] = VAE(
            cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss
        )
    return globals()["_MODEL"]


@mistake("build_model", "cuda", "The model is moved to a fixed device.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss).to("cuda")


@mistake("build_model", "frozen", "The parameters are frozen: nothing can be trained.")
def build_model(cfg):
    return VAE(
        cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss
    ).requires_grad_(False)


@mistake("build_model", "seeded", "The seed is fixed: all models start with the same weights.")
def build_model(cfg):
    torch.manual_seed(0)
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss)


@mistake("build_model", "double", "The model is float64: leave it as it is made.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss).double()


@mistake("build_model", "half_precision", "The model is float16: leave it as it is made.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss).half()


@mistake(
    "build_model",
    "zero_weights",
    "All weights are set to zero: hidden units then never differ.",
)
def build_model(cfg):
    model = VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss)
    for p in model.parameters():
        nn.init.zeros_(p)
    return model


@mistake("build_model", "sequential", "A new network is built: make a VAE.")
def build_model(cfg):
    return nn.Sequential(
        nn.Linear(cfg.input_dim, cfg.hidden_dim),
        nn.ReLU(),
        nn.Linear(cfg.hidden_dim, cfg.latent_dim),
    )


@mistake("build_model", "integer_beta", "beta is rounded to a whole number.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, int(cfg.beta), cfg.recon_loss)


@mistake("build_model", "encoder_returned", "Only the encoder is returned: the whole model is due.")
def build_model(cfg):
    return VAE(cfg.input_dim, cfg.hidden_dim, cfg.latent_dim, cfg.beta, cfg.recon_loss).enc


# ---------------------------------------------------------------- interpolate


@mistake(
    "interpolate",
    "one_step_too_many",
    "There is one point too many: num_steps counts both ends.",
)
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps + 1, dtype=z1.dtype)[:, None]
    return (1 - w) * z1 + w * z2


@mistake(
    "interpolate",
    "one_step_too_few",
    "There is one point too few: num_steps counts both ends.",
)
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps - 1, dtype=z1.dtype)[:, None]
    return (1 - w) * z1 + w * z2


@mistake("interpolate", "ends_left_out", "Both ends are missing.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps + 2, dtype=z1.dtype)[1:-1, None]
    return (1 - w) * z1 + w * z2


@mistake(
    "interpolate",
    "last_end_left_out",
    "The last end is missing: arange(n) / n never reaches 1.",
)
def interpolate(z1, z2, num_steps=10):
    w = torch.arange(num_steps, dtype=z1.dtype)[:, None] / num_steps
    return (1 - w) * z1 + w * z2


@mistake(
    "interpolate",
    "first_end_left_out",
    "The first end is missing: the weights must start at 0.",
)
def interpolate(z1, z2, num_steps=10):
    w = torch.arange(1, num_steps + 1, dtype=z1.dtype)[:, None] / num_steps
    return (1 - w) * z1 + w * z2


@mistake("interpolate", "ends_reversed", "The points run from z2 to z1.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return w * z1 + (1 - w) * z2


@mistake(
    "interpolate",
    "weights_not_columns",
    "The weights are no column: the sizes clash, or each dimension gets a weight of its own.",
)
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)
    return (1 - w) * z1 + w * z2


@mistake("interpolate", "log_spaced", "The steps are uneven and z1 is not included.")
def interpolate(z1, z2, num_steps=10):
    w = torch.logspace(-3, 0, num_steps, dtype=z1.dtype)[:, None]
    return (1 - w) * z1 + w * z2


@mistake("interpolate", "not_complementary", "The weights do not add up to 1.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return z1 + w * z2


@mistake(
    "interpolate",
    "difference_reversed",
    "The difference is z1 - z2 where z2 - z1 is due: the line leads away from z2.",
)
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return z1 + w * (z1 - z2)


@mistake("interpolate", "transposed", "The result is transposed: one row for each point.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return ((1 - w) * z1 + w * z2).T


@mistake("interpolate", "extra_axis", "The result has an axis too many.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return ((1 - w) * z1 + w * z2).unsqueeze(0)


@mistake("interpolate", "middle_axis", "The result has an axis too many: (num_steps, D) is due.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype).view(-1, 1, 1)
    return (1 - w) * z1 + w * z2


@mistake("interpolate", "flattened", "The points are joined to one vector: one row for each point.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return ((1 - w) * z1 + w * z2).flatten()


@mistake("interpolate", "list_returned", "A list is returned: stack the points to one tensor.")
def interpolate(z1, z2, num_steps=10):
    return [torch.lerp(z1, z2, i / (num_steps - 1)) for i in range(num_steps)]


@mistake("interpolate", "concatenated", "cat joins the points to one vector: use stack.")
def interpolate(z1, z2, num_steps=10):
    return torch.cat([torch.lerp(z1, z2, i / (num_steps - 1)) for i in range(num_steps)])


@mistake("interpolate", "numpy_returned", "A numpy array is returned: a tensor is due.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return ((1 - w) * z1 + w * z2).numpy()


@mistake("interpolate", "midpoint_only", "Only the midpoint is returned.")
def interpolate(z1, z2, num_steps=10):
    return (z1 + z2) / 2


@mistake("interpolate", "random_weights", "The weights are random: they must be evenly spaced.")
def interpolate(z1, z2, num_steps=10):
    w = torch.rand(num_steps, 1, dtype=z1.dtype).sort(dim=0).values
    return (1 - w) * z1 + w * z2


@mistake(
    "interpolate",
    "cosine_weights",
    "The steps are uneven: the weights must be evenly spaced.",
)
def interpolate(z1, z2, num_steps=10):
    w = 0.5 * (1 - torch.cos(torch.linspace(0, math.pi, num_steps, dtype=z1.dtype)))[:, None]
    return (1 - w) * z1 + w * z2


@mistake(
    "interpolate",
    "squared_weights",
    "The steps are uneven: the weights must be evenly spaced.",
)
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return (1 - w**2) * z1 + w**2 * z2


@mistake("interpolate", "normalized", "The points are scaled to unit length.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return F.normalize((1 - w) * z1 + w * z2, dim=1)


@mistake("interpolate", "num_steps_ignored", "num_steps is not used.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, 10, dtype=z1.dtype)[:, None]
    return (1 - w) * z1 + w * z2


@mistake("interpolate", "noise_added", "Noise is added to the points.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return (1 - w) * z1 + w * z2 + 0.01 * torch.randn(num_steps, len(z1), dtype=z1.dtype)


@mistake("interpolate", "in_place", "z1 is changed in place.")
def interpolate(z1, z2, num_steps=10):
    steps = []
    delta = (z2 - z1) / (num_steps - 1)
    for _ in range(num_steps):
        steps.append(z1.clone())
        z1 += delta
    return torch.stack(steps)


@mistake(
    "interpolate",
    "same_tensor_repeated",
    "All rows are the same tensor: copy it before you go on.",
)
def interpolate(z1, z2, num_steps=10):
    out, z, delta = [], z1.clone(), (z2 - z1) / (num_steps - 1)
    for _ in range(num_steps):
        out.append(z)
        z += delta
    return torch.stack(out)


@mistake(
    "interpolate",
    "cast_to_float32",
    "The points are cast to float32: keep the dtype of the input.",
)
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return ((1 - w) * z1 + w * z2).float()


@mistake("interpolate", "integer_weights", "The weights are rounded to 0 or 1.")
def interpolate(z1, z2, num_steps=10):
    w = (torch.arange(num_steps) // (num_steps - 1))[:, None].to(z1.dtype)
    return (1 - w) * z1 + w * z2


@mistake("interpolate", "range_minus_one_to_one", "The weights run from -1 to 1.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(-1, 1, num_steps, dtype=z1.dtype)[:, None]
    return (1 - w) * z1 + w * z2


@mistake("interpolate", "spherical", "The points lie on an arc: the straight line is due.")
def interpolate(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return torch.cos(w * math.pi / 2) * z1 + torch.sin(w * math.pi / 2) * z2


@mistake("interpolate", "constant", "Every point is z1.")
def interpolate(z1, z2, num_steps=10):
    return z1.repeat(num_steps, 1)


@mistake("interpolate", "default_steps", "The default of num_steps is not 10.")
def interpolate(z1, z2, num_steps=5):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return (1 - w) * z1 + w * z2


# ---------------------------------------------------------------- bonus


@mistake("cyclical_beta", "one_long_ramp", "There is one long ramp and no cycle.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    return beta_max * min(1.0, step / total / ratio)


@mistake("cyclical_beta", "ratio_ignored", "ratio is not used: there is no plateau.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * min(1.0, tau)


@mistake(
    "cyclical_beta",
    "modulo_by_cycles",
    "The modulo is taken by the number of cycles instead of the length of a cycle.",
)
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    tau = (step % n_cycles) / n_cycles
    return beta_max * min(1.0, tau / ratio)


@mistake("cyclical_beta", "beta_max_ignored", "beta_max is not used.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return min(1.0, tau / ratio)


@mistake("cyclical_beta", "no_cap", "There is no cap: beta exceeds beta_max.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * tau / ratio


@mistake(
    "cyclical_beta",
    "multiplied_by_ratio",
    "tau is multiplied with ratio instead of divided by it.",
)
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * min(1.0, tau * ratio)


@mistake("cyclical_beta", "plateau_first", "Plateau and ramp have changed places.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * min(1.0, (1 - tau) / ratio)


@mistake("cyclical_beta", "decreasing", "beta falls where it should rise.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * (1 - min(1.0, tau / ratio))


@mistake(
    "cyclical_beta",
    "triangle",
    "beta falls again in the second half: it must stay at beta_max.",
)
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * (tau / ratio if tau < ratio else max(0.0, (1 - tau) / (1 - ratio + 1e-12)))


@mistake("cyclical_beta", "zero_plateau", "The plateau is 0: it must be beta_max.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * tau / ratio if tau < ratio else 0.0


@mistake("cyclical_beta", "one_step_early", "beta is one step ahead.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = ((step + 1) % period) / period
    return beta_max * min(1.0, tau / ratio)


@mistake("cyclical_beta", "one_step_late", "beta is one step behind.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = ((step - 1) % period) / period
    return beta_max * min(1.0, tau / ratio)


@mistake("cyclical_beta", "cosine", "The ramp is a cosine: it must be straight.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * 0.5 * (1 - math.cos(math.pi * min(1.0, tau / ratio)))


@mistake(
    "cyclical_beta",
    "period_by_ratio",
    "The length of a cycle is multiplied with ratio: the plateau is lost.",
)
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles * ratio
    return beta_max * min(1.0, (step % period) / period)


@mistake("cyclical_beta", "fixed_cycles", "n_cycles is not used.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / 4
    tau = (step % period) / period
    return beta_max * min(1.0, tau / ratio)


@mistake(
    "cyclical_beta",
    "capped_by_beta_max",
    "The ramp is capped at beta_max but not scaled by it.",
)
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return min(beta_max, tau / ratio)


@mistake("cyclical_beta", "not_modulo", "The position in the cycle is not divided by its length.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    return beta_max * min(1.0, (step % period) / ratio)


@mistake("cyclical_beta", "integer_division", "// drops the fraction.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total // n_cycles
    return beta_max * min(1.0, (step % period) // (period * ratio))


@mistake("cyclical_beta", "first_cycle_only", "Only the first cycle has a ramp.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    return beta_max * min(1.0, step / period / ratio)


@mistake("cyclical_beta", "no_cycles_sine", "A sine wave is no cycle of ramp and plateau.")
def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    return beta_max * abs(math.sin(math.pi * n_cycles * step / total))


@mistake("cyclical_beta", "default_cycles", "The default of n_cycles is not 4.")
def cyclical_beta(step, total, n_cycles=1, ratio=0.5, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * min(1.0, tau / ratio)


@mistake("cyclical_beta", "default_ratio", "The default of ratio is not 0.5.")
def cyclical_beta(step, total, n_cycles=4, ratio=1.0, beta_max=1.0):
    period = total / n_cycles
    tau = (step % period) / period
    return beta_max * min(1.0, tau / ratio)


@mistake("slerp", "plain_lerp", "This is the straight line: the norm dips in the middle.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return (1 - w) * z1 + w * z2


@mistake("slerp", "parallel_vectors", "Parallel vectors give 0 / 0: take the straight line there.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake("slerp", "no_clamp", "Rounding takes the cosine out of [-1, 1] and acos gives NaN.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos(torch.dot(z1, z2) / (z1.norm() * z2.norm()))
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake(
    "slerp",
    "weights_not_complementary",
    "The first weight must fall: it is sin((1 - w) omega).",
)
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin(w * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake(
    "slerp",
    "not_normalized_angle",
    "The angle is taken from vectors that are not of unit length.",
)
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos(torch.dot(z1, z2).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake("slerp", "not_divided", "The division by sin(omega) is missing.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2


@mistake("slerp", "ends_reversed", "The points run from z2 to z1.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin(w * omega) * z1 + torch.sin((1 - w) * omega) * z2) / torch.sin(omega)


@mistake(
    "slerp",
    "unit_vectors_returned",
    "The points are scaled to unit length: the ends must be z1 and z2.",
)
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    a, b = F.normalize(z1, dim=0), F.normalize(z2, dim=0)
    omega = torch.acos(torch.dot(a, b).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin((1 - w) * omega) * a + torch.sin(w * omega) * b) / torch.sin(omega)


@mistake("slerp", "absolute_cosine", "The absolute value of the cosine folds wide angles.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2).abs() / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake("slerp", "cosine_weights", "cos stands where sin is due.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.cos((1 - w) * omega) * z1 + torch.cos(w * omega) * z2) / torch.cos(omega)


@mistake("slerp", "cosine_as_angle", "The cosine is used as the angle: acos is missing.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.dot(z1, z2) / (z1.norm() * z2.norm())
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake("slerp", "degrees", "The angle is in degrees: sin expects radians.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    omega = torch.rad2deg(omega)
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake("slerp", "right_angle_assumed", "The angle is taken to be 90 degrees.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    return torch.cos(w * math.pi / 2) * z1 + torch.sin(w * math.pi / 2) * z2


@mistake(
    "slerp",
    "renormalized_lerp",
    "A straight line scaled to the right length has uneven steps.",
)
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    z = (1 - w) * z1 + w * z2
    return F.normalize(z, dim=1) * ((1 - w) * z1.norm() + w * z2.norm())


@mistake("slerp", "one_step_too_many", "There is one point too many: num_steps counts both ends.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps + 1, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake(
    "slerp",
    "weights_not_columns",
    "The weights are no column: the sizes clash, or each dimension gets a weight of its own.",
)
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake("slerp", "last_end_left_out", "The last end is missing.")
def slerp(z1, z2, num_steps=10):
    w = torch.arange(num_steps, dtype=z1.dtype)[:, None] / num_steps
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake("slerp", "default_threshold", "The straight line is taken for angles that are not small.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 0.7:
        return (1 - w) * z1 + w * z2
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)


@mistake("slerp", "epsilon_in_denominator", "A number added to sin(omega) shortens every point.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    return (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / (torch.sin(omega) + 1e-2)


@mistake("slerp", "cast_to_float32", "The points are cast to float32: keep the dtype of the input.")
def slerp(z1, z2, num_steps=10):
    w = torch.linspace(0, 1, num_steps, dtype=z1.dtype)[:, None]
    omega = torch.acos((torch.dot(z1, z2) / (z1.norm() * z2.norm())).clamp(-1, 1))
    if torch.sin(omega) < 1e-3:
        return (1 - w) * z1 + w * z2
    return (
        (torch.sin((1 - w) * omega) * z1 + torch.sin(w * omega) * z2) / torch.sin(omega)
    ).float()
