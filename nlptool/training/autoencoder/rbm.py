"""A restricted Boltzmann machine, with which each layer of a deep autoencoder begins.

It is trained by one step of contrastive divergence (CD-1; G. Hinton: Training Products of Experts by Minimizing Contrastive
Divergence, 2002). The gradient of that is the gradient of the free energy of the data less that of their reconstruction, which is
held fixed; so the loss to be minimised is this difference.

Visible units: counts of words with a given sum, whose expectations are a softmax (the constrained Poisson model of
R. Salakhutdinov and G. Hinton: Semantic Hashing, 2009); logistic units; or real numbers with unit variance. Hidden units:
logistic, or real numbers with unit variance, for a code that is linear (Hinton and Salakhutdinov: Reducing the Dimensionality of
Data with Neural Networks, 2006).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

COUNTS, LOGISTIC, REAL = ("counts", "logistic", "real")
"""Kinds of units."""


class Rbm(nn.Module):
    """A machine.

    Args:
        visible: counts | logistic | real.
        hidden: logistic | real.
    """

    def __init__(self, n_visible: int, n_hidden: int, visible: str, hidden: str) -> None:
        super().__init__()
        self.visible, self.hidden = visible, hidden
        self.weight = nn.Parameter(torch.randn(n_visible, n_hidden) * 0.01)
        self.visible_bias = nn.Parameter(torch.zeros(n_visible))
        self.hidden_bias = nn.Parameter(torch.zeros(n_hidden))

    def up(self, visible: Tensor) -> Tensor:
        """Return the expectations of the hidden units, (B, H)."""
        inputs = self._inputs(visible)
        return inputs.sigmoid() if self.hidden == LOGISTIC else inputs

    def down(self, hidden: Tensor, total: Tensor) -> Tensor:
        """Return the expectations of the visible units, (B, V).

        Args:
            total: (B, 1), the sum of counts.
        """
        inputs = functional.linear(hidden, self.weight, self.visible_bias)
        if self.visible == COUNTS:
            return total * inputs.softmax(1)
        return inputs.sigmoid() if self.visible == LOGISTIC else inputs

    def contrastive_divergence(self, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of data (B, V), and the mean squared error of their reconstruction relative to their variance."""
        with torch.no_grad():
            hidden = self.up(visible)
            drawn = torch.bernoulli(hidden) if self.hidden == LOGISTIC else hidden + torch.randn_like(hidden)
            reconstructed = self.down(drawn, visible.sum(1, keepdim=True))
            error = (visible - reconstructed).square().mean() / visible.var(0).mean().clamp(min=1e-9)
        return (self._free_energy(visible) - self._free_energy(reconstructed)).mean(), error

    def _inputs(self, visible: Tensor) -> Tensor:
        return visible @ self.weight + self.hidden_bias

    def _free_energy(self, visible: Tensor) -> Tensor:
        """Return the free energies of data, (B,), but for what does not depend on the parameters."""
        inputs = self._inputs(visible)
        of_hidden = functional.softplus(inputs) if self.hidden == LOGISTIC else 0.5 * inputs.square()
        is_real = self.visible == REAL
        distances = 0.5 * (visible - self.visible_bias).square().sum(1)
        return (distances if is_real else -(visible @ self.visible_bias)) - of_hidden.sum(1)
