"""Predictions do not depend on how the images are stored, and leave the network as it was."""

import torch

from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.predict import predict


def test_stored_and_float_images_give_the_same_probabilities():
    torch.manual_seed(0)
    network = build(CNNConfig(kind="cnn", width=4), (1, 8, 8), 3)
    images = torch.randint(0, 256, (600, 1, 8, 8), dtype=torch.uint8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    probabilities = predict(network, images)
    assert torch.equal(probabilities, predict(network, images.float() / 255))
    assert torch.allclose(probabilities.sum(1), torch.ones(600))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
