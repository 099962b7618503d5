"""The in-process twin of a session: same helpers, same RNG rule, same trace, no sandbox."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NoReturn

import torch
from torch import nn

from . import rng
from .allow import Allowance
from .core import Core
from .errors import InputChanged, StudentError, describe, own_frames, safe_text
from .host import OWN, Host, Info, inform, is_plain
from .proxy import Method, Proxy, make_proxy
from .student import Student
from .trace import Trace, callable_name
from .watch import tensors_in, watch

__tracebackhide__ = True  # pytest shows the test and the student's file instead

_OWN = "_border_own"


class LocalBackend:
    """Runs student code in this process; what is no plain value is handed out as a proxy."""

    def __init__(self, module: types.ModuleType, trace: Trace | None) -> None:
        self.trace = trace
        self.host = Host(module)
        self.allowance = Allowance()
        self._proxies: weakref.WeakValueDictionary[int, Proxy] = weakref.WeakValueDictionary()
        self._inside = 0  # how many calls of the student's are running
        self._judging = 0  # how many of the judge's callables the innermost of them is waiting for
        self._judge_state: list[rng.State] = []

    def invoke(
        self, target: Proxy, name: str | None, args: Any, kwargs: Any, seed: int | None, title: str
    ) -> Any:
        """Run a call from its seed; raises what the student's code raises."""
        thing = target._border_core.ref
        with ExitStack() as stack:
            real = tuple(self._unwrap(value, stack) for value in args)
            named = {key: self._unwrap(value, stack) for key, value in kwargs.items()}
            seen = [] if seed is None else watch(self._foreign(real, named))
            result = self._run(seed, lambda: self.host.call(thing, name, real, named))
        places = [w.place for w in seen if w.changed() and not self.allowance.covers(w.tensor)]
        if places:
            raise InputChanged(title, places)
        return self._wrap(result)

    def fault(self, what: str) -> NoReturn:
        """A student object gave what no object of its kind gives."""
        raise TypeError(what)

    def step(self, target: Proxy, seed: int | None) -> tuple[bool, Any]:
        more, item = self._run(seed, lambda: self.host.step(target._border_core.ref))
        return more, self._wrap(item)

    def get(self, target: Proxy, name: str) -> tuple[bool, Any]:
        method, value = self._run(None, lambda: self.host.get(target._border_core.ref, name))
        return method, self._wrap(value)

    def set(self, target: Proxy, name: str, value: Any) -> None:
        with ExitStack() as stack:
            setattr(target._border_core.ref, name, self._unwrap(value, stack))

    def delete(self, target: Proxy, name: str) -> None:
        delattr(target._border_core.ref, name)

    def names(self, target: Proxy) -> list[str]:
        return self.host.names(target._border_core.ref)

    def signature(self, target: Proxy, name: str | None) -> Any:
        return self.host.signature(target._border_core.ref, name)

    def doc(self, target: Proxy, name: str | None) -> str | None:
        return self.host.doc(target._border_core.ref, name)

    def copy(self, target: Proxy) -> Any:
        return self._wrap(self.host.copy(target._border_core.ref))

    def make(self, dotted: str, args: Any, kwargs: Any, seed: int) -> Any:
        with ExitStack() as stack:
            real = tuple(self._unwrap(value, stack) for value in args)
            named = {key: self._unwrap(value, stack) for key, value in kwargs.items()}
            return self._wrap(self._run(seed, lambda: self.host.make(dotted, real, named)))

    def patch(self, dotted: str, replacement: Callable[..., Any]) -> None:
        path, _, name = dotted.rpartition(".")
        original: Any = getattr(self.host.owner_of(path), name, None)
        own = path.split(".")[0] == OWN
        backend = self

        def replaced(*args: Any, **kwargs: Any) -> Any:
            if not own and (not backend._inside or backend._judge_state[-1:] == []):
                return original(*args, **kwargs)
            return backend._call_judge(replacement, args, kwargs)

        replaced.takes_seed = getattr(replacement, "takes_seed", False)  # type: ignore[attr-defined]
        self.host.patch(dotted, replaced)

    def unpatch(self) -> None:
        self.host.unpatch()

    def log_start(self) -> None:
        self.host.log_start()

    def log_stop(self) -> list[tuple[str, tuple[int, ...]]]:
        return self.host.log_stop()

    def allow(self, things: tuple[Any, ...]) -> Any:
        return self.allowance.block(things)

    def proxy(self, thing: Any) -> Proxy:
        """The one proxy of an object."""
        found = self._proxies.get(id(thing))
        if found is None:
            found = self._proxies[id(thing)] = make_proxy(self, thing, inform(thing))
        return found

    def _run(self, seed: int | None, body: Callable[[], Any]) -> Any:
        self._inside += 1
        judging, self._judging = self._judging, 0
        try:
            if seed is None:
                return body()
            before = rng.save()
            self._judge_state.append(before)
            try:
                rng.plant(seed)
                return body()
            finally:
                rng.restore(self._judge_state.pop())
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:
            told = describe(error, self.host.file)
            frames = tuple(own_frames(error, self.host.file))
            raise StudentError(safe_text(told["message"]), told["type"], frames) from error
        finally:
            self._judging = judging
            self._inside -= 1

    def _foreign(self, args: Any, kwargs: dict[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
        for place, tensor in tensors_in(args, kwargs):
            if not getattr(tensor, _OWN, False):
                yield place, tensor

    def _unwrap(self, value: Any, stack: ExitStack) -> Any:
        kind = type(value)
        if kind in (list, tuple, set, frozenset):
            return kind(self._unwrap(item, stack) for item in value)
        if kind is dict:
            return {key: self._unwrap(item, stack) for key, item in value.items()}
        if isinstance(value, torch.Tensor) or value is None:
            return value
        if issubclass(kind, Proxy):
            return value._border_core.ref
        if kind is Method:
            return getattr(value._border_owner._border_core.ref, value._border_name)
        if isinstance(value, nn.Module):
            self._listen(value, stack)
            return value
        if callable(value) and not isinstance(value, type):
            return _Guest(self, value)
        return value

    def _wrap(self, value: Any) -> Any:
        kind = type(value)
        if kind in (list, tuple, set, frozenset):
            return kind(self._wrap(item) for item in value)
        if isinstance(value, tuple) and hasattr(value, "_make"):
            return value._make(self._wrap(item) for item in value)
        if isinstance(value, dict) and is_plain(value):
            for key in value:
                value[key] = self._wrap(value[key])
            return value
        if isinstance(value, nn.Parameter):
            setattr(value, _OWN, True)
            return value
        if is_plain(value):
            return value
        if kind is _Guest:
            return value.function
        return self.proxy(value)

    def _listen(self, module: nn.Module, stack: ExitStack) -> None:
        """Note what student code calls of a module, and run that on the judge's generators."""
        depth = [0]

        def before(called: nn.Module, args: tuple[Any, ...]) -> None:
            depth[0] += 1
            if depth[0] == 1 and self._inside and not self._judging:
                if self.trace is not None:
                    self.trace.callback(callable_name(called), args)
                self._swap()

        def after(called: nn.Module, args: Any, output: Any) -> None:
            if depth[0] == 1 and self._inside and not self._judging:
                self._swap()
            depth[0] -= 1

        for part in module.modules():
            stack.callback(part.register_forward_pre_hook(before).remove)
            stack.callback(part.register_forward_hook(after, always_call=True).remove)

    def _call_judge(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        args = tuple(arg.function if type(arg) is _Guest else arg for arg in args)
        if self.trace is not None:
            self.trace.callback(callable_name(function), args)
        self._swap()
        self._judging += 1
        try:
            return function(*args, **kwargs)
        finally:
            self._judging -= 1
            self._swap()

    def _swap(self) -> None:
        """Exchange the student's generators for the judge's, or back."""
        if self._judge_state:
            mine = rng.save()
            rng.restore(self._judge_state[-1])
            self._judge_state[-1] = mine


class _Guest:
    """A judge's function as student code sees it."""

    def __init__(self, backend: LocalBackend, function: Callable[..., Any]) -> None:
        self.backend = backend
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.backend._call_judge(self.function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


class LocalStudent(Student):
    """The student's module in this process; use it like `Session.student`.

    Args:
        module: the imported module.
        trace: where calls are noted.
    """

    __slots__ = ()

    def __init__(self, module: types.ModuleType, trace: Trace | None = None) -> None:
        info = Info("object", module.__name__.rpartition(".")[2], "", ())
        core = Core(LocalBackend(module, trace), module, info)
        core.origin = (None, "")
        super().__init__(core)
