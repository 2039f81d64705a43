"""What the terminal says of verdicts after a run."""

from types import SimpleNamespace

from rich.console import Console

from friendfoe.pipeline.ending import verdicts


def test_below_an_open_claim_stands_what_would_decide_it():
    claims = [
        {"text": "It is so", "verdict": "reproduced"},
        {"text": "It is more", "verdict": "inconclusive", "open": ["gain: about 9 replicates would decide it."]},
    ]
    console = Console(width=80)
    with console.capture() as shown:
        for line in verdicts(SimpleNamespace(head={"claims": claims})):
            console.print(line)
    assert [line.rstrip() for line in shown.get().splitlines()] == [
        "✓ It is so",
        "? It is more: inconclusive",
        "  gain: about 9 replicates would decide it.",
    ]
