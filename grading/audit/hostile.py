"""Hostile submissions made from any part's skeleton: none of them computes anything right."""

from __future__ import annotations

import re

_STUB = re.compile(r"raise NotImplementedError\(.*\)")

_LIAR = '''
class Liar:
    """Claims to equal, exceed and contain everything."""
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __bool__(self): return True
    def __float__(self): return 0.0
    def __hash__(self): return 0
    def __call__(self, *args, **kwargs): return self
    def __getattr__(self, name): return self
    def __getitem__(self, item): return self
    def __iter__(self): return iter((self, self, self))
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return True
'''

# name -> (text put at the top, what each stub is replaced with)
_ATTACKS: dict[str, tuple[str, str]] = {
    "exits at import": ("import os\nos._exit(0)\n", "return None"),
    "exits in each call": ("import os\n", "os._exit(0)"),
    "skips in each call": ("import pytest\n", "pytest.skip('all done')"),
    "raises SystemExit": ("", "raise SystemExit(0)"),
    "returns an object that equals everything": (_LIAR, "return Liar()"),
    "patches comparisons": (
        "import torch, builtins\n"
        "torch.testing.assert_close = lambda *a, **k: None\n"
        "torch.allclose = torch.equal = lambda *a, **k: True\n"
        "torch.isclose = lambda a, b, **k: torch.ones_like(a, dtype=torch.bool)\n"
        "builtins.all = builtins.any = lambda *a: True\n",
        "return torch.zeros(())",
    ),
    "patches pytest's reports": (
        "import sys\n"
        "for m in list(sys.modules.values()):\n"
        "    r = getattr(m, 'TestReport', None)\n"
        "    if r is not None:\n"
        "        r.from_item_and_call = classmethod(lambda c, i, k: None)\n",
        "return 0.0",
    ),
    "returns NaN": ("import torch\n", "return torch.full((3,), float('nan'))"),
    "returns its first argument": (
        "import sys\n",
        "return next(iter(sys._getframe().f_locals.values()), None)",
    ),
    "walks the callers' frames": (
        "import sys\n"
        "def _steal():\n"
        "    f = sys._getframe()\n"
        "    while f:\n"
        "        for n in ('expected', 'want', 'due', 'ref', 'reference', 'solution'):\n"
        "            if n in f.f_locals: return f.f_locals[n]\n"
        "        f = f.f_back\n",
        "return _steal()",
    ),
}


def hostile_sources(skeleton: str) -> dict[str, str]:
    """Name and text of each hostile submission; honest marks for every one are 0."""
    sources: dict[str, str] = {}
    future = "from __future__ import annotations\n"
    for name, (top, body) in _ATTACKS.items():
        text = _STUB.sub(body, skeleton)
        placed = text.replace(future, future + top, 1)
        sources[name] = placed if future in text else top + text
    return sources
