"""What assignment tests assert with: a failure names the symptom, what came and what was due."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

_SHOWN = 8  # elements of a tensor that a message shows
_LINE, _ITEMS, _DEPTH = 400, 6, 3  # of any other value: characters, items, nesting
_NOTHING = "The function returns None: is the return missing?"
# pytest then shows a student the line of the test, not the lines of this file.
__tracebackhide__ = True


class Mismatch(AssertionError):
    """A student's result is not what it should be.

    Attributes:
        symptom: one sentence that tells the student what is wrong.
        got, expected: short texts of both, "" when there is nothing to show.
    """

    def __init__(self, symptom: str, got: str = "", expected: str = "") -> None:
        lines = [symptom]
        if got:
            lines.append(f"  got:      {got}")
        if expected:
            lines.append(f"  expected: {expected}")
        super().__init__("\n".join(lines))
        self.symptom = symptom
        self.got = got
        self.expected = expected


def show(value: Any) -> str:
    """A value in one line: a tensor with shape, dtype (unless float32) and first elements."""
    if isinstance(value, Tensor):
        return _show_tensor(value)
    text = _show_plain(value, 0)
    return text if len(text) <= _LINE else text[: _LINE - 3] + "..."


def _show_plain(value: Any, depth: int) -> str:
    """Never `repr`: for a list of tensors it takes minutes, and a student's class can lie in it."""
    if isinstance(value, Tensor):
        return _show_tensor(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        long = value.bit_length() > 200
        return f"an integer of {value.bit_length()} bits" if long else str(value)
    if isinstance(value, str):
        return ascii(value[:_LINE]) if not value.isprintable() else f"{value[:_LINE]!r}"
    kind = " ".join(type(value).__name__.split())[:60]
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        if depth == _DEPTH:
            return f"a {kind}"
        if isinstance(value, Mapping):
            pairs = list(islice(value.items(), _ITEMS))
            items = [f"{_show_plain(k, _DEPTH)}: {_show_plain(v, depth + 1)}" for k, v in pairs]
        else:
            items = [_show_plain(item, depth + 1) for item in islice(value, _ITEMS)]
        more = ["..."] if len(value) > _ITEMS else []
        left, right = ("(", ")") if isinstance(value, tuple) else ("[", "]")
        left, right = ("{", "}") if isinstance(value, Mapping) else (left, right)
        return left + ", ".join([*items, *more]) + right
    if type(value).__module__.startswith("grading.border"):
        return " ".join(repr(value)[:_LINE].split())  # the border's own image of an object
    return f"a {kind}"


def _show_tensor(value: Tensor, digits: int = 6) -> str:
    kind = "" if value.dtype is torch.float32 else f" {str(value.dtype).removeprefix('torch.')}"
    if value.layout is not torch.strided or value.device.type == "meta":
        return f"tensor of shape {tuple(value.shape)}{kind} ({value.layout}, {value.device.type})"
    flat = value.detach().reshape(-1)[:_SHOWN]
    numbers = ", ".join(_number(item, digits) for item in flat.tolist())
    if value.dim() == 0:
        return f"{numbers}{kind and f' ({kind.strip()})'}"
    more = ", ..." if value.numel() > _SHOWN else ""
    return f"shape {tuple(value.shape)}{kind}: [{numbers}{more}]"


def _number(item: Any, digits: int = 6) -> str:
    return f"{item:.{digits}g}" if isinstance(item, float) else str(item)


def _as_tensor(value: Any, like: Tensor | None, what: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if value is None:
        raise Mismatch(_NOTHING, "None", "a tensor or a number")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        kind = f"a {type(value).__name__}"
        raise Mismatch(f"{what} should be a tensor or a number.", kind, "a tensor or a number")
    # In float64 and not the expected dtype: a Python number has no dtype to be wrong about.
    return torch.tensor(value, dtype=torch.float64 if like is None else like.dtype)


def close(
    got: Any,
    expected: Any,
    symptom: str,
    *,
    rtol: float = 1e-4,
    atol: float = 1e-5,
    name: str = "",
) -> None:
    """Pass when `got` equals `expected` within `atol + rtol * |expected|`, element by element.

    Type, shape, dtype and NaN or infinity are looked at first, each with a sentence of its own.

    Args:
        got: the student's tensor, float or int.
        expected: tensor or number that the test worked out itself.
        symptom: the sentence for the student when values differ.
        name: what the values are, where the symptom does not say; it is put in front of both.

    Raises:
        Mismatch: when they differ.
    """
    want = expected if isinstance(expected, Tensor) else torch.tensor(expected)
    have = _as_tensor(got, want if isinstance(expected, Tensor) else None, "The result")
    if have.layout is not torch.strided or have.device.type != want.device.type:
        raise Mismatch("The result should be an ordinary dense tensor.", show(have), show(want))
    if have.shape != want.shape:
        # Without the symptom, which speaks of values.
        text = f"The result has shape {tuple(have.shape)} where {tuple(want.shape)} is due."
        if want.dim() == 0:
            text = f"One number is due, a tensor of shape {tuple(have.shape)} came: reduce it."
        raise Mismatch(text, show(have), show(want))
    if have.is_complex() or (have.dtype is torch.bool and want.dtype is not torch.bool):
        raise Mismatch("The result should be a real number.", show(have), show(want))
    if isinstance(expected, Tensor) and have.dtype != want.dtype:
        raise Mismatch(
            f"The result is {str(have.dtype).removeprefix('torch.')} but its input was "
            f"{str(want.dtype).removeprefix('torch.')}: keep the dtype of the input.",
            show(have),
            show(want),
        )
    have64, want64 = have.detach().double(), want.detach().double()
    if bool(torch.isnan(have64).any()) and not bool(torch.isnan(want64).any()):
        off = torch.isnan(have64)
        texts = _named(name, *show_both(have, want, off))
        raise Mismatch(f"The result is NaN. {symptom}", *texts)
    if bool(torch.isinf(have64).any()) and not bool(torch.isinf(want64).any()):
        off = torch.isinf(have64)
        texts = _named(name, *show_both(have, want, off))
        raise Mismatch(f"The result is infinite. {symptom}", *texts)
    near = (have64 - want64).abs() <= atol + rtol * want64.abs()
    # Next to an infinity every number is near: it takes the same infinity. Nothing equals NaN,
    # which a test expects only where it compares two results of the student's.
    off = ~torch.where(want64.isfinite(), near, have64 == want64)
    if bool(off.any()):
        if not isinstance(got, Tensor):
            texts = _named(name, show(got), show(want))  # a number has no dtype to show
            raise Mismatch(symptom, *texts)
        raise Mismatch(symptom, *_named(name, *show_both(have, want, off)))


def _named(name: str, got: str, expected: str) -> tuple[str, str]:
    """Both texts with the name of what was measured in front of them."""
    return (f"{name} {got}", f"{name} {expected}") if name else (got, expected)


def show_both(have: Tensor, want: Tensor, off: Tensor) -> tuple[str, str]:
    """Two tensors of one shape, each in one line in which a difference can be seen.

    Args:
        off: bool, of the same shape: where they differ, somewhere at least.
    """
    index = tuple(int(i) for i in off.nonzero()[0])
    where = ", ".join(map(str, index))
    count = f"; {int(off.sum())} of {off.numel()} elements differ"
    for digits in (6, 10, 17):  # two numbers in float64 can agree in the first six
        one, other = (_number(value[index].item(), digits) for value in (have, want))
        if one != other:
            break
    else:
        digits = 6
    if have.numel() <= _SHOWN:
        return _show_tensor(have, digits), _show_tensor(want, digits)
    return f"{one} at [{where}]{count}", f"{other} at [{where}]"


def _show_apart(have: Any, want: Any) -> tuple[str, str]:
    """Two values of any kind; of long ones an element that differs, where there is one."""
    if isinstance(have, Tensor) and isinstance(want, Tensor) and have.shape == want.shape:
        off = have != want
        if bool(off.any()):
            return show_both(have, want, off)
    one, other = show(have), show(want)
    if one == other and isinstance(have, (list, tuple)):
        if len(have) != len(want):
            return f"{len(have)} items, {one}", f"{len(want)} items, {other}"
        for index, pair in enumerate(zip(have, want, strict=True)):
            one, other = map(show, pair)
            if one != other:
                return f"{one} at [{index}]", f"{other} at [{index}]"
    return one, other


def one_of(
    got: Any, expected: Sequence[Any], symptom: str, *, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """Pass when `got` is close to one of several right values; see `close`.

    The message of the first shows when it is close to none.
    """
    first: Mismatch | None = None
    for value in expected:
        try:
            return close(got, value, symptom, rtol=rtol, atol=atol)
        except Mismatch as error:
            first = first or error
    raise first or ValueError("one_of needs at least one expected value")


def raises(kind: type[Exception], call: Callable[[], Any], symptom: str | None = None) -> Exception:
    """Pass when `call()` raises `kind`; gives the exception.

    NotImplementedError is let through: an unwritten function is told as such.
    """
    try:
        result = call()
    except NotImplementedError:
        raise
    except kind as error:
        return error
    except AssertionError:
        raise
    except Exception as error:
        name = getattr(error, "type_name", type(error).__name__)
        if name in ("WorkerDied", "InputChanged"):
            raise
        text = symptom or f"A {kind.__name__} is due here, and another exception came."
        raise Mismatch(text, name, kind.__name__) from None
    raise Mismatch(
        symptom or f"A {kind.__name__} is due here, and none was raised.",
        show(result),
        kind.__name__,
    )


def equal(got: Any, expected: Any, symptom: str) -> None:
    """Pass when both are exactly equal; tensors by shape, dtype kind and every element."""
    if isinstance(expected, Tensor):
        have = _as_tensor(got, expected, "The result")
        same = have.shape == expected.shape and bool((have == expected).all())
    else:
        # The student's type must not decide equality: an object could claim to equal all.
        same = type(got) is type(expected) and bool(got == expected)
    if not same:
        raise Mismatch(symptom, *_show_apart(got, expected))


def differ(first: Tensor, second: Tensor, symptom: str) -> None:
    """Pass when two tensors are not the same number for number, as two draws of noise are not.

    Args:
        first, second: two results of the student's, or what went in and what came out.
        symptom: the sentence for the student when they are the same.
    """
    if torch.equal(first, second):
        raise Mismatch(symptom, f"the same twice, {show(first)}", "different numbers")


def agree(first: Tensor, second: Tensor, symptom: str) -> None:
    """Pass when two calls gave the same, number for number: nothing was drawn."""
    if not torch.equal(first, second):
        raise Mismatch(symptom, f"second call {show(second)}", f"as the first, {show(first)}")


def dtype(got: Tensor, expected: torch.dtype, symptom: str) -> None:
    """Pass when the dtype of `got` is `expected`."""
    if got.dtype != expected:
        raise Mismatch(symptom, str(got.dtype), str(expected))


def shape(got: Any, expected: Sequence[int], symptom: str | None = None) -> Tensor:
    """Pass when `got` is a tensor of shape `expected`; returns it."""
    due = tuple(expected)
    if got is None:
        raise Mismatch(_NOTHING, "None", f"a tensor of shape {due}")
    if not isinstance(got, Tensor):
        kind = f"a {type(got).__name__}"
        raise Mismatch(symptom or "A tensor is due here.", kind, f"a tensor of shape {due}")
    if tuple(got.shape) != due:
        text = symptom or f"The shape is {tuple(got.shape)} where {due} is due."
        raise Mismatch(text, f"shape {tuple(got.shape)}", f"shape {due}")
    return got


def that(condition: Any, symptom: str, *, got: Any = None, expected: Any = None) -> None:
    """Pass when `condition` is true; `got` and `expected` are shown when they are given."""
    if not bool(condition):
        raise Mismatch(
            symptom,
            "" if got is None else got if isinstance(got, str) else show(got),
            "" if expected is None else expected if isinstance(expected, str) else show(expected),
        )


def between(got: Any, low: float, high: float, symptom: str, *, name: str = "") -> None:
    """Pass when every element of `got` lies in [low, high]; NaN does not.

    Args:
        got: the student's tensor or number, or what a test measured of it.
        low, high: the bounds, both included.
        symptom: the sentence for the student when an element lies outside.
        name: what the numbers are, such as "mean"; it is put in front of both.
    """
    have = _as_tensor(got, None, "The result").detach().double()
    inside = (have >= low) & (have <= high)
    if not bool(inside.all()):
        worst = have[~inside].reshape(-1)[0]
        due = f"between {low:.6g} and {high:.6g}" if low < high else f"{low:.6g}"
        raise Mismatch(symptom, *_named(name, show(worst.item()), due))


def fields(result: Any, names: Sequence[str], symptom: str | None = None) -> tuple[Any, ...]:
    """The named values of a tuple, list, NamedTuple, dict or object, in the order of `names`.

    Raises:
        Mismatch: when there are too few or too many, or a name is missing.
    """
    due = ", ".join(names)
    if isinstance(result, Mapping):
        missing = [name for name in names if name not in result]
        if missing:
            text = symptom or f"The result lacks {', '.join(missing)}."
            raise Mismatch(text, "keys " + ", ".join(map(str, result)), "keys " + due)
        return tuple(result[name] for name in names)
    if isinstance(result, tuple) and all(name in getattr(result, "_fields", ()) for name in names):
        return tuple(getattr(result, name) for name in names)
    if isinstance(result, (tuple, list)):
        if len(result) != len(names):
            text = symptom or f"{len(names)} values are due ({due}), {len(result)} came."
            raise Mismatch(text, f"{len(result)} values", f"({due})")
        return tuple(result)
    if not isinstance(result, Tensor) and result is not None:
        values = [getattr(result, name, fields) for name in names]
        if not any(value is fields for value in values):
            return tuple(values)
    if result is None:
        raise Mismatch(_NOTHING, "None", f"({due})")
    raise Mismatch(symptom or f"{len(names)} values are due: {due}.", show(result), f"({due})")


def scalar(got: Any, symptom: str | None = None) -> Tensor:
    """Pass when `got` is one finite number: a 0-dim tensor or a Python number; returns a tensor."""
    have = _as_tensor(got, None, "The result")
    if have.dim() != 0:
        text = symptom or f"One number is due, the result has shape {tuple(have.shape)}."
        raise Mismatch(text, show(have), "a 0-dim tensor")
    if not bool(torch.isfinite(have.detach())):
        raise Mismatch(symptom or "The result is not a finite number.", show(have), "finite")
    return have


def gradient(
    output: Any, inputs: Sequence[Tensor], symptom: str | None = None, *, allow_unused: bool = False
) -> list[Tensor]:
    """d output / d inputs, with a sentence for the student when the graph is cut.

    Args:
        output: a 0-dim tensor, or any tensor (its sum is differentiated).
        inputs: tensors that require a gradient.
        allow_unused: give zeros for an input that the output does not depend on.
    """
    cut = symptom or (
        "No gradient flows back: somewhere the graph is cut "
        "(detach, item, .data, torch.tensor, no_grad, numpy)."
    )
    if not isinstance(output, Tensor) or not output.requires_grad:
        kind = "a tensor without a graph" if isinstance(output, Tensor) else show(output)
        raise Mismatch(cut, kind, "a tensor attached to the graph")
    grads = torch.autograd.grad(output.sum(), list(inputs), retain_graph=True, allow_unused=True)
    if not allow_unused and any(grad is None for grad in grads):
        missing = [i for i, grad in enumerate(grads) if grad is None]
        raise Mismatch(cut, f"no gradient for input {missing[0] + 1}", "a gradient for each input")
    return [
        torch.zeros_like(value) if grad is None else grad
        for grad, value in zip(grads, inputs, strict=True)
    ]


def standard_normal(eps: Tensor, what: str = "The noise", *, z: float = 6.0) -> None:
    """Pass when recovered noise looks like independent draws from N(0, 1).

    Looks at mean, variance, skewness and kurtosis of all elements, at the mean and variance of
    each column, at the correlation of neighboring columns, and of each row with the next.
    Each comparison is a z-test at `z` standard errors; at z = 6 one of them errs with probability
    2e-9, so that with up to 100 columns the false-alarm rate stays below 1e-6 (checked with the
    normal approximation, which holds for the N >= 1000 rows asked for here).

    Args:
        eps: (N, D) recovered noise, N >= 1000, D >= 2.
        what: how the message names it, capitalized.
    """
    if eps.dim() != 2 or eps.shape[0] < 1000 or eps.shape[1] < 2:
        raise ValueError(f"standard_normal needs (N >= 1000, D >= 2), got {tuple(eps.shape)}")
    e = eps.detach().double()
    if not bool(torch.isfinite(e).all()):
        raise Mismatch(f"{what} is not finite.", show(eps), "finite numbers")
    n, d = e.shape
    total = float(n * d)

    def test(value: float, due: float, error: float, symptom: str, name: str) -> None:
        if not abs(value - due) <= z * error:
            tolerance = f"{due:.4g} ± {z * error:.2g}"
            raise Mismatch(f"{what} {symptom}", f"{name} {value:.4g}", f"{name} {tolerance}")

    test(float(e.mean()), 0.0, 1 / math.sqrt(total), "is not centered at 0.", "mean")
    test(float(e.pow(2).mean()), 1.0, math.sqrt(2 / total), "does not have variance 1.", "variance")
    test(float(e.pow(3).mean()), 0.0, math.sqrt(15 / total), "is lopsided, not normal.", "skewness")
    test(
        float(e.pow(4).mean()),
        3.0,
        math.sqrt(96 / total),
        "is not normal: its tails are wrong.",
        "fourth moment",
    )
    # Clipped noise has nearly the right moments: count what lies beyond 3, of which a share of
    # 0.0027 is due. Too few by z standard errors is rarer still than for a normal count.
    beyond, due = float((e.abs() > 3).sum()), 0.0026998 * total
    if beyond < due - z * math.sqrt(due):
        few = f"at least {due - z * math.sqrt(due):.0f} numbers beyond 3"
        raise Mismatch(f"{what} has no tails: is it clipped?", f"{beyond:.0f} beyond 3", few)
    worst = int(e.mean(0).abs().argmax())
    symptom = "is not centered at 0 in every column."
    test(float(e.mean(0)[worst]), 0.0, 1 / math.sqrt(n), symptom, f"mean of column {worst}")
    spread = e.pow(2).mean(0)
    worst = int((spread - 1).abs().argmax())
    symptom = "does not have variance 1 in every column."
    test(float(spread[worst]), 1.0, math.sqrt(2 / n), symptom, f"variance of column {worst}")
    cross = (e * e.roll(1, 1)).mean(0)
    worst = int(cross.abs().argmax())
    shared = "is shared between columns: draw one number for each element."
    test(float(cross[worst]), 0.0, 1 / math.sqrt(n), shared, "correlation of columns")
    shared = "is shared between rows: draw one number for each element."
    rows = float((e[1:] * e[:-1]).mean())
    test(rows, 0.0, 1 / math.sqrt(total - d), shared, "correlation of rows")


def unchanged(
    before: Iterable[Tensor], after: Iterable[Tensor], symptom: str | None = None
) -> None:
    """Pass when the tensors are what they were: the student's function did not write into them."""
    for old, new in zip(before, after, strict=True):
        if not torch.equal(old, new):
            text = symptom or "An input was changed in place: work on new tensors instead."
            raise Mismatch(text, *_show_apart(new, old))
