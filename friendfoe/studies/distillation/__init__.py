"""Defensive distillation, and why it does not defend.

A teacher is trained at temperature T, softmax(logits / T), and a student of the same kind on the teacher's
probabilities, at T again; the student is used at T = 1, where its softmax is saturated. Papernot et al. (2016) report
that their attack, JSMA, then fails. It fails because the gradients of the softmax have vanished, not because the images
are safe: Carlini & Wagner (2016, 2017).
"""
