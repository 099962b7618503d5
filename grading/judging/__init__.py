"""Judging: an ordinary pytest run in a trusted process, with the student behind the border."""
