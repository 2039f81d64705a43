"""How a network of others normalises its images: by a name, or by mean and standard deviation."""

NONE = "none"

USUAL = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}

Normalisation = tuple[list[float], list[float]] | None
"""Mean and standard deviation of the channels; None: pixels as they are."""


def normalisation(word: str) -> Normalisation:
    """Of `none`, of a name such as `imagenet`, or of `MEAN,MEAN,MEAN/STD,STD,STD`.

    Raises:
        ValueError: it is none of these; the message says what would be.
    """
    if word == NONE:
        return None
    if word in USUAL:
        mean, std = USUAL[word]
        return list(mean), list(std)
    try:
        mean_text, std_text = word.split("/")
        means, stds = ([float(number) for number in text.split(",")] for text in (mean_text, std_text))
        if len(means) == len(stds) and all(number > 0 for number in stds):
            return means, stds
    except ValueError:
        pass
    raise ValueError(f"must be none, {', '.join(USUAL)}, or mean/std such as 0.5,0.5,0.5/0.2,0.2,0.2")
