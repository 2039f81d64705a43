"""Is the robustness of a model real, or do its attacks fail for reasons of their own?

    for check in gradient_masking(model, images, labels, eps=8 / 255):
        print(check)

A model that seems robust because its gradients are masked behaves in ways that a robust one cannot (Athalye et al.
2018, section 3.1; Carlini et al. 2019; Tramer et al. 2020): one attack finds what a stronger one misses. Each check
compares such a pair on the same images. A failure does not say that the model is weak, but that the accuracy which its
attacks leave must not be taken for its robustness. docs/gradient-masking.md lists them.
"""

from friendfoe.evaluation.check_results import Outcome as Outcome
from friendfoe.evaluation.gradient_masking.check import MaskingCheck as MaskingCheck
from friendfoe.evaluation.gradient_masking.examine import Examination as Examination
from friendfoe.evaluation.gradient_masking.examine import examine as examine
from friendfoe.evaluation.gradient_masking.examine import gradient_masking as gradient_masking
