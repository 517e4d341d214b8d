"""Neural patch synthesis after Yang et al. 2016: refines the result of any method with texture from around the hole."""
