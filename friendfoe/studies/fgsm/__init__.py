"""Explaining and harnessing adversarial examples: are networks fooled because they are nearly linear?

Goodfellow, Shlens and Szegedy (2015, arXiv 1412.6572) move an image along the sign of the gradient,

    x_adversarial = x + eps * sign(grad_x J(theta, x, y)),

find that this fools linear and deep models alike, and train on such images. They clip nothing: pixels may leave [0, 1].
"""
