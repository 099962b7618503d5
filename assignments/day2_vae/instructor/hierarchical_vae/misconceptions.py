"""Wrong implementations that students write, each with the sentence that names the mistake."""

from grading.bank import mistake

# ---------------------------------------------------------------- gaussian_log_prob


@mistake(
    "gaussian_log_prob",
    "two_pi_forgotten",
    "The constant log(2 pi) of each dimension is missing: densities of layers with different sizes cannot be compared.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "two_pi_once",
    "log(2 pi) is counted once for each example, but it is due once for each dimension.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (logvar + (z - mu).pow(2) / logvar.exp()).sum(-1) - 0.5 * LOG_2PI


@mistake(
    "gaussian_log_prob",
    "two_pi_not_halved",
    "The constant is -1/2 log(2 pi) for each dimension: the half is missing on it.",
)
def gaussian_log_prob(z, mu, logvar):
    return (-LOG_2PI - 0.5 * (logvar + (z - mu).pow(2) / logvar.exp())).sum(-1)


@mistake("gaussian_log_prob", "two_pi_without_log", "2 pi is added where log(2 pi) is due.")
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (2 * math.pi + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "std_for_variance",
    "The squared distance is divided by the standard deviation: the density divides it by the variance exp(logvar).",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / (0.5 * logvar).exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "logvar_is_logstd",
    "logvar is read as log sigma: the variance is exp(logvar), not exp(2 logvar).",
)
def gaussian_log_prob(z, mu, logvar):
    return -(0.5 * LOG_2PI + logvar + 0.5 * (z - mu).pow(2) / (2 * logvar).exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "log_determinant_missing",
    "The term -1/2 logvar is missing: a wide Gaussian must have a lower density.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "log_determinant_doubled",
    "logvar is counted in full: log sigma is half of it.",
)
def gaussian_log_prob(z, mu, logvar):
    return (-0.5 * LOG_2PI - logvar - 0.5 * (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "log_determinant_sign",
    "The sign of logvar is turned: a wide Gaussian must have a lower density at its center.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI - logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake("gaussian_log_prob", "half_forgotten", "The factor 1/2 is missing.")
def gaussian_log_prob(z, mu, logvar):
    return -(LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob", "half_missing_on_distance", "The squared distance lacks its factor 1/2."
)
def gaussian_log_prob(z, mu, logvar):
    return (-0.5 * (LOG_2PI + logvar) - (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "sign_turned",
    "This is minus the log-density: away from the mean it must fall.",
)
def gaussian_log_prob(z, mu, logvar):
    return 0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "mean_over_dimensions",
    "The log-density is averaged over the dimensions: independent dimensions add up.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).mean(-1)


@mistake(
    "gaussian_log_prob",
    "batch_summed",
    "The batch is summed too: one number for each example is due.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum()


@mistake(
    "gaussian_log_prob",
    "batch_averaged",
    "The batch is averaged here already: one number for each example is due.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1).mean()


@mistake(
    "gaussian_log_prob", "wrong_axis", "The sum runs over the batch and not over the dimensions."
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(0)


@mistake(
    "gaussian_log_prob",
    "not_summed",
    "Each dimension has its own number: add them up for each example.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp())


@mistake("gaussian_log_prob", "not_squared", "The distance is not squared.")
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "absolute_distance",
    "The absolute distance is used where the squared one is due.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).abs() / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "epsilon_in_denominator",
    "The epsilon in the denominator makes narrow Gaussians wrong: exp(logvar) is never 0.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / (logvar.exp() + 1e-6)).sum(-1)


@mistake(
    "gaussian_log_prob", "clamped_logvar", "The clamp on logvar changes narrow and wide Gaussians."
)
def gaussian_log_prob(z, mu, logvar):
    logvar = logvar.clamp(-10, 10)
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "log_of_density",
    "The density itself underflows to 0 far from the mean: work with its logarithm from the start.",
)
def gaussian_log_prob(z, mu, logvar):
    var = logvar.exp()
    return (torch.exp(-0.5 * (z - mu).pow(2) / var) / torch.sqrt(2 * math.pi * var)).log().sum(-1)


@mistake("gaussian_log_prob", "density_not_log", "This is the density, its logarithm is due.")
def gaussian_log_prob(z, mu, logvar):
    return torch.exp(-0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1))


@mistake(
    "gaussian_log_prob",
    "normal_with_variance",
    "torch.distributions.Normal takes the standard deviation as its second argument, not the variance.",
)
def gaussian_log_prob(z, mu, logvar):
    return torch.distributions.Normal(mu, logvar.exp()).log_prob(z).sum(-1)


@mistake(
    "gaussian_log_prob",
    "normal_with_logvar",
    "torch.distributions.Normal takes the standard deviation as its second argument, not its logarithm.",
)
def gaussian_log_prob(z, mu, logvar):
    return torch.distributions.Normal(mu, logvar, validate_args=False).log_prob(z).sum(-1)


@mistake(
    "gaussian_log_prob",
    "standard_normal",
    "mu and logvar are ignored: this is the density of N(0, I).",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + z.pow(2)).sum(-1)


@mistake(
    "gaussian_log_prob",
    "z_detached",
    "z is detached: its gradient must reach the encoder through log p(z).",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z.detach() - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "parameters_detached",
    "mu and logvar are detached: they would never be learned.",
)
def gaussian_log_prob(z, mu, logvar):
    mu, logvar = mu.detach(), logvar.detach()
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) / logvar.exp()).sum(-1)


@mistake(
    "gaussian_log_prob",
    "gaussian_nll_loss",
    "F.gaussian_nll_loss averages over everything, drops log(2 pi) and has the other sign.",
)
def gaussian_log_prob(z, mu, logvar):
    return F.gaussian_nll_loss(mu, z, logvar.exp())


@mistake(
    "gaussian_log_prob",
    "mse_only",
    "This is minus half the squared distance: the variance plays no part.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2)).sum(-1)


@mistake(
    "gaussian_log_prob",
    "variance_multiplied",
    "The squared distance is multiplied by the variance: divide by it.",
)
def gaussian_log_prob(z, mu, logvar):
    return -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) * logvar.exp()).sum(-1)


# ---------------------------------------------------------------- prior_z1


@mistake(
    "prior_z1",
    "chunk_along_batch",
    "chunk splits along the batch (dim=0): half of the examples become 'logvar'. Split the columns.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=0)
    return mu, logvar


@mistake(
    "prior_z1",
    "halves_swapped",
    "mu and logvar are swapped: the first z1_dim columns are mu.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    logvar, mu = self.prior(z2).chunk(2, dim=-1)
    return mu, logvar


@mistake(
    "prior_z1",
    "z2_detached",
    "z2 is detached: the KL of z1 can no longer teach q(z2|x).",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2.detach()).chunk(2, dim=-1)
    return mu, logvar


@mistake(
    "prior_z1",
    "softplus_logvar",
    "softplus makes logvar positive: sigma could never fall below 1.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, F.softplus(logvar)


@mistake(
    "prior_z1",
    "relu_logvar",
    "ReLU keeps logvar at 0 or above: sigma could never fall below 1.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, F.relu(logvar)


@mistake(
    "prior_z1",
    "variance_for_logvar",
    "The second value is exp(logvar): everybody after it takes the exponential again.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, logvar.exp()


@mistake(
    "prior_z1",
    "std_for_logvar",
    "The second value is sigma: logvar is due.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, (0.5 * logvar).exp()


@mistake(
    "prior_z1",
    "logvar_halved",
    "logvar is halved: that is log sigma, log sigma^2 is due.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, 0.5 * logvar


@mistake(
    "prior_z1",
    "same_half_twice",
    "Both values are the same columns: logvar is never used.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    h = self.prior(z2)
    return h[:, 0::2], h[:, 0::2]


@mistake(
    "prior_z1",
    "first_half_twice",
    "Both values are the first half of the columns.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    h = self.prior(z2)
    return h[:, : self.z1_dim], h[:, : self.z1_dim]


@mistake(
    "prior_z1",
    "interleaved",
    "mu and logvar are taken in turns: the first z1_dim columns are mu, the rest logvar.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    h = self.prior(z2)
    return h[:, 0::2], h[:, 1::2]


@mistake(
    "prior_z1",
    "tanh_mu",
    "A tanh keeps mu in (-1, 1): mu is a plain output.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return torch.tanh(mu), logvar


@mistake(
    "prior_z1",
    "tanh_logvar",
    "A tanh keeps logvar in (-1, 1): logvar is a plain output.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, torch.tanh(logvar)


@mistake(
    "prior_z1",
    "clamped_logvar",
    "The clamp on logvar changes values that the layer is free to give.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, logvar.clamp(-5, 5)


@mistake(
    "prior_z1",
    "unit_variance",
    "logvar is fixed at 0: p(z1|z2) has a learned variance.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, _ = self.prior(z2).chunk(2, dim=-1)
    return mu, torch.zeros_like(mu)


@mistake(
    "prior_z1",
    "standard_normal",
    "z2 is ignored: this is N(0, I), and the top layer could never matter.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    zero = torch.zeros(len(z2), self.z1_dim)
    return zero, zero


@mistake(
    "prior_z1",
    "not_split",
    "The two halves are not split: (mu, logvar) are due.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    return self.prior(z2)


@mistake(
    "prior_z1",
    "hidden_skipped",
    "Only the last layer is used: call the whole `prior`.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    h = F.pad(z2, (0, self.prior[2].in_features))[:, : self.prior[2].in_features]
    return self.prior[2](h).chunk(2, dim=-1)


@mistake(
    "prior_z1",
    "reshaped",
    "reshape mixes the columns of different examples when the batch comes first: split along the last axis.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).reshape(2, -1, self.z1_dim)
    return mu, logvar


@mistake(
    "prior_z1",
    "sampled",
    "prior_z1 returns a sample for mu: the parameters of p(z1|z2) are due.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return reparameterize(mu, logvar), logvar


@mistake(
    "prior_z1",
    "no_grad",
    "torch.no_grad stops the prior from learning.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    with torch.no_grad():
        mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, logvar


@mistake(
    "prior_z1",
    "negative_logvar",
    "The sign of logvar is turned: that is the log of the precision.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu, -logvar


@mistake(
    "prior_z1",
    "batch_norm_like",
    "The parameters are centered over the batch: an example's prior must not depend on the others.",
    replaces="GenerativeModel.prior_z1",
)
def prior_z1(self, z2):
    mu, logvar = self.prior(z2).chunk(2, dim=-1)
    return mu - mu.mean(0), logvar


# ---------------------------------------------------------------- decode


@mistake(
    "decode",
    "sigmoid",
    "decode returns probabilities: the loss applies the sigmoid again.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    return torch.sigmoid(self.dec(z1))


@mistake(
    "decode",
    "tanh",
    "tanh keeps the logits in (-1, 1): no pixel could be surely black or white.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    return torch.tanh(self.dec(z1))


@mistake(
    "decode",
    "relu",
    "ReLU keeps the logits at 0 or above: no pixel could be dark.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    return F.relu(self.dec(z1))


@mistake(
    "decode",
    "detached",
    "z1 is detached: the encoder gets no gradient from the image.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    return self.dec(z1.detach())


@mistake(
    "decode",
    "clamped",
    "The clamp stops the gradient of surely black and white pixels.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    return self.dec(z1).clamp(-10, 10)


@mistake(
    "decode",
    "softmax",
    "A softmax makes the pixels compete: each pixel has its own Bernoulli.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    return F.log_softmax(self.dec(z1), dim=-1)


@mistake(
    "decode",
    "weights_detached",
    "The output is cut from the graph (detach or no_grad): the decoder never learns.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    return self.dec(z1).detach() + 0 * z1.sum()


@mistake(
    "decode",
    "binarized",
    "decode returns hard pixels: the logits are due.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    return (self.dec(z1) > 0).float()


@mistake(
    "decode",
    "noise_added",
    "decode adds noise: p(x|z1) is already a distribution, its logits are exact.",
    replaces="GenerativeModel.decode",
)
def decode(self, z1):
    logits = self.dec(z1)
    return logits + torch.randn_like(logits)


# ---------------------------------------------------------------- sample


@mistake(
    "sample",
    "mean_of_z1",
    "z1 is the mean of p(z1|z2): draw it, mu + sigma * eps.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, _ = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return self.decode(mu)


@mistake(
    "sample",
    "top_layer_skipped",
    "z1 is drawn from N(0, I): the top layer is left out.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    return self.decode(torch.randn(num_samples, self.z1_dim))


@mistake(
    "sample",
    "z2_ignored",
    "p(z1|z2) is asked, but z1 does not come from it.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return self.decode(torch.randn(num_samples, self.z1_dim))


@mistake(
    "sample",
    "variance_for_sigma",
    "exp(logvar) is the variance: sigma is exp(logvar / 2).",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return self.decode(mu + logvar.exp() * torch.randn_like(mu))


@mistake(
    "sample",
    "uniform_z2",
    "z2 is uniform: p(z2) is N(0, I), use randn.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.rand(num_samples, self.z2_dim))
    return self.decode(reparameterize(mu, logvar))


@mistake(
    "sample",
    "zero_z2",
    "z2 is 0 for all samples: draw it from N(0, I).",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.zeros(num_samples, self.z2_dim))
    return self.decode(reparameterize(mu, logvar))


@mistake(
    "sample",
    "one_z2_for_all",
    "One z2 is shared by all samples: draw one for each.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    z2 = torch.randn(1, self.z2_dim).repeat(num_samples, 1)
    return self.decode(reparameterize(*self.prior_z1(z2)))


@mistake(
    "sample",
    "one_eps_for_all",
    "The noise of z1 is shared by all samples.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return self.decode(mu + (0.5 * logvar).exp() * torch.randn(self.z1_dim))


@mistake(
    "sample",
    "uniform_eps",
    "The noise of z1 is uniform: use a standard normal.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return self.decode(mu + (0.5 * logvar).exp() * torch.rand_like(mu))


@mistake(
    "sample",
    "probabilities",
    "sample returns probabilities: logits are due, as from decode.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return torch.sigmoid(self.decode(reparameterize(mu, logvar)))


@mistake(
    "sample",
    "pixels",
    "sample returns pixels: the logits are due.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return torch.bernoulli(torch.sigmoid(self.decode(reparameterize(mu, logvar))))


@mistake(
    "sample",
    "seed_inside",
    "The seed inside sample makes it give the same images each time.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    torch.manual_seed(0)
    mu, logvar = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return self.decode(reparameterize(mu, logvar))


@mistake(
    "sample", "wide_z2", "z2 is scaled: p(z2) has variance 1.", replaces="GenerativeModel.sample"
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(1.5 * torch.randn(num_samples, self.z2_dim))
    return self.decode(reparameterize(mu, logvar))


@mistake(
    "sample",
    "logvar_as_sigma",
    "logvar is used as sigma: take exp(logvar / 2).",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return self.decode(mu + logvar * torch.randn_like(mu))


@mistake(
    "sample",
    "zero_noise",
    "The noise of z1 is 0: draw z1 from p(z1|z2).",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.randn(num_samples, self.z2_dim))
    return self.decode(mu + (0.5 * logvar).exp() * torch.zeros_like(mu))


@mistake(
    "sample",
    "one_sample",
    "num_samples is ignored: one image comes out.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    mu, logvar = self.prior_z1(torch.randn(1, self.z2_dim))
    return self.decode(reparameterize(mu, logvar))


@mistake(
    "sample",
    "z1_added",
    "z2's noise is used again for z1: draw fresh noise for each layer.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    z2 = torch.randn(num_samples, self.z2_dim)
    mu, logvar = self.prior_z1(z2)
    eps = z2[:, [i % self.z2_dim for i in range(self.z1_dim)]]
    return self.decode(mu + (0.5 * logvar).exp() * eps)


@mistake(
    "sample",
    "truncated",
    "z2 is clamped: rare but right images would never be drawn.",
    replaces="GenerativeModel.sample",
)
def sample(self, num_samples):
    z2 = torch.randn(num_samples, self.z2_dim).clamp(-1.5, 1.5)
    mu, logvar = self.prior_z1(z2)
    return self.decode(reparameterize(mu, logvar))


# ---------------------------------------------------------------- inference


@mistake(
    "inference",
    "layers_swapped",
    "The two layers are swapped: (mu1, logvar1, mu2, logvar2) is the order.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu2, logvar2, mu1, logvar1


@mistake(
    "inference",
    "order_by_kind",
    "The order is (mu1, logvar1, mu2, logvar2), layer by layer.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1, mu2, logvar1, logvar2


@mistake(
    "inference",
    "halves_swapped",
    "mu and logvar are swapped: mu is the first half of each head.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    logvar1, mu1 = self.head1(h).chunk(2, dim=-1)
    logvar2, mu2 = self.head2(h).chunk(2, dim=-1)
    return mu1, logvar1, mu2, logvar2


@mistake(
    "inference",
    "halves_swapped_on_top",
    "In the top layer mu and logvar are swapped.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    logvar2, mu2 = self.head2(h).chunk(2, dim=-1)
    return mu1, logvar1, mu2, logvar2


@mistake(
    "inference",
    "chunk_along_batch",
    "chunk splits along the batch (dim=0): split the columns.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    return *self.head1(h).chunk(2, dim=0), *self.head2(h).chunk(2, dim=0)


@mistake(
    "inference",
    "one_head_for_both",
    "Both layers are read from head1: head2 is never used.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    mu1, logvar1 = self.head1(self.enc(x)).chunk(2, dim=-1)
    n = self.z2_dim
    mu2 = F.pad(mu1, (0, n))[:, :n]
    logvar2 = F.pad(logvar1, (0, n))[:, :n]
    return mu1, logvar1, mu2, logvar2


@mistake(
    "inference",
    "variance_for_logvar",
    "The variances are returned under the name logvar.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1, logvar1.exp(), mu2, logvar2.exp()


@mistake(
    "inference",
    "softplus_logvar",
    "softplus makes the log-variances positive: no posterior could be sharper than the prior.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1, F.softplus(logvar1), mu2, F.softplus(logvar2)


@mistake(
    "inference",
    "relu_on_heads",
    "A ReLU after the heads: mu and logvar may be any real number.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    return *F.relu(self.head1(h)).chunk(2, dim=-1), *F.relu(self.head2(h)).chunk(2, dim=-1)


@mistake(
    "inference", "tanh_mu", "A tanh keeps the means in (-1, 1).", replaces="InferenceModel.forward"
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return torch.tanh(mu1), logvar1, torch.tanh(mu2), logvar2


@mistake(
    "inference",
    "clamped",
    "The clamp changes log-variances that the layer is free to give.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1, logvar1.clamp(-6, 2), mu2, logvar2.clamp(-6, 2)


@mistake(
    "inference",
    "h_detached_on_top",
    "The hidden layer is detached for the top layer: q(z2|x) cannot teach the encoder.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h.detach()).chunk(2, dim=-1)
    return mu1, logvar1, mu2, logvar2


@mistake(
    "inference",
    "logvar_detached",
    "The log-variances are detached: they are never learned.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1, logvar1.detach(), mu2, logvar2.detach()


@mistake(
    "inference",
    "samples_returned",
    "forward returns samples: the parameters of the two posteriors are due.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return reparameterize(mu1, logvar1), logvar1, reparameterize(mu2, logvar2), logvar2


@mistake(
    "inference",
    "only_first_layer",
    "Only q(z1|x) is returned: q(z2|x) is due too.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    return self.head1(self.enc(x)).chunk(2, dim=-1)


@mistake(
    "inference",
    "squeezed",
    "squeeze() drops the batch axis when there is one example.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1.squeeze(), logvar1.squeeze(), mu2.squeeze(), logvar2.squeeze()


@mistake(
    "inference",
    "interleaved",
    "mu and logvar are taken in turns: the first half of the columns is mu.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    one, two = self.head1(h), self.head2(h)
    return one[:, 0::2], one[:, 1::2], two[:, 0::2], two[:, 1::2]


@mistake(
    "inference",
    "same_half_twice",
    "mu and logvar are the same columns.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x)
    one, two = self.head1(h), self.head2(h)
    mu1, mu2 = one[:, : self.z1_dim], two[:, : self.z2_dim]
    return mu1, mu1, mu2, mu2


@mistake(
    "inference",
    "centered_input",
    "x is centered over the batch: an example's posterior must not depend on the others.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc(x - x.mean(0))
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1, logvar1, mu2, logvar2


@mistake(
    "inference",
    "x_binarized_inside",
    "x is thresholded inside the model: feed it as it comes.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = self.enc((x > 0.5).to(x.dtype))
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1, logvar1, mu2, logvar2


@mistake(
    "inference",
    "extra_relu",
    "The hidden layer already has its ReLU: tanh after it changes it.",
    replaces="InferenceModel.forward",
)
def forward(self, x):
    h = torch.tanh(self.enc(x))
    mu1, logvar1 = self.head1(h).chunk(2, dim=-1)
    mu2, logvar2 = self.head2(h).chunk(2, dim=-1)
    return mu1, logvar1, mu2, logvar2


# ---------------------------------------------------------------- hvae_elbo


@mistake(
    "hvae_elbo", "top_prior_dropped", "log p(z2) is missing: nothing holds q(z2|x) near N(0, I)."
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "top_posterior_dropped",
    "log q(z2|x) is missing: nothing keeps q(z2|x) from becoming a point.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1


@mistake(
    "hvae_elbo",
    "posterior1_dropped",
    "log q(z1|x) is missing: nothing keeps q(z1|x) from becoming a point.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q2


@mistake(
    "hvae_elbo", "prior1_dropped", "log p(z1|z2) is missing: the two layers are not connected."
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz2 - log_q1 - log_q2


@mistake("hvae_elbo", "likelihood_dropped", "log p(x|z1) is missing: the image plays no part.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "only_priors",
    "Both posteriors are missing: this is log p(x, z1, z2), not the ELBO.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2


@mistake("hvae_elbo", "only_top_layer", "The terms of z1 are missing.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz2 - log_q2


@mistake("hvae_elbo", "only_first_layer", "The terms of z2 are missing.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 - log_q1


@mistake("hvae_elbo", "sign_turned", "This is minus the ELBO: hvae_elbo is the number to maximize.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return -(log_px + log_pz1 + log_pz2 - log_q1 - log_q2)


@mistake("hvae_elbo", "posteriors_added", "The posteriors are added: both log q are subtracted.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 + log_q1 + log_q2


@mistake("hvae_elbo", "one_posterior_added", "log q(z2|x) is added: it is subtracted.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 + log_q2


@mistake(
    "hvae_elbo",
    "kl_added",
    "The KL terms are added to the likelihood: priors have a plus, posteriors a minus.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px - log_pz1 - log_pz2 + log_q1 + log_q2


@mistake(
    "hvae_elbo",
    "likelihood_sign",
    "log p(x|z1) has the wrong sign: minus the cross-entropy is the log-likelihood.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return -log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "batch_mean",
    "The batch is averaged here: one number for each example is due, hvae_loss takes the mean.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return (log_px + log_pz1 + log_pz2 - log_q1 - log_q2).mean()


@mistake("hvae_elbo", "batch_sum", "The batch is summed: one number for each example is due.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return (log_px + log_pz1 + log_pz2 - log_q1 - log_q2).sum()


@mistake(
    "hvae_elbo", "divided_by_pixels", "The ELBO is divided by the number of pixels: sum over them."
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return (log_px + log_pz1 + log_pz2 - log_q1 - log_q2) / x.shape[-1]


@mistake(
    "hvae_elbo",
    "detached",
    "The result is cut from the graph (detach or no_grad): nothing could be trained with it.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return (log_px + log_pz1 + log_pz2 - log_q1 - log_q2).detach()


@mistake("hvae_elbo", "posterior_counted_twice", "log q(z1|x) is subtracted twice.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - 2 * log_q1 - log_q2


@mistake("hvae_elbo", "kl_halved", "The latent terms are halved: the bound has no weights.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + 0.5 * (log_pz1 + log_pz2 - log_q1 - log_q2)


@mistake(
    "hvae_elbo",
    "kl_clamped",
    "The one-sample KL estimates may be negative: clamping them at 0 makes the bound wrong.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px - (log_q1 - log_pz1).clamp(min=0) - (log_q2 - log_pz2).clamp(min=0)


@mistake(
    "hvae_elbo",
    "pixels_averaged",
    "The pixels are averaged: the likelihood of an image is a product, so its log is a sum.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").mean(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "bce_mean_over_all",
    "The cross-entropy is averaged over everything: sum over pixels, keep the examples.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "bce_sum_over_all",
    "The cross-entropy is summed over the batch too: every example gets the sum of all.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "double_sigmoid",
    "The sigmoid is applied twice: binary_cross_entropy_with_logits takes logits.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(torch.sigmoid(logits), x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "naive_log",
    "log(sigmoid) by hand is infinite for large logits: compute it from the logits.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = (x * torch.sigmoid(logits).log() + (1 - x) * (1 - torch.sigmoid(logits)).log()).sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "epsilon_in_log",
    "The epsilon inside the logarithm caps what a wrong pixel costs: compute it from the logits.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = (
        x * (torch.sigmoid(logits) + 1e-8).log()
        + (1 - x) * (1 - torch.sigmoid(logits) + 1e-8).log()
    ).sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "white_pixels_only",
    "Only white pixels count: the term (1 - x) log(1 - p) is missing.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = (x * F.logsigmoid(logits)).sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake("hvae_elbo", "squared_error", "The squared error is used: p(x|z1) is Bernoulli.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -(torch.sigmoid(logits) - x).pow(2).sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "bce_arguments_swapped",
    "The arguments of the cross-entropy are swapped: logits first, then x.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(x, torch.sigmoid(logits), reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake("hvae_elbo", "bce_sign", "Minus the cross-entropy is the log-likelihood.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "top_sample_detached",
    "z2 is detached in log q(z2|x): right value, wrong gradient.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2.detach(), *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "first_sample_detached",
    "z1 is detached in log q(z1|x): right value, wrong gradient.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1.detach(), *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "prior_sample_detached",
    "z2 is detached in log p(z2): the prior can no longer pull on it.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2.detach(), torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake("hvae_elbo", "posterior_detached", "The parameters of q(z1|x) are detached in log q.")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, q1[0].detach(), q1[1].detach())
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "prior_detached",
    "The parameters of p(z1|z2) are detached: the prior is never trained.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, p1[0].detach(), p1[1].detach())
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo", "prior1_standard_normal", "z1 is held against N(0, I): its prior is p(z1|z2)."
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, torch.zeros_like(z1), torch.zeros_like(z1))
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "prior2_unit_logvar",
    "logvar of N(0, I) is 0, since its variance is 1: ones are wrong here.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.ones_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "posteriors_swapped_names",
    "q1 and p1 are swapped: z1 is drawn from q1 and judged by p1.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *q1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *p1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo", "mean_instead_of_sample", "log p(z1|z2) is taken at mu1: take it at the sample z1."
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(q1[0], *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "top_mean_instead_of_sample",
    "log p(z2) is taken at mu2: take it at the sample z2.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(q2[0], torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake("hvae_elbo", "q2_as_top_prior", "z2 is judged by q(z2|x) twice: its prior is N(0, I).")
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, *q2)
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "x_under_no_grad",
    "The likelihood is computed under no_grad: the decoder never learns.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    with torch.no_grad():
        log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    log_pz1 = gaussian_log_prob(z1, *p1)
    log_pz2 = gaussian_log_prob(z2, torch.zeros_like(z2), torch.zeros_like(z2))
    log_q1 = gaussian_log_prob(z1, *q1)
    log_q2 = gaussian_log_prob(z2, *q2)
    return log_px + log_pz1 + log_pz2 - log_q1 - log_q2


@mistake(
    "hvae_elbo",
    "closed_form",
    "The closed-form KL does not look at the samples: the estimate here is log-densities at z1 and z2.",
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    zero = torch.zeros_like(z2)
    return log_px - gaussian_kl(*q1, *p1) - gaussian_kl(*q2, zero, zero)


@mistake(
    "hvae_elbo", "quarter_weights", "The dimensions are averaged in the latent terms: sum them."
)
def hvae_elbo(x, logits, z1, z2, q1, q2, p1):
    log_px = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    zero = torch.zeros_like(z2)
    first = (gaussian_log_prob(z1, *p1) - gaussian_log_prob(z1, *q1)) / z1.shape[-1]
    second = (gaussian_log_prob(z2, zero, zero) - gaussian_log_prob(z2, *q2)) / z2.shape[-1]
    return log_px + first + second


# ---------------------------------------------------------------- hvae_loss


@mistake(
    "hvae_loss",
    "minus_forgotten",
    "The minus is missing: the optimizer would make the ELBO as small as it can.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "batch_summed", "The batch is summed: take the mean.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).sum()


@mistake("hvae_loss", "not_reduced", "One number is due: take the mean over the batch.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1)


@mistake(
    "hvae_loss",
    "detached",
    "The loss is cut from the graph (detach or no_grad): nothing is trained.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean().detach()


@mistake("hvae_loss", "python_float", "item() cuts the graph: return the tensor.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean().item()


@mistake("hvae_loss", "divided_by_pixels", "The loss is divided by the number of pixels.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean() / x.shape[-1]


@mistake(
    "hvae_loss",
    "z1_is_mean",
    "z1 is the mean: draw a sample, or log q is not that of what the decoder saw.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = mu1
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "z2_is_mean", "z2 is the mean: draw a sample.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = mu2
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "both_means",
    "Both samples are the means: this is an autoencoder, not a variational one.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = mu1
    z2 = mu2
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "prior_of_the_mean", "p(z1|z2) is asked for mu2: the sampled z2 is due.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(mu2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "decode_the_mean", "decode gets mu1: the sampled z1 is due.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(mu1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "fresh_z2_for_prior",
    "p(z1|z2) is asked for another z2 than the one in log q(z2|x).",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(reparameterize(mu2, logvar2))
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "fresh_z1_for_decoder", "decode gets another z1 than the one in log q(z1|x).")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(reparameterize(mu1, logvar1))
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss", "prior_sample_of_z2", "z2 comes from N(0, I): in training it comes from q(z2|x)."
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = torch.randn_like(mu2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "z1_from_prior",
    "The decoder gets z1 drawn from p(z1|z2): in training it comes from q(z1|x).",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(reparameterize(*p1))
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "z2_detached",
    "z2 is cut from the graph (detach or no_grad) before prior_z1: q(z2|x) cannot learn from z1.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2.detach())
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "z1_detached",
    "z1 is cut from the graph (detach or no_grad) before decode: the encoder gets no gradient from the image.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1.detach())
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "samples_under_no_grad",
    "The samples are drawn under no_grad: the reparameterization is cut.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    with torch.no_grad():
        z1 = reparameterize(mu1, logvar1)
        z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "distribution_sample",
    "sample() of torch.distributions cuts the graph: use rsample.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = torch.distributions.Normal(mu1, (0.5 * logvar1).exp()).sample()
    z2 = torch.distributions.Normal(mu2, (0.5 * logvar2).exp()).sample()
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "variance_for_sigma", "exp(logvar) is used for sigma: take exp(logvar / 2).")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = mu1 + logvar1.exp() * torch.randn_like(mu1)
    z2 = mu2 + logvar2.exp() * torch.randn_like(mu2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "variance_for_sigma_on_top",
    "exp(logvar2) is used for sigma2: take exp(logvar2 / 2).",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = mu2 + logvar2.exp() * torch.randn_like(mu2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "uniform_noise", "The noise is uniform: use randn.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = mu1 + (0.5 * logvar1).exp() * torch.rand_like(mu1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "noise_shared_by_batch", "One eps is shared by all examples.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = mu1 + (0.5 * logvar1).exp() * torch.randn_like(mu1[:1])
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "noise_shared_by_layers", "Both layers use the same eps: draw one for each.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    eps = torch.randn(len(x), max(mu1.shape[1], mu2.shape[1]), dtype=mu1.dtype)
    z1 = mu1 + (0.5 * logvar1).exp() * eps[:, : mu1.shape[1]]
    z2 = mu2 + (0.5 * logvar2).exp() * eps[:, : mu2.shape[1]]
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "seed_inside", "A seed inside the loss gives the same noise at each step.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    torch.manual_seed(0)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "posteriors_swapped", "q1 and q2 are swapped in the call of hvae_elbo.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu2, logvar2), (mu1, logvar1), p1).mean()


@mistake(
    "hvae_loss", "prior_and_posterior_swapped", "q1 and p1 are swapped in the call of hvae_elbo."
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, p1, (mu2, logvar2), (mu1, logvar1)).mean()


@mistake("hvae_loss", "samples_swapped", "z1 and z2 are swapped in the call of hvae_elbo.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z2, z1, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "x_and_logits_swapped", "x and logits are swapped in the call of hvae_elbo.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(logits, x, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "probabilities_passed", "hvae_elbo gets probabilities: it takes logits.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, torch.sigmoid(logits), z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake("hvae_loss", "standard_prior_for_z1", "z1 is held against N(0, I): its prior is p(z1|z2).")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(
        x,
        logits,
        z1,
        z2,
        (mu1, logvar1),
        (mu2, logvar2),
        (torch.zeros_like(mu1), torch.zeros_like(mu1)),
    ).mean()


@mistake(
    "hvae_loss",
    "mu_and_logvar_mixed_up",
    "The four values of the inference model are (mu1, logvar1, mu2, logvar2).",
)
def hvae_loss(generative, inference, x):
    logvar1, mu1, logvar2, mu2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "posterior_detached",
    "q2 is detached in hvae_elbo: q(z2|x) is trained only in part.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(
        x, logits, z1, z2, (mu1, logvar1), (mu2.detach(), logvar2.detach()), p1
    ).mean()


@mistake(
    "hvae_loss",
    "beta_half",
    "The samples enter twice: z1 = (sample + mean) / 2 has half the spread.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = 0.5 * (reparameterize(mu1, logvar1) + mu1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    return -hvae_elbo(x, logits, z1, z2, (mu1, logvar1), (mu2, logvar2), p1).mean()


@mistake(
    "hvae_loss",
    "reconstruction_only",
    "This is the reconstruction alone: the terms of z1 and z2 are missing.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    generative.prior_z1(z2)
    logits = generative.decode(z1)
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1).mean()


@mistake("hvae_loss", "top_kl_missing", "The KL of the top layer is missing.")
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    return (recon + gaussian_kl(mu1, logvar1, *p1)).mean()


@mistake(
    "hvae_loss",
    "kl_reversed",
    "The arguments of gaussian_kl are reversed: KL(q || p) is due, q first.",
)
def hvae_loss(generative, inference, x):
    mu1, logvar1, mu2, logvar2 = inference(x)
    z1 = reparameterize(mu1, logvar1)
    z2 = reparameterize(mu2, logvar2)
    p1 = generative.prior_z1(z2)
    logits = generative.decode(z1)
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    zero = torch.zeros_like(mu2)
    return (recon + gaussian_kl(*p1, mu1, logvar1) + gaussian_kl(mu2, logvar2, zero, zero)).mean()
