"""pytest results to weighted scores that nobody can forge."""
