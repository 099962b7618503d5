"""The lab: provided code that trains, measures and shows generative models."""
