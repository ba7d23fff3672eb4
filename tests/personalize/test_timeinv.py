"""The table V: which rows learn, what the others become."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from small import tokenizer
from torch import nn

from storyanim.config import PersonalizeSettings
from storyanim.errors import CharacterError
from storyanim.personalize.timeinv import TimeInvTable, make_table, sampling_grid, word_embedding


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


class TestKnots:
    def test_rows_between_two_knots_are_mixed(self) -> None:
        table = TimeInvTable(torch.zeros(1), torch.arange(10), 10, torch.tensor([0, 4, 9]))
        table.weight.data = torch.tensor([[0.0], [8.0], [13.0]])
        assert table.full()[:, 0].tolist() == [0, 2, 4, 6, 8, 9, 10, 11, 12, 13]
        assert table.rows(torch.tensor([9, 1]))[:, 0].tolist() == [13, 2]

    def test_both_knots_around_a_timestep_learn(self) -> None:
        table = TimeInvTable(torch.zeros(1), torch.arange(10), 10, torch.tensor([0, 4, 9]))
        table.rows(torch.tensor([1])).sum().backward()
        assert table.weight.grad is not None
        assert table.weight.grad[:, 0].tolist() == [0.75, 0.25, 0]

    def test_one_knot_is_one_embedding(self) -> None:
        table = TimeInvTable(torch.tensor([5.0]), torch.tensor([2, 7]), 10, torch.tensor([0]))
        assert table.weight.shape == (1, 1)
        assert table.rows(torch.tensor([0, 1, 1]))[:, 0].tolist() == [5, 5, 5]
        assert table.full()[:, 0].tolist() == [5] * 10


class TestTheTableOfSettings:
    def rows(self, **wanted: object) -> TimeInvTable:
        return make_table(PersonalizeSettings(**wanted), torch.tensor([3.0, 4.0]), torch.tensor([1, 5]), 10)

    def test_each_kind_has_its_rows(self) -> None:
        assert [len(self.rows(table_rows=kind).weight) for kind in ("all", "knots", "one", "none")] == [10, 8, 1, 1]
        assert len(self.rows(inference_timesteps_only=True).weight) == 2
        assert self.rows(table_rows="one", inference_timesteps_only=True).timesteps.tolist() == [1, 5]

    def test_a_rare_word_is_none_that_is_known_and_is_not_learned(self) -> None:
        word = self.rows(table_rows="none").weight
        assert not word.requires_grad
        assert word.norm().item() == pytest.approx(5)
        assert (word[0] - torch.tensor([3.0, 4.0])).norm() > 0.5
        assert torch.equal(word, self.rows(table_rows="none").weight)
        assert not torch.equal(word, self.rows(table_rows="none", seed=1).weight)
