"""The cross-entropy in one pass against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from nlptool.training import cross_entropy
from nlptool.training.cross_entropy import token_losses


@pytest.mark.parametrize("n_tokens", [1, 7, 64])
@pytest.mark.parametrize("largest", [1, 200, 1 << 20])
def test_losses_and_gradients_are_those_of_torch(n_tokens: int, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_entropy, "_LARGEST", largest)
    generator = torch.Generator().manual_seed(n_tokens)
    logits = (10 * torch.randn(n_tokens, 50, generator=generator)).requires_grad_()
    again = logits.detach().clone().requires_grad_()
    targets = torch.randint(50, (n_tokens,), generator=generator)
    weights = torch.rand(n_tokens, generator=generator)
    ours = token_losses(2 * logits, targets)
    theirs = functional.cross_entropy(2 * again, targets, reduction="none")
    torch.testing.assert_close(ours, theirs)
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    torch.testing.assert_close(logits.grad, again.grad)


def test_logits_of_16_bits_are_normalised_in_32() -> None:
    logits = torch.randn(40, 300, generator=torch.Generator().manual_seed(1)).bfloat16().requires_grad_()
    targets = torch.arange(40)
    losses = token_losses(logits, targets)
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses, functional.cross_entropy(logits.float(), targets, reduction="none"))
    losses.mean().backward()
    plain = logits.detach().float().requires_grad_()
    functional.cross_entropy(plain, targets).backward()
    assert logits.grad is not None
    assert plain.grad is not None
    assert logits.grad.dtype == torch.bfloat16
    torch.testing.assert_close(logits.grad.float(), plain.grad, rtol=2e-2, atol=1e-6)


def test_without_gradients_none_are_computed() -> None:
    logits = torch.randn(3, 5)
    with torch.no_grad():
        losses = token_losses(logits, torch.tensor([0, 1, 2]))
    assert not losses.requires_grad
