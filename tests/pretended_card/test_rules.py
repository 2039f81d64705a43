"""The card sees planted errors, counts what it is to count, and computes what the CPU computes."""

import pytest
import torch
from torch.nn.functional import cross_entropy, dropout

from friendfoe.runtime.precision import exact, fast
from tests.pretended_card import DeviceError, pretended

IMAGES = torch.linspace(0, 1, 24).view(2, 3, 2, 2)


@pytest.fixture
def card():
    with pretended() as card:
        yield card


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 5)
    )


PLANTED = {
    "two devices": lambda x: x + IMAGES,
    "weights on the CPU": lambda x: torch.nn.Conv2d(3, 4, 1)(x),
    "labels on the CPU": lambda x: cross_entropy(x.flatten(1), torch.tensor([0, 1])),
    "an index of the card into the CPU": lambda x: IMAGES[torch.zeros(1, dtype=torch.int64).cuda()],
    "values of the CPU put by an index": lambda x: x.index_put((torch.tensor([0]).cuda(),), IMAGES[:1]),
    "a range of the CPU": lambda x: x.gather(0, torch.arange(2).view(2, 1, 1, 1)),
    "a generator of the CPU": lambda x: torch.rand(2, device="cuda", generator=torch.Generator()),
    "numpy": lambda x: x.numpy(),
    "a concatenation of both": lambda x: torch.cat([x, IMAGES]),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_it_refuses_what_cuda_refuses(card, planted):
    images = IMAGES.cuda()
    with pytest.raises(DeviceError):
        PLANTED[planted](images)


WAITS = {
    "item": (lambda x: x.sum().item(), 1),
    "a condition": (lambda x: bool((x > 2).any()), 1),
    "tolist": (lambda x: x.tolist(), 1),
    "nonzero": (lambda x: (x > 0.5).nonzero(), 1),
    "a mask": (lambda x: x[x > 0.5], 1),
    "an index of the CPU": (lambda x: x[torch.tensor([1])], 1),
    "to the CPU": (lambda x: x.cpu(), 1),
    "to the card": (lambda x: IMAGES.cuda(), 1),
    "to the card, without waiting": (lambda x: IMAGES.to("cuda", non_blocking=True), 0),
    "an index of the card": (lambda x: x[torch.zeros(2, dtype=torch.int64, device="cuda")], 0),
    "a number of the CPU": (lambda x: x * torch.tensor(2.0), 0),
    "a convolution": (lambda x: torch.nn.functional.conv2d(x, x), 0),
    "made there": (lambda x: torch.zeros(3, device="cuda"), 0),
}


@pytest.mark.parametrize("name", WAITS)
def test_it_counts_waits(card, name):
    work, expected = WAITS[name]
    images = IMAGES.cuda()
    card.clear()
    work(images)
    assert card.waits.total() == expected


def test_it_names_the_lines_of_the_project(card):
    from friendfoe.attacks.contract import check_finite

    check_finite("images", IMAGES.cuda())
    assert [place.split(":")[0] for what, place in card.waits if what == "item"] == ["attacks/contract.py"]


def test_it_counts_launches_and_no_views(card):
    images = IMAGES.cuda()
    card.clear()
    (images.view(2, 12).T[1:] * 2 + 1).sum()
    assert dict(card.launches) == {"mul": 1, "add": 1, "sum": 1}


def test_training_on_it_gives_the_bits_of_the_cpu(card):
    trained = []
    for device in ("cpu", "cuda"):
        model, images, labels = network().to(device), IMAGES.to(device), torch.tensor([0, 1]).to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimizer.step()
        assert all(parameter.is_cuda == (device == "cuda") for parameter in model.parameters())
        trained.append({name: tensor.cpu() for name, tensor in model.state_dict().items()})
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_autocast_computes_in_bfloat16(card):
    model, images = network().cuda(), IMAGES.cuda()
    with torch.autocast("cuda", torch.bfloat16):
        logits = model(images)
    assert logits.dtype == torch.bfloat16
    assert model(images).dtype == torch.float32


def test_its_memory_is_limited():
    with pretended(memory=1000) as card:
        held = [torch.zeros(100, device="cuda"), torch.zeros(100, device="cuda")]
        views = [held[0][1:], held[1].view(10, 10)]
        assert card.used == 800
        with pytest.raises(torch.OutOfMemoryError, match="400 bytes"):
            held[0] + 1
        del held[1], views[1]
        assert card.used == 400
        assert len(held[0] + 1) == 100


def test_activations_of_a_gradient_are_held():
    with pretended(memory=1 << 20) as card:
        x = torch.rand(100, device="cuda", requires_grad=True)
        y = x.exp().exp().exp()
        assert card.used == 4 * 400
        y.sum().backward()
        del y
        assert card.used == 2 * 400  # and the gradient


def test_tensor_cores_round_where_torch_allows_it():
    a = torch.rand(1, 8, 8, 8)
    convolve = torch.nn.functional.conv2d
    with pretended(tf32=True):
        with fast(torch.device("cuda")):
            rounded = convolve(a.cuda(), a.cuda()).cpu()
        with exact(torch.device("cuda")):
            assert torch.equal(convolve(a.cuda(), a.cuda()).cpu(), convolve(a, a))
    assert 0 < (rounded - convolve(a, a)).abs().max() < 0.5


def test_a_graph_repeats_what_was_captured(card):
    x, total, noise = torch.ones(3, device="cuda"), torch.zeros(3, device="cuda"), []

    def work(by):
        total.add_(x.view(3) * by)
        noise.append(dropout(x))
        return total + 1

    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = work(2)
    assert total.tolist() == [0, 0, 0]  # nothing is done yet
    x.fill_(5)
    card.clear()
    before = []
    for expected in (10, 20):
        graph.replay()
        assert total.tolist() == [expected] * 3
        assert out.tolist() == [expected + 1] * 3
        before.append(noise[0].tolist())
    assert card.launches == {"graph": 2}


@pytest.mark.parametrize("wait", ["item", "tolist", "a mask", "to the card"])
def test_a_capture_does_not_wait(card, wait):
    images, graph = IMAGES.cuda(), torch.cuda.CUDAGraph()
    with pytest.raises(DeviceError, match="capturing"), torch.cuda.graph(graph):
        WAITS[wait][0](images)
    assert WAITS[wait][0](images) is not None
