"""Assistive signals: what becomes of a network that is trained on perturbations that help?

A network A is trained on clean images. An assistive signal lowers A's loss of the true label:

    x_assistive = clip(x - eps * sign(grad_x loss(A, x, y)), 0, 1)

B is trained on assistive images alone, C on assistive and clean ones. The idea is that of Pestana et al. (2021, arXiv
2105.00622), who put the signal on a sticker; the tables are those of a Qiita article of 2021-12-14.
"""
