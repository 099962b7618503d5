"""Assertions for assignment tests: what passes, what fails, and what a student is told."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch

from grading import check


def mismatch(call: Any, *args: Any, **kwargs: Any) -> check.Mismatch:
    with pytest.raises(check.Mismatch) as caught:
        call(*args, **kwargs)
    return caught.value


def test_close_passes_within_tolerance() -> None:
    check.close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.00001]), "wrong")
    check.close(1.0, torch.tensor(1.0), "wrong")
    check.close(torch.tensor(3), 3, "wrong")
    check.close(torch.tensor([float("inf")]), torch.tensor([float("inf")]), "wrong")


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        (torch.tensor([1.0, 2.1]), torch.tensor([1.0, 2.0]), "too big"),
        (torch.zeros(2, 1), torch.zeros(2), "shape (2, 1) where (2,) is due"),
        (torch.tensor(0.0), torch.zeros(4), "shape () where (4,) is due"),
        (torch.zeros(3), torch.tensor(0.0), "One number is due, a tensor of shape (3,) came"),
        (torch.zeros(2, dtype=torch.float64), torch.zeros(2), "keep the dtype"),
        (torch.tensor([float("nan")]), torch.zeros(1), "NaN"),
        (torch.tensor([float("inf")]), torch.zeros(1), "infinite"),
        (torch.tensor([5.0]), torch.tensor([float("inf")]), "too big"),
        (torch.tensor([float("-inf")]), torch.tensor([float("inf")]), "too big"),
        (torch.tensor([5.0]), torch.tensor([float("nan")]), "too big"),
        (torch.tensor([float("nan")]), torch.tensor([float("nan")]), "too big"),
        (None, torch.zeros(1), "is the return missing?"),
        ("1.0", 1.0, "tensor or a number"),
        (True, 1.0, "tensor or a number"),
        (torch.zeros(2, dtype=torch.complex64), torch.zeros(2), "real number"),
        (torch.zeros(2, dtype=torch.bool), torch.zeros(2), "real number"),
        (torch.zeros(2).to_sparse(), torch.zeros(2), "dense"),
        (torch.zeros(2, device="meta"), torch.zeros(2), "dense"),
    ],
)
def test_close_names_what_is_wrong(got: Any, expected: Any, says: str) -> None:
    error = mismatch(check.close, got, expected, "too big")
    assert says in error.symptom
    assert error.got and error.expected


def test_close_points_at_the_first_element_that_differs() -> None:
    want = torch.zeros(10, 10)
    have = want.clone()
    have[3, 4] = 1.0
    error = mismatch(check.close, have, want, "off")
    assert error.got == "1 at [3, 4]; 1 of 100 elements differ"
    have[3, 4] = float("nan")
    error = mismatch(check.close, have, want, "off")
    assert error.got == "nan at [3, 4]; 1 of 100 elements differ"


def test_large_tensors_show_an_element_that_differs() -> None:
    before = torch.zeros(20)
    after = before.clone()
    after[12] = 1.0
    for call in (check.equal, lambda got, due, text: check.unchanged([due], [got], text)):
        error = mismatch(call, after, before, "off")
        assert error.got == "1 at [12]; 1 of 20 elements differ"
        assert error.expected == "0 at [12]"
    error = mismatch(check.equal, torch.zeros(3), before, "off")
    assert (error.got[:11], error.expected[:11]) == ("shape (3,):", "shape (20,)")


def test_values_that_look_alike_are_told_apart() -> None:
    exact = torch.tensor(1 / 3, dtype=torch.float64)
    error = mismatch(check.close, exact + 1e-8, exact, "off", rtol=1e-9, atol=0.0)
    assert (error.got, error.expected) == ("0.3333333433 (float64)", "0.3333333333 (float64)")
    rows = torch.zeros(20, dtype=torch.float64)
    error = mismatch(check.close, rows + 1e-8, rows, "off", rtol=0.0, atol=1e-9)
    assert (error.got, error.expected) == ("1e-08 at [0]; 20 of 20 elements differ", "0 at [0]")
    error = mismatch(check.equal, list(range(8)), list(range(7)), "off")
    assert error.got.startswith("8 items") and error.expected.startswith("7 items")
    error = mismatch(check.equal, [*range(8), 1], [*range(8), 2], "off")
    assert (error.got, error.expected) == ("1 at [8]", "2 at [8]")


def test_a_name_is_put_in_front_of_both_numbers() -> None:
    error = mismatch(check.close, 0.5, 2.0, "off", name="dz/dmu")
    assert (error.got, error.expected) == ("dz/dmu 0.5", "dz/dmu 2")
    nan = torch.tensor([float("nan")])
    error = mismatch(check.close, nan, torch.zeros(1), "off", name="dz/dmu")
    assert (error.got, error.expected) == ("dz/dmu shape (1,): [nan]", "dz/dmu shape (1,): [0]")
    error = mismatch(check.between, 0.174, 0.32, 0.47, "off", name="standard deviation")
    assert error.got == "standard deviation 0.174"
    assert error.expected == "standard deviation between 0.32 and 0.47"
    error = mismatch(check.between, 0.5, 0, 0, "off")
    assert (error.got, error.expected) == ("0.5", "0")


def test_differ_agree_and_dtype() -> None:
    check.differ(torch.zeros(2), torch.tensor([0.0, 1.0]), "same")
    error = mismatch(check.differ, torch.ones(2), torch.ones(2), "same")
    assert (error.got, error.expected) == (
        "the same twice, shape (2,): [1, 1]",
        "different numbers",
    )
    check.agree(torch.ones(2), torch.ones(2), "other")
    error = mismatch(check.agree, torch.ones(2), torch.zeros(2), "other")
    assert (error.got, error.expected) == (
        "second call shape (2,): [0, 0]",
        "as the first, shape (2,): [1, 1]",
    )
    check.dtype(torch.zeros(2), torch.float32, "wrong")
    error = mismatch(check.dtype, torch.zeros(2), torch.float64, "wrong")
    assert (error.got, error.expected) == ("torch.float32", "torch.float64")


def test_equal_is_not_fooled_by_an_object_that_equals_everything() -> None:
    class Liar:
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

    check.equal(3, 3, "wrong")
    check.equal(torch.tensor([1, 2]), torch.tensor([1, 2]), "wrong")
    mismatch(check.equal, Liar(), 3, "wrong")
    mismatch(check.equal, True, 1, "wrong")
    mismatch(check.equal, torch.tensor([1, 3]), torch.tensor([1, 2]), "wrong")
    mismatch(check.equal, torch.tensor([1]), torch.tensor([1, 1]), "wrong")


def test_fields_accepts_each_form() -> None:
    class Out(NamedTuple):
        kl: int
        loss: int

    class Plain:
        loss, kl = 1, 2

    for result in ({"kl": 2, "loss": 1}, (1, 2), [1, 2], Out(kl=2, loss=1), Plain()):
        assert check.fields(result, ("loss", "kl")) == (1, 2)
    assert "lacks kl" in mismatch(check.fields, {"loss": 1}, ("loss", "kl")).symptom
    assert "3 came" in mismatch(check.fields, (1, 2, 3), ("loss", "kl")).symptom
    assert "return missing" in mismatch(check.fields, None, ("loss", "kl")).symptom
    assert mismatch(check.close, 5, 4.0, "off").got == "5"


def test_gradient_tells_a_cut_graph() -> None:
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    (grad,) = check.gradient((x**2).sum(), [x])
    assert grad.tolist() == [4.0, 6.0]
    y = torch.ones(2, requires_grad=True)
    assert "graph is cut" in mismatch(check.gradient, x.detach().sum(), [x]).symptom
    assert "graph is cut" in mismatch(check.gradient, 3.0, [x]).symptom
    assert "input 2" in mismatch(check.gradient, x.sum(), [x, y]).got
    assert check.gradient(x.sum(), [x, y], allow_unused=True)[1].tolist() == [0.0, 0.0]


def test_scalar_between_that_shape_unchanged() -> None:
    assert check.scalar(2.0).dim() == 0
    mismatch(check.scalar, torch.zeros(1))
    mismatch(check.scalar, torch.tensor(float("nan")))
    check.between(torch.tensor([0.0, 1.0]), 0, 1, "out")
    mismatch(check.between, torch.tensor([0.0, float("nan")]), 0, 1, "out")
    mismatch(check.between, 2, 0, 1, "out")
    check.that(torch.tensor(True), "no")
    mismatch(check.that, torch.tensor(False), "no")
    check.shape(torch.zeros(2, 3), (2, 3))
    mismatch(check.shape, torch.zeros(3, 2), (2, 3))
    mismatch(check.shape, [0.0], (1,))
    check.unchanged([torch.ones(2)], [torch.ones(2)])
    mismatch(check.unchanged, [torch.ones(2)], [torch.zeros(2)])


N, D = 20_000, 4


@pytest.mark.parametrize("seed", range(20))
def test_standard_normal_accepts_normal_noise(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    check.standard_normal(torch.randn(N, D, generator=generator))


def _noises() -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    normal = torch.randn(N, D, generator=g)
    return {
        "uniform": torch.rand(N, D, generator=g),
        "uniform with the right moments": (torch.rand(N, D, generator=g) - 0.5) * 12**0.5,
        "signs": torch.randint(0, 2, (N, D), generator=g) * 2.0 - 1,
        "one number a row": torch.randn(N, 1, generator=g).expand(N, D),
        "one number a column": torch.randn(1, D, generator=g).expand(N, D),
        "rows repeated": torch.randn(N // 2, D, generator=g).repeat_interleave(2, 0),
        "one-sided": normal.abs(),
        "5 % too wide": normal * 1.05,
        "shifted": normal + 0.05,
        "one column constant": torch.cat([normal[:, :-1], torch.zeros(N, 1)], 1),
        "clipped at 3": normal.clamp(-3, 3),
        "zero": torch.zeros(N, D),
        "NaN": torch.full((N, D), float("nan")),
        "exponential": torch.empty(N, D).exponential_(generator=g) - 1,
    }


@pytest.mark.parametrize("name", list(_noises()))
def test_standard_normal_refuses_other_noise(name: str) -> None:
    mismatch(check.standard_normal, _noises()[name])


def test_one_of_and_raises() -> None:
    check.one_of(2.0, [1.0, 2.0], "neither")
    assert mismatch(check.one_of, 3.0, [1.0, 2.0], "neither").expected == "1"
    assert isinstance(check.raises(ValueError, lambda: int("x")), ValueError)
    assert mismatch(check.raises, ValueError, lambda: 7).got == "7"
    assert mismatch(check.raises, ValueError, lambda: {}["x"]).got == "KeyError"

    def unwritten() -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        check.raises(ValueError, unwritten)


def test_standard_normal_asks_for_enough() -> None:
    with pytest.raises(ValueError, match="N >= 1000"):
        check.standard_normal(torch.randn(100, 4))
    with pytest.raises(ValueError, match="D >= 2"):
        check.standard_normal(torch.randn(5000, 1))
