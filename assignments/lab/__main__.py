"""`python -m lab`, where the console script is not on the path."""

from lab.commands import console

console()
