"""Judging: an ordinary pytest run in a trusted process, with the student behind the border.

One submission, from the outside in: `run` grades its parts, `session` is one pytest run, `judge`
decides how often a test runs and in which of the `workers`, on which `pieces` of the reference;
`attempt` is one such run and `verdict` what its end stands for. `warm` keeps a process that has
everything imported, `ceiling` its memory in bounds; `plugin` is the part that plain pytest has too,
`seeds` where inputs come from.

A lost point is explained by `diagnosis`: the test is run again on the reference and the known
mistakes (`modules`), and `likeness` tells whether the numbers are the same; `rivals` parts mistakes
that fail alike. `snippet` looks for the call to show: `steps` are calls that can be made again,
`smaller` and `standins` simpler versions of them, `trial` makes them and compares, `lines` and
`literals` write them down. Where there is no reference, `last_call` shows the test's last one.
"""
