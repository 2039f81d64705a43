"""What the models and conditions of params.yaml are called, in the order in which they are shown."""

MODEL = "pgd-at"  # the one that is looked into: confusions, homing, mitigation
ATTACK = "pgd"  # the condition of the evaluation `pgd`, by which it is attacked
STRONGEST = "autoattack"  # likewise, at inference

DEFENCES = {"pgd-at": "PGD-AT", "fgsm-at": "FGSM-AT", "trades": "TRADES", "mart": "MART"}
MITIGATED = {"pgd-at-ema": "PGD-AT + EMA", "pgd-at-cfa": "PGD-AT + CFA", "trades-cfa": "TRADES + CFA"}
MODELS = DEFENCES | MITIGATED

CONDITIONS = {
    "clean": "clean",
    "transfer": "transfer",
    "square": "Square",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "tpgd-2": "T-PGD, 1/T = 2",
    "tpgd-5": "T-PGD, 1/T = 5",
    "tpgd-10": "T-PGD, 1/T = 10",
    "tpgd-50": "T-PGD, 1/T = 50",
    "margin": "margin PGD",
    "autoattack": "AutoAttack",
}
ATTACKS = {name: title for name, title in CONDITIONS.items() if name != "clean"}
TEMPERATURES = {"pgd": 1, "tpgd-2": 2, "tpgd-5": 5, "tpgd-10": 10, "tpgd-50": 50}  # 1/T
STRONGER = {"fgsm": "pgd", "pgd": "autoattack"}  # an attack, and a stronger one

VARIANTS = {"none": "as trained", "rows": "rows of equal norm", "prior": "prior adjustment"}  # of MODEL, at inference
