"""Class-wise robustness in adversarial training, after Tian et al. 2021 (arXiv 2105.14240).

Which classes of a robust network are weak, how consistently, under which attacks and defences; what Temperature-PGD
adds; what raises the weakest class.
"""
