"""Plain data to bytes and back: msgpack, with tensors as raw buffers; never pickle.

Only exact forms are taken in; anything else is a ProtocolError. Strides are lost, and a tensor's
subclass: both ends see a contiguous plain tensor.
"""

from __future__ import annotations

import collections
import struct
from collections.abc import Callable
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
import torch

from .errors import PeerGone, ProtocolError, Unsendable
from .forms import (
    KEYS,
    as_tensor,
    exactly,
    from_array,
    index_in,
    is_key,
    listed,
    named,
    whole,
)
from .tensors import DTYPES, NAMES, check_shape, raw_bytes

MAX_ITEMS = 200_000
MAX_CONTAINERS = 50_000
MAX_NESTING = 40
(
    X_TENSOR, X_TUPLE, X_SIZE, X_SET, X_FROZENSET, X_NAMED, X_ORDERED, X_DTYPE, X_DEVICE, X_COMPLEX,
    X_BIG, X_SLICE, X_RANGE, X_ELLIPSIS, X_ARRAY, X_OUTPUT, X_PARAM, X_GENERATOR,
    X_OBJECT, X_METHOD, X_GUEST, X_MODULE, X_BACK, X_SPACE, X_ITERATOR,
) = range(1, 26)  # fmt: skip
_COMPLEX = struct.Struct("<dd")
Pack = Callable[[Any], bytes]


class Outgoing:
    """One message being packed: its buffers, and the tensors whose graph stays here."""

    __slots__ = ("buffers", "made", "mode", "outputs", "told")

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.buffers: list[memoryview] = []
        self.outputs: list[torch.Tensor] = []
        self.made: list[int] = []
        self.told: list[int] = []


class Incoming:
    """One message being read, with counts that stay under the limits."""

    __slots__ = ("buffers", "containers", "leaves", "nesting", "outputs", "used")

    def __init__(self, buffers: list[torch.Tensor]) -> None:
        self.buffers = buffers
        self.used: set[int] = set()
        self.outputs: tuple[torch.Tensor, ...] = ()
        self.leaves: list[tuple[int, torch.Tensor]] = []
        self.containers = 0
        self.nesting = 0


class Codec:
    """Packs and reads values; `Peer` adds what needs memory of earlier messages."""

    def pack_value(self, value: Any, out: Outgoing) -> bytes:
        """A value as msgpack, its tensors' bytes in `out`; Unsendable when it has no plain form."""

        def default(thing: Any) -> Any:
            return self._encode(thing, out, pack)

        def pack(thing: Any) -> bytes:
            return _packb(thing, default)

        try:
            return pack(value)
        except Unsendable:
            raise
        except (ValueError, OverflowError, RecursionError) as error:
            raise Unsendable(f"a value cannot be sent: {error}") from None

    def read_value(self, raw: bytes, inc: Incoming) -> Any:
        """The value that `raw` tells of; ProtocolError unless it is exactly well formed."""

        def hook(code: int, data: bytes) -> Any:
            return self._decode(code, data, inc, read)

        def pairs(items: list[tuple[Any, Any]]) -> dict[Any, Any]:
            _count(inc)
            found = {}
            for key, value in items:
                if type(key) not in KEYS:
                    raise ProtocolError("bad key")
                found[key] = value
            return found

        def listed(items: list[Any]) -> list[Any]:
            _count(inc)
            return items

        def read(data: bytes) -> Any:
            inc.nesting += 1
            if inc.nesting > MAX_NESTING:
                raise ProtocolError("nested too deeply")
            most = min(len(data), MAX_ITEMS)
            value = msgpack.unpackb(
                data, ext_hook=hook, raw=False, strict_map_key=False, use_list=True,
                max_array_len=most, max_map_len=most, object_pairs_hook=pairs, list_hook=listed,
            )  # fmt: skip
            inc.nesting -= 1
            return value

        try:
            return read(raw)
        except (ProtocolError, PeerGone):
            raise
        except Exception as error:
            raise ProtocolError(f"undecodable frame ({type(error).__name__})") from None

    # what a Peer adds
    def tensor_out(self, tensor: torch.Tensor, out: Outgoing, pack: Pack) -> Any:
        """An ExtType that stands for the tensor, or its autograd note, or None."""
        return None

    def tensor_in(self, tensor: torch.Tensor, note: Any, inc: Incoming) -> torch.Tensor:
        """A tensor that came with an autograd note."""
        raise ProtocolError("unexpected autograd note")

    def param_in(self, data: Any) -> torch.Tensor:
        """The parameter that a note names."""
        raise ProtocolError("unexpected parameter")

    def object_out(self, thing: Any, out: Outgoing, pack: Pack) -> msgpack.ExtType:
        """What stands for a value that has no plain form."""
        raise Unsendable(f"a {type(thing).__name__} cannot be sent")

    def object_in(self, code: int, data: Any) -> Any:
        """What a note of `object_out` stands for."""
        raise ProtocolError("unexpected object")

    def _encode(self, thing: Any, out: Outgoing, pack: Pack) -> Any:
        ext = msgpack.ExtType
        if isinstance(thing, torch.Tensor):
            return self._encode_tensor(thing, out, pack)
        kind = type(thing)
        if kind is tuple:
            return ext(X_TUPLE, pack(list(thing)))
        if kind is torch.Size:
            return ext(X_SIZE, pack(list(thing)))
        if isinstance(thing, tuple) and hasattr(thing, "_fields"):
            return ext(X_NAMED, pack([kind.__name__, list(thing._fields), list(thing)]))
        if isinstance(thing, np.ndarray | np.generic):
            return ext(
                X_ARRAY,
                pack([np.ndim(thing) == 0 and isinstance(thing, np.generic), as_tensor(thing)]),
            )
        if kind is int:
            if thing.bit_length() > 8000:
                raise Unsendable("an integer of more than 8000 bits cannot be sent")
            return ext(X_BIG, thing.to_bytes(thing.bit_length() // 8 + 1, "little", signed=True))
        # Subclasses, such as a StrEnum, come over as what they derive from.
        if isinstance(thing, str):
            return str.__str__(thing)
        if isinstance(thing, int):
            return int(thing)
        if isinstance(thing, float):
            return float(thing)
        if isinstance(thing, bytes):
            return bytes(thing)
        if kind in (collections.OrderedDict, collections.defaultdict, collections.Counter):
            return ext(X_ORDERED, pack([[k, v] for k, v in thing.items()]))
        for cls, code in ((set, X_SET), (frozenset, X_FROZENSET)):
            if kind is cls:
                return ext(code, pack(list(thing)))
        if kind is torch.dtype and thing in NAMES:
            return ext(X_DTYPE, NAMES[thing].encode())
        if kind is torch.device:
            return ext(X_DEVICE, b"")
        if kind is complex:
            return ext(X_COMPLEX, _COMPLEX.pack(thing.real, thing.imag))
        if kind is slice:
            return ext(X_SLICE, pack([thing.start, thing.stop, thing.step]))
        if kind is range:
            return ext(X_RANGE, pack([thing.start, thing.stop, thing.step]))
        if thing is ...:
            return ext(X_ELLIPSIS, b"")
        if kind is torch.Generator:
            return ext(X_GENERATOR, bytes(raw_bytes(thing.get_state())))
        return self.object_out(thing, out, pack)

    def _encode_tensor(self, tensor: torch.Tensor, out: Outgoing, pack: Pack) -> msgpack.ExtType:
        if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
            raise Unsendable(
                "torch.func transforms (grad, vmap) do not pass through the student's code; "
                "use torch.autograd.grad or a loop"
            )
        if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized:
            raise Unsendable("only dense tensors with values can be sent")
        name = NAMES.get(tensor.dtype)
        if name is None:
            raise Unsendable(f"a {tensor.dtype} tensor cannot be sent")
        note = self.tensor_out(tensor, out, pack)
        if isinstance(note, msgpack.ExtType):
            return note
        out.buffers.append(raw_bytes(tensor.cpu() if tensor.device.type != "cpu" else tensor))
        row = [name, list(tensor.shape), len(out.buffers) - 1]
        return msgpack.ExtType(X_TENSOR, _packb(row if note is None else [*row, note], None))

    def _decode(self, code: int, data: bytes, inc: Incoming, read: Callable[[bytes], Any]) -> Any:
        if code == X_TENSOR:
            return self._decode_tensor(data, inc)
        if code == X_TUPLE:
            return tuple(listed(read(data)))
        if code == X_OUTPUT:
            return inc.outputs[index_in(read(data), len(inc.outputs))]
        if code == X_PARAM:
            return self.param_in(read(data))
        if code == X_SIZE:
            return torch.Size(whole(read(data)))
        if code == X_NAMED:
            return named(read(data))
        if code == X_ARRAY:
            return from_array(read(data))
        if code == X_ORDERED:
            return collections.OrderedDict(
                (k, v) for k, v in (exactly(row, 2) for row in listed(read(data))) if is_key(k)
            )
        if code == X_SET:
            return set(listed(read(data)))
        if code == X_FROZENSET:
            return frozenset(listed(read(data)))
        if code == X_DTYPE:
            return DTYPES[bytes(data).decode()]
        if code == X_DEVICE:
            return torch.device("cpu")
        if code == X_COMPLEX:
            return complex(*_COMPLEX.unpack(data))
        if code == X_BIG:
            if len(data) > 1001:
                raise ProtocolError("integer too big")
            return int.from_bytes(data, "little", signed=True)
        if code == X_SLICE:
            return slice(*exactly(read(data), 3))
        if code == X_RANGE:
            return range(*whole(exactly(read(data), 3)))
        if code == X_ELLIPSIS:
            return ...
        if code == X_GENERATOR:
            return self.generator_in(data)
        return self.object_in(code, read(data))

    def generator_in(self, data: bytes) -> torch.Generator:
        """A generator's state; only a worker takes one in."""
        raise ProtocolError("unexpected generator")

    def _decode_tensor(self, data: bytes, inc: Incoming) -> torch.Tensor:
        row = msgpack.unpackb(data, max_array_len=64, max_map_len=0)
        if type(row) is not list or not 3 <= len(row) <= 4:
            raise ProtocolError("bad tensor header")
        dtype, shape, size = check_shape(row[0], row[1])
        at = index_in(row[2], len(inc.buffers))
        if at in inc.used:
            raise ProtocolError("a buffer is used twice")
        inc.used.add(at)
        raw = inc.buffers[at]
        if size != len(raw):
            raise ProtocolError("a tensor's size does not match its bytes")
        if not size:
            tensor = torch.empty(shape, dtype=dtype)
        elif dtype is torch.bool:
            # Bytes other than 0 and 1 in a bool tensor are undefined behaviour.
            tensor = raw.ne(0).view(shape)
        else:
            tensor = raw.view(dtype).view(shape)
        return tensor if len(row) == 3 else self.tensor_in(tensor, row[3], inc)


def _packb(thing: Any, default: Callable[[Any], Any] | None) -> bytes:
    packed: bytes = msgpack.packb(
        thing, default=default, strict_types=True, use_bin_type=True, unicode_errors="replace"
    )
    return packed


def _count(inc: Incoming) -> None:
    inc.containers += 1
    if inc.containers > MAX_CONTAINERS:
        raise ProtocolError("too many containers")
