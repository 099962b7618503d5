"""How numbers are computed on this machine: device, half precision, and the fastest fp32 matmul."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from lab.config import TrainConfig
from lab.errors import ConfigError

_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Precision:
    """Automatic mixed precision, as far as the device gains from it.

    Args:
        device: where the model lives.
        dtype: of autocast; None for float32 throughout.
        scaled: whether gradients would underflow in `dtype` and are scaled (Micikevicius et al.
            2018, section 3.2).
    """

    device: torch.device
    dtype: torch.dtype | None
    scaled: bool

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """For the forward pass; losses are computed in float32 outside."""
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def scaler(self) -> torch.amp.GradScaler:
        """Scales the loss, or does nothing where that is not needed."""
        return torch.amp.GradScaler(self.device.type, enabled=self.scaled)

    def __str__(self) -> str:
        name = "float32" if self.dtype is None else str(self.dtype).removeprefix("torch.")
        return f"{self.device} in {name}"


def choose(config: TrainConfig) -> Precision:
    """The device and the precision that a configuration asks for.

    `amp: auto` uses half precision on CUDA and float32 elsewhere; `always` uses bfloat16 on the
    CPU too.

    Raises:
        ConfigError: the device is unknown or not there.
    """
    device = pick_device(config.device)
    if config.amp == "never" or (config.amp == "auto" and device.type != "cuda"):
        return Precision(device, None, scaled=False)
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return Precision(device, torch.float16, scaled=True)
    return Precision(device, torch.bfloat16, scaled=False)


def pick_device(name: str) -> torch.device:
    """`auto` is the first CUDA device, else the CPU.

    Raises:
        ConfigError: the device is unknown or not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError):
        raise ConfigError(
            f"train.device is {name!r}, and torch cannot use that here.", "Set train.device=auto."
        ) from None
    return device


@contextlib.contextmanager
def fast_matmul(device: torch.device) -> Iterator[bool]:
    """Let oneDNN multiply float32 matrices where MKL is slow and oneDNN is as exact.

    MKL takes its AVX2 kernels on AMD; oneDNN, which torch has for convolutions anyway, takes
    AVX-512 where there is one. The switch that hands it plain matrices also allows bfloat16
    inside, which processors with units for it use: there the switch stays off, and so it does
    everywhere but on AMD.

    Yields:
        whether oneDNN is used.
    """
    settings = getattr(torch.backends.mkldnn, "matmul", None)
    use = device.type == "cpu" and hasattr(settings, "fp32_precision") and _onednn_is_exact()
    before = settings.fp32_precision if use else None  # type: ignore[union-attr]
    try:
        if use:
            settings.fp32_precision = "bf16"  # type: ignore[union-attr]
        yield use
    finally:
        if use:
            settings.fp32_precision = before  # type: ignore[union-attr]


@cache
def _onednn_is_exact() -> bool:
    """Whether this is an AMD processor on which the switch keeps float32's digits."""
    libraries = (torch.backends.mkl, torch.backends.mkldnn)
    if not all(library.is_available() for library in libraries):
        return False
    if "AuthenticAMD" not in _processor():
        return False
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = settings.fp32_precision
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(128, 512, generator=generator) for _ in range(2))
    exact = a.double() @ b.double().T
    try:
        settings.fp32_precision = "bf16"
        error = (a @ b.T - exact).abs().max() / exact.abs().max()
    except RuntimeError:
        return False
    finally:
        settings.fp32_precision = before
    return bool(error < 1e-5)  # bfloat16 has 3 digits: its error is 1e-3


def _processor() -> str:
    try:
        return _CPU_INFO.read_text(encoding="utf-8", errors="replace")[:4096]
    except OSError:
        return platform.processor()
