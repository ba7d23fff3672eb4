"""The table V: which rows learn, what the others become."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from small import tokenizer
from torch import nn

from storyanim.errors import CharacterError
from storyanim.personalize.timeinv import TimeInvTable, sampling_grid, word_embedding


class Encoder:
    """As much of a text encoder as is needed."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(57, 4)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embedding


class TestTable:
    def test_only_the_drawn_rows_get_a_gradient(self) -> None:
        table = TimeInvTable(torch.zeros(3), torch.tensor([2, 5, 9]), 10)
        table.rows(torch.tensor([0, 2])).sum().backward()
        assert table.weight.grad is not None
        assert table.weight.grad.abs().sum(dim=1).tolist() == [3, 0, 3]

    def test_others_have_the_nearest_drawn_row(self) -> None:
        table = TimeInvTable(torch.zeros(1), torch.tensor([1, 4, 8]), 10)
        table.weight.data = torch.tensor([[1.0], [4.0], [8.0]])
        table.mark(torch.tensor([0, 2]))
        assert table.full()[:, 0].tolist() == [1, 1, 1, 1, 1, 8, 8, 8, 8, 8]
        table.mark(torch.tensor([1]))
        assert table.full()[:, 0].tolist() == [1, 1, 1, 4, 4, 4, 4, 8, 8, 8]

    def test_starts_as_the_noun_everywhere(self) -> None:
        full = TimeInvTable(torch.tensor([1.0, 2.0]), torch.arange(10), 10).full()
        assert full.shape == (10, 2)
        assert torch.equal(full, torch.tensor([1.0, 2.0]).repeat(10, 1))


class TestGrid:
    def test_is_the_schedulers_own(self) -> None:
        scheduler = DDIMScheduler(timestep_spacing="trailing")
        grid = sampling_grid(scheduler, 4)
        assert grid.tolist() == [249, 499, 749, 999]
        assert scheduler.num_inference_steps is None                                              # left alone

    def test_fractional_timesteps_are_rounded_as_at_inference(self) -> None:
        scheduler = EulerDiscreteScheduler()
        grid = sampling_grid(scheduler, 7)
        scheduler.set_timesteps(7)
        assert grid.tolist() == sorted(scheduler.timesteps.round().long().tolist())


class TestNoun:
    def test_mean_of_the_pieces(self) -> None:
        encoder = Encoder()
        weight = encoder.embedding.weight.detach()
        assert torch.equal(word_embedding(tokenizer(), encoder, "bear"), weight[54])
        assert torch.allclose(word_embedding(tokenizer(), encoder, "a bear"), (weight[26] + weight[54]) / 2)

    def test_noun_without_tokens(self) -> None:
        with pytest.raises(CharacterError, match="no word"):
            word_embedding(tokenizer(), Encoder(), "")


class TestOneRow:
    def test_is_one_embedding_for_all(self) -> None:
        table = TimeInvTable(torch.tensor([5.0]), torch.tensor([2, 7]), 10, num_rows=1)
        assert table.weight.shape == (1, 1)
        assert table.rows(torch.tensor([0, 1, 1]))[:, 0].tolist() == [5, 5, 5]
        assert table.full()[:, 0].tolist() == [5] * 10

    def test_learns_of_every_timestep(self) -> None:
        table = TimeInvTable(torch.zeros(1), torch.tensor([2, 7]), 10, num_rows=1)
        table.rows(torch.tensor([0, 1, 1])).sum().backward()
        assert table.weight.grad is not None
        assert table.weight.grad.tolist() == [[3]]
