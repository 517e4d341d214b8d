"""Training: the state, the GAN step, and its mapping over devices."""
