"""AdvProp: adversarial examples that improve recognition, because they pass through a batch norm of their own.

Xie et al. (2020) train on clean and on adversarial images, once through one batch norm, as adversarial training does,
and once through two, of which the auxiliary one is dropped afterwards; on clean images and under corruptions, from
small networks to large ones.
"""
