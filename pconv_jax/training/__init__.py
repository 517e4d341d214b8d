"""Training: the state, the GAN step, Adam, and the mapping of the step over devices."""
