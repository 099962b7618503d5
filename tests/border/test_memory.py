"""Nothing piles up on either side over thousands of calls."""

from __future__ import annotations

import gc
from typing import Any

import torch
from torch import nn

TABLES = """
import gc, torch
def kl(mu, logvar): return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(-1).mean()
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(32, 32)
    def forward(self, x): return self.layer(x)
def twice(f, x): return f(f(x))
def tables():
    gc.collect()
    from grading.border.worker import WorkerPeer
    (peer,) = [o for o in gc.get_objects() if type(o) is WorkerPeer]
    tensors = sum(isinstance(o, torch.Tensor) for o in gc.get_objects())
    with open("/proc/self/statm") as f: pages = int(f.read().split()[1])
    return len(peer.exports), len(peer.imports), len(peer.mirrors), tensors, pages * 4
"""


def _round(student: Any) -> None:
    mu = torch.randn(8, 4, requires_grad=True)
    student.kl(mu, torch.zeros(8, 4, requires_grad=True)).backward()
    student.kl(mu, mu)
    net = student.Net()
    x = torch.randn(2, 32)
    net(x).sum().backward()
    net.layer.bias.detach()
    judge = nn.Linear(32, 32)
    student.twice(judge, x).sum().backward()
    student.twice(lambda v: v * 2, x)


def _settle(session: Any) -> tuple[int, ...]:
    session.trace.clear()
    gc.collect()
    session.student.tables()
    for _ in range(2):
        session.student.kl(torch.zeros(1), torch.zeros(1))
    return session.student.tables()


def test_tables_and_memory_stay_bounded(open_session: Any) -> None:
    session = open_session(TABLES, seconds=100)
    student = session.student
    for _ in range(30):
        _round(student)
    before = _settle(session)
    mine = len(session.peer.exports), len(session.peer.mirrors)
    mu = torch.randn(8, 4, requires_grad=True)
    for i in range(4000):
        student.kl(mu, mu)
        if i % 40 == 0:
            _round(student)
            session.trace.clear()
    after = _settle(session)
    assert after[:4] == before[:4]
    assert after[4] - before[4] < 8 << 10, "the worker grew by more than 8 MB"
    assert (len(session.peer.exports), len(session.peer.mirrors)) == mine
