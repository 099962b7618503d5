"""Wrong implementations that students write, each with the sentence that names the mistake."""

from grading.bank import mistake

# ---------------------------------------------------------------- residual_block


@mistake(
    "residual_block",
    "no_residual",
    "The path around the convolutions is missing: add skip(x), or the block can never leave "
    "its input as it is.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h


@mistake(
    "residual_block",
    "time_unused",
    "t_emb is not used: the network treats all noise levels alike.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "time_on_width",
    "time(t_emb) is added along the width: it has one number for each channel, so it needs "
    "the shape (B, c_out, 1, 1).",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, None, None, :]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "time_on_height",
    "time(t_emb) is added along the height: it needs the shape (B, c_out, 1, 1).",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, None, :, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "time_without_axes",
    "time(t_emb) has shape (B, c_out) and meets height and width: give it the shape (B, "
    "c_out, 1, 1).",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "relu_after_sum",
    "A ReLU after the sum cuts off all negative values, but noise has both signs.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return F.relu(h + self.skip(x))


@mistake(
    "residual_block",
    "silu_after_sum",
    "An activation after the sum bends the path that should let the input through.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return F.silu(h + self.skip(x))


@mistake(
    "residual_block",
    "concatenated",
    "Both paths are joined as channels: they must be added.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return torch.cat([h, self.skip(x)], dim=1)


@mistake(
    "residual_block",
    "x_instead_of_skip",
    "x itself is added: where the number of channels changes, skip must bring it to c_out.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + x


@mistake(
    "residual_block",
    "time_after_second_conv",
    "time(t_emb) is added after the second convolution: add it between the two.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = self.conv2(F.silu(self.norm2(h)))
    h = h + self.time(t_emb)[:, :, None, None]
    return h + self.skip(x)


@mistake(
    "residual_block",
    "time_after_norm2",
    "time(t_emb) is added after norm2: add it before.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = self.norm2(h) + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(h))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "time_multiplied",
    "time(t_emb) multiplies h: it must be added.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h * self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "norm1_left_out",
    "norm1 is left out.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(x))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "norm2_left_out",
    "norm2 is left out.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(h))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "first_silu_left_out",
    "The first SiLU is left out: norm1 and conv1 alone are linear.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(self.norm1(x))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "second_silu_left_out",
    "The second SiLU is left out.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(self.norm2(h))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "relu_for_silu",
    "ReLU stands in place of SiLU.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.relu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.relu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "norm_after_conv",
    "The order is conv, norm, SiLU: this block has norm, SiLU, conv.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = F.silu(self.norm2(self.conv1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "silu_before_norm",
    "SiLU comes before the normalization: the formula has it after.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(self.norm1(F.silu(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(self.norm2(F.silu(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "second_conv_left_out",
    "The second convolution is never used.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = F.silu(self.norm2(h))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "skip_detached",
    "The path around is detached: no gradient flows along it, which is what it is for.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x).detach()


@mistake(
    "residual_block",
    "time_detached",
    "t_emb is detached: the time embedding is never trained.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb.detach())[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "time_averaged",
    "The time embedding is averaged over the batch: each image has a t of its own.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb.mean(0, keepdim=True))[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "first_time_for_all",
    "All images get the t of the first one.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb[:1])[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "subtracted",
    "The input is subtracted: the two paths must be added.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h - self.skip(x)


@mistake(
    "residual_block",
    "in_place_input",
    "The input x itself was changed: work on new tensors.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    x.clamp_(-1, 1)
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


@mistake(
    "residual_block",
    "input_clamped",
    "The output is clamped: the block's numbers must be free.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return (h + self.skip(x)).clamp(-1, 1)


@mistake(
    "residual_block",
    "scaled_by_root_two",
    "The sum is divided by sqrt(2), which the formula does not have.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(t_emb)[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return (h + self.skip(x)) / 2**0.5


@mistake(
    "residual_block",
    "silu_on_time",
    "A SiLU is applied to t_emb here: the network's time layers end in one already.",
    replaces="ResidualBlock.forward",
)
def forward(self, x, t_emb):
    h = self.conv1(F.silu(self.norm1(x)))
    h = h + self.time(F.silu(t_emb))[:, :, None, None]
    h = self.conv2(F.silu(self.norm2(h)))
    return h + self.skip(x)


# ---------------------------------------------------------------- tiny_unet


@mistake(
    "tiny_unet",
    "no_skip",
    "The skip connection is never used: fine detail cannot come through the small middle.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = self.grow(h)
    h = torch.cat([h, h], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "skip_twice",
    "The skip is joined with itself: what comes from below is lost.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([skip, skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "cat_along_width",
    "The two are joined along the width: join them along the channels, axis 1.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=-1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "cat_along_batch",
    "The two are joined along the batch: join them along the channels, axis 1.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=0)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "sigmoid_at_the_end",
    "A sigmoid at the end: noise has both signs and no bounds.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return torch.sigmoid(self.last(self.up(h, t_emb)))


@mistake(
    "tiny_unet",
    "tanh_at_the_end",
    "A tanh at the end: the images lie in [-1, 1], the noise does not.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return torch.tanh(self.last(self.up(h, t_emb)))


@mistake(
    "tiny_unet",
    "relu_at_the_end",
    "A ReLU at the end: noise has both signs.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return F.relu(self.last(self.up(h, t_emb)))


@mistake(
    "tiny_unet",
    "silu_at_the_end",
    "An activation at the end bends the prediction: the last layer is a plain convolution.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return F.silu(self.last(self.up(h, t_emb)))


@mistake(
    "tiny_unet",
    "clamped",
    "The prediction is clamped to [-1, 1]: that is the range of images, not of noise.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb)).clamp(-1, 1)


@mistake(
    "tiny_unet",
    "skip_detached",
    "The skip is detached: the first layers learn only through the middle.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip.detach()], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "skip_before_down",
    "The skip is taken before the block down: take what down gives.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.first(x)
    h = self.middle(self.shrink(self.down(skip, t_emb)), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "down_left_out",
    "The block down is left out.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.first(x)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "middle_left_out",
    "The block middle is left out: nothing sees the image as a whole.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.shrink(skip)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "middle_without_time",
    "The block middle gets zeros in place of t_emb.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), torch.zeros_like(t_emb))
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "up_without_time",
    "The block up gets zeros in place of t_emb.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, torch.zeros_like(t_emb)))


@mistake(
    "tiny_unet",
    "down_without_time",
    "The block down gets zeros in place of t_emb.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), torch.zeros_like(t_emb))
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "time_zero",
    "Every image gets the embedding of t = 0.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(torch.zeros_like(t))
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "first_time_for_all",
    "All images get the t of the first one.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t[:1]).expand(len(t), -1)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "time_scaled",
    "t is halved before it is embedded: neighboring steps become the same.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t // 2)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "time_detached",
    "The time embedding is detached: it is never trained.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t).detach()
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "added_input",
    "x is added to the result: the net predicts the noise alone.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb)) + x


@mistake(
    "tiny_unet",
    "subtracted_from_input",
    "x minus the prediction comes back, a cleaned image: the prediction of the noise itself "
    "is due.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return x - self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "halves_added",
    "Skip and what comes from below are added (and doubled): join them along the channels.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = (self.grow(h) + skip).repeat(1, 2, 1, 1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "last_left_out",
    "The last convolution is left out: the result has too many channels.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.up(h, t_emb)


@mistake(
    "tiny_unet",
    "first_left_out_of_up",
    "What grow gives is thrown away: zeros are joined in its place.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([torch.zeros_like(skip), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "skip_zeroed",
    "Zeros are joined in place of the skip.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), torch.zeros_like(skip)], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "down_twice",
    "The block down is used twice.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.down(self.first(x), t_emb), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "no_grad",
    "The lower half runs without gradients: it is never trained.",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x), t_emb)
    with torch.no_grad():
        h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


@mistake(
    "tiny_unet",
    "input_squashed",
    "The input is clamped: x_t is noise, it has values beyond [-1, 1].",
    replaces="TinyUNet.forward",
)
def forward(self, x, t):
    t_emb = self.time(t)
    skip = self.down(self.first(x.clamp(-1, 1)), t_emb)
    h = self.middle(self.shrink(skip), t_emb)
    h = torch.cat([self.grow(h), skip], dim=1)
    return self.last(self.up(h, t_emb))


# ---------------------------------------------------------------- training_step


@mistake(
    "training_step",
    "no_zero_grad",
    "The old gradients are never cleared: they add up from step to step.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "zero_grad_after_backward",
    "The gradients are cleared between backward and step: the step then has none.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "no_step",
    "optimizer.step() is missing: the weights never move.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


@mistake(
    "training_step",
    "no_backward",
    "loss.backward() is missing: there are no gradients to step along.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "step_before_backward",
    "The step comes before backward: it uses the gradients of the step before.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


@mistake(
    "training_step",
    "returns_tensor",
    "The loss comes back as a tensor with its graph: return loss.item(), or the log keeps "
    "every graph.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@mistake(
    "training_step",
    "returns_nothing",
    "Nothing is returned: the caller wants the loss for its log.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@mistake(
    "training_step",
    "one_t_for_all",
    "One t is drawn for the whole batch: each image needs its own.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (1,)).expand(x0.shape[0])
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "last_t_never",
    "t = T-1 never comes: the upper end of randint is left out already.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, max(len(alpha_bar) - 1, 1), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "first_t_never",
    "t = 0 never comes: randint must begin at 0.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(1, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "t_one_too_large",
    "t goes up to T, one too far: the indices end at T-1.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar) + 1, (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "t_not_uniform",
    "t is not uniform: rounding a normal number favors the middle.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = (
        (torch.randn(x0.shape[0]) * len(alpha_bar) / 6 + len(alpha_bar) / 2)
        .long()
        .clamp(0, len(alpha_bar) - 1)
    )
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "t_in_order",
    "t just counts through the batch: draw it at random.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.arange(x0.shape[0]) % len(alpha_bar)
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "t_always_zero",
    "t is always 0: the model only ever sees the least noise.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.zeros(x0.shape[0], dtype=torch.long)
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "t_scaled_for_model",
    "The model gets t / T: pass t itself.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t.float() / len(alpha_bar)), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "t_as_column",
    "The model gets t with shape (B, 1): pass it as (B,).",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t[:, None]), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "another_t_for_model",
    "The model is told another t than the one x_t was made with.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, torch.randint(0, len(alpha_bar), t.shape)), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "uniform_noise",
    "The noise is uniform on [0, 1): it must be standard normal.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.rand_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "shared_noise",
    "One noise for the whole batch: each image needs its own.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0[:1]).expand_as(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "one_number_for_each_image",
    "One number of noise for all pixels of an image: draw one for each pixel.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn(x0.shape[0], 1, 1, 1).expand_as(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "no_roots",
    "The square roots in x_t are missing.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab * x0 + (1 - ab) * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "root_outside",
    "1 - sqrt(alpha_bar) stands for sqrt(1 - alpha_bar).",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab.sqrt()) * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "factors_swapped",
    "The factors of data and noise are swapped.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = (1 - ab).sqrt() * x0 + ab.sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "simple_sum",
    "x_t is x0 + noise: without the factors t means nothing.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = x0 + noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "wrong_axis",
    "alpha_bar[t] meets the last axis: it needs the shape (B, 1, 1, 1).",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "only_points",
    "alpha_bar[t] has shape (B, 1), which fits points: images need (B, 1, 1, 1).",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "target_x0",
    "The target is x0: the model must guess the noise.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), x0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "target_fresh_noise",
    "The target is fresh noise that is not in x_t.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), torch.randn_like(x0))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "negative_target",
    "The sign of the target is flipped.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), -noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "clean_input",
    "The model gets the clean images: there is no noise to be found.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x0, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "summed",
    "The loss is a sum over all pixels: it must be the mean.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise, reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "mean_over_batch_only",
    "The loss sums over the pixels: it must be the mean over all elements.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = (model(x_t, t) - noise).pow(2).flatten(1).sum(1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "absolute_error",
    "Absolute errors are averaged: the squared error is due.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.l1_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "root_of_loss",
    "The square root of the mean is taken: the mean square itself is due.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise).sqrt()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "halved",
    "There is a factor 1/2 too many.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = 0.5 * F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "loss_after_step",
    "The loss that is returned is computed after the step, with another call of the model.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return F.mse_loss(model(x_t, t), noise).item()


@mistake(
    "training_step",
    "total_loss_returned",
    "The returned loss is multiplied by the batch size: return the mean.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item() * x0.shape[0]


@mistake(
    "training_step",
    "seeded",
    "The seed is fixed inside: each step sees the same noise and the same t.",
)
def training_step(model, optimizer, x0, alpha_bar):
    torch.manual_seed(0)
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "stepped_twice",
    "The optimizer steps twice for one gradient.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "gradient_ascent",
    "The sign of the loss is flipped before backward: that climbs.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "cumprod_again",
    "A running product of alpha_bar is taken again: it already is one.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = torch.cumprod(alpha_bar, dim=0)[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "in_place_batch",
    "The clean batch itself was changed: the next epoch would train on noise.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x0 *= ab.sqrt()
    x_t = x0.add_((1 - ab).sqrt() * noise)
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "x_t_clamped",
    "x_t is clamped to [-1, 1]: noisy images lie outside too.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    x_t = x_t.clamp(-1, 1)
    loss = F.mse_loss(model(x_t, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "training_step",
    "detached",
    "The model's answer is cut from the graph (detach or no_grad): nothing is trained.",
)
def training_step(model, optimizer, x0, alpha_bar):
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    noise = torch.randn_like(x0)
    ab = alpha_bar[t][:, None, None, None]
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    loss = F.mse_loss(model(x_t, t).detach().requires_grad_(), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# ---------------------------------------------------------------- sample_images


@mistake(
    "sample_images",
    "not_clamped",
    "The finished images are not clamped: values beyond [-1, 1] remain.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x


@mistake(
    "sample_images",
    "clamped_to_unit",
    "The images are clamped to [0, 1]: their range is [-1, 1].",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(0, 1)


@mistake(
    "sample_images",
    "mapped_to_unit",
    "The images are mapped to [0, 1]: leave that to the picture, [-1, 1] is due.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return (x.clamp(-1, 1) + 1) / 2


@mistake(
    "sample_images",
    "tanh",
    "tanh squeezes the images: values inside the range must stay as they are.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return torch.tanh(x)


@mistake(
    "sample_images",
    "rescaled",
    "The images are divided by their largest value: clamp them instead.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x / x.abs().max()


@mistake(
    "sample_images",
    "clamped_each_step",
    "x_t is clamped at each step: noisy images lie outside [-1, 1], only clean ones may be "
    "clamped.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
            x = x.clamp(-1, 1)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "starts_from_zeros",
    "The start is zeros: it must be noise from N(0, I).",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.zeros(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "starts_uniform",
    "The start is uniform noise: it must be standard normal.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.rand(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "forward_in_time",
    "The loop runs from t = 0 up: the noise is removed from the last step down.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in range(len(betas)):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "skips_zero",
    "t = 0 is left out: a rest of noise stays.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in range(len(betas) - 1, 0, -1):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "counts_from_one",
    "The loop runs from T to 1: the steps are 0 ... T-1.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in range(len(betas), 0, -1):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "every_second_step",
    "Every second step is left out: this formula goes back one step only.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(0, len(betas), 2)):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "noise_at_zero",
    "Noise is added at t = 0 too: the images stay grainy.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "no_noise",
    "No noise is added at any step: the images lose their variety.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "variance_as_std",
    "beta_t is a variance: multiply the noise by its root.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t] * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "uniform_noise",
    "The noise of the steps is uniform: it must be standard normal.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.rand_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "shared_noise",
    "All images get the same noise in a step.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x[:1])
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "re_noised",
    "The noise has the size sqrt(1 - alpha_bar_t): each step undoes its own work.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + (1 - alpha_bar[t]).sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "all_noise_at_once",
    "1 - alpha_bar_t stands in place of beta_t: that removes all the noise in one step.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - (1 - alpha_bar[t]) / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "divided_by_root_alpha_bar",
    "The step is divided by sqrt(alpha_bar_t): one step is undone with sqrt(alpha_t).",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alpha_bar[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "root_missing",
    "beta_t is divided by 1 - alpha_bar_t: the square root is missing.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]) * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "root_of_alpha_missing",
    "The step is divided by alpha_t: it must be sqrt(alpha_t).",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t]
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "not_divided",
    "The division by sqrt(alpha_t) is missing.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "noise_added_back",
    "The predicted noise is added: it must be subtracted.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x + betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "alpha_for_alpha_bar",
    "1 - alpha_t stands under the root: it must be 1 - alpha_bar_t.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alphas[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "no_running_product",
    "alpha_bar is not a running product.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = alphas
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "product_of_betas",
    "alpha_bar is the product of the betas.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(betas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "graph_kept",
    "Gradients are on: the graph of all steps fills the memory.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.enable_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "time_as_int",
    "The model gets t as an int: it needs a (B,) long tensor.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, t)
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "time_scaled",
    "The model gets t / T: pass t itself.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t / len(betas)))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "time_not_batched",
    "The model gets t with shape (1,): it needs one for each image.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.tensor([t]))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "time_reversed",
    "The model is told T - 1 - t.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), len(betas) - 1 - t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "time_plus_one",
    "The model is told t + 1: t counts from 0, as in the training.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t + 1))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "seeded",
    "The seed is fixed inside: every call gives the same images.",
)
def sample_images(model, num_images, size, betas):
    torch.manual_seed(0)
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "flat_images",
    "The images are flat rows: the shape (N, C, H, W) is due.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1).flatten(1)


@mistake(
    "sample_images",
    "one_image",
    "One image is drawn and repeated: draw noise for each.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, 1, size)).repeat(num_images, 1, 1, 1)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "x0_at_each_step",
    "The predicted clean image is returned at every step: go back one step only.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (x - (1 - alpha_bar[t]).sqrt() * eps) / alpha_bar[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "noise_before_division",
    "The noise is added before the division by sqrt(alpha_t): it comes out too large.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            noise = torch.randn_like(x) if t > 0 else 0.0
            x = x - betas[t] / (1 - alpha_bar[t]).sqrt() * eps + betas[t].sqrt() * noise
            x = x / alphas[t].sqrt()
    return x.clamp(-1, 1)


@mistake(
    "sample_images",
    "result_thrown_away",
    "Each step starts from the first noise again: keep the result.",
)
def sample_images(model, num_images, size, betas):
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    start = x = torch.randn(image_shape(model, num_images, size))
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((num_images,), t))
            x = (start - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x.clamp(-1, 1)


# ---------------------------------------------------------------- cosine_beta_schedule


@mistake(
    "cosine_beta_schedule",
    "no_square",
    "The cosine is not squared.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2)
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "ratio_inverted",
    "The ratio is upside down: the betas come out negative.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[:-1] / f[1:]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "half_period_missing",
    "pi stands for pi / 2: alpha_bar goes up again in the second half.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "offset_missing",
    "s is ignored: the first beta is far too small.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos(u * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "offset_not_normalized",
    "The division by 1 + s is missing: f does not end at 0.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "not_clamped",
    "The last beta is 1: cut it to 0.999, or no signal is left to divide by.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).float()


@mistake(
    "cosine_beta_schedule",
    "alpha_bar_returned",
    "f itself is returned: the betas are due.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return f[1:].float()


@mistake(
    "cosine_beta_schedule",
    "alphas_returned",
    "The alphas are returned: the betas, 1 minus them, are due.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "one_too_many",
    "There are T + 1 values: T betas are due.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - torch.cat([f[1:], f[-1:]]) / f).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "one_too_few",
    "There are T - 1 values: f is needed at T + 1 points.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "differences",
    "f(t) - f(t + 1) is no beta: divide by f(t).",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (f[:-1] - f[1:]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "one_minus_f",
    "1 - f(t) is 1 - alpha_bar, the noise of all steps so far.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "sine",
    "A sine stands in place of the cosine: the noise falls.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.sin((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "squared_ratio",
    "The root of the ratio is taken: alpha_t is the ratio itself.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - (f[1:] / f[:-1]).sqrt()).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "default_s",
    "The default of s is 0.008.",
)
def cosine_beta_schedule(T, s=0.08):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "clamped_low",
    "The betas are cut at 0.02: only the last ones need a limit, 0.999.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.02).float()


@mistake(
    "cosine_beta_schedule",
    "time_minus_one",
    "u is divided by T - 1: f must reach its end at u = T.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / max(T - 1, 1)
    f = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


@mistake(
    "cosine_beta_schedule",
    "degrees",
    "The angle is in degrees: torch.cos takes radians.",
)
def cosine_beta_schedule(T, s=0.008):
    u = torch.arange(T + 1, dtype=torch.float64) / T
    f = torch.cos((u + s) / (1 + s) * 90) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999).float()


# ---------------------------------------------------------------- ddim_step


@mistake(
    "ddim_step",
    "sigma_factor_missing",
    "sigma lacks the factor sqrt((1 - ab_prev) / (1 - ab_t)).",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "root_of_sigma",
    "The root of sigma multiplies the noise: sigma itself does.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma**0.5 * noise


@mistake(
    "ddim_step",
    "root_on_x0_missing",
    "x0 is multiplied by ab_prev: the square root is missing.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "stays_at_t",
    "x0 is multiplied by sqrt(ab_t): the step stays where it was.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_t**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "x0_not_rescaled",
    "x0 is not divided by sqrt(ab_t).",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = x_t - (1 - ab_t) ** 0.5 * eps
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "x0_divided_by_ab",
    "x0 is divided by ab_t: the square root is missing.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "sigma_swapped",
    "ab_t and ab_prev are swapped in sigma.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_t) / (1 - ab_prev)) ** 0.5 * (1 - ab_prev / ab_t).abs() ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "direction_keeps_all",
    "sigma^2 is not taken off the direction: variance is added.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "direction_sigma_not_squared",
    "sigma is subtracted under the root: sigma^2 must be.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "direction_at_t",
    "The direction has 1 - ab_t: it must be 1 - ab_prev.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_t - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "direction_missing",
    "The direction to x_t is missing: only x0 is scaled.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + sigma * noise


@mistake(
    "ddim_step",
    "direction_minus",
    "The direction is subtracted: it must be added.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 - direction + sigma * noise


@mistake(
    "ddim_step",
    "direction_without_root",
    "The direction lacks its square root.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "eta_ignored",
    "eta is ignored: with 0 there must be no chance.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "eta_squared",
    "eta is squared in sigma.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta**2 * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "noise_ignored",
    "The given noise is ignored.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if True:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "no_noise_drawn",
    "Without a given noise, zeros are used: draw it from N(0, I).",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.zeros_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "uniform_noise",
    "The noise is uniform: it must be standard normal.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.rand_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "noise_left_out",
    "sigma * noise is missing.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction


@mistake(
    "ddim_step",
    "noise_plus",
    "The predicted noise is added in x0: it must be subtracted.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t + (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "x0_clamped",
    "x0 is clamped to [-1, 1], which the formula does not do.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    x0 = x0.clamp(-1, 1)
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "ddpm_variance",
    "sigma^2 is beta = 1 - ab_t / ab_prev: the factor of the posterior is missing.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "variance_as_sigma",
    "sigma is a variance here: its roots are missing.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * (1 - ab_prev) / (1 - ab_t) * (1 - ab_t / ab_prev)
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "default_eta_one",
    "By default eta is 0: a path without chance.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=1.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "shared_noise",
    "One noise for the whole batch.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t[:1])
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return ab_prev**0.5 * x0 + direction + sigma * noise


@mistake(
    "ddim_step",
    "only_x0",
    "The predicted x0 is returned: go to ab_prev.",
)
def ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=None):
    x0 = (x_t - (1 - ab_t) ** 0.5 * eps) / ab_t**0.5
    sigma = eta * ((1 - ab_prev) / (1 - ab_t)) ** 0.5 * (1 - ab_t / ab_prev) ** 0.5
    if noise is None:
        noise = torch.randn_like(x_t)
    direction = (1 - ab_prev - sigma**2) ** 0.5 * eps
    return x0
