"""TimeInv: one embedding a timestep, one call of the text encoder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from diffusers import EulerDiscreteScheduler
from tolerance import assert_close

from storyanim.errors import CharacterError
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.generate.tokens import TokenTable

T = 1000


@pytest.fixture
def pipeline(tmp_path: Path) -> StoryVideoPipeline:
    return tiny.story_pipeline(tmp_path)


def word_embedding(pipeline: StoryVideoPipeline, word: str) -> torch.Tensor:
    (word_id,) = pipeline.tokenizer(word, add_special_tokens=False).input_ids
    return pipeline.text_encoder.get_input_embeddings().weight[word_id].detach()                  # (d)


def random_table(token: str, seed: int = 0) -> TokenTable:
    return TokenTable(token, torch.randn((T, tiny.WIDTH), generator=torch.Generator().manual_seed(seed)))


def draw(pipeline: StoryVideoPipeline, prompt: str, **changes: Any) -> torch.Tensor:
    arguments = {"num_frames": 2, "num_inference_steps": 3, "guidance_scale": 2.0, "output_type": "latent",
                 "generator": torch.Generator().manual_seed(7), **changes}
    return pipeline(prompt, **arguments).frames


class TestTable:
    def test_table_of_one_words_embedding_draws_like_that_word(self, pipeline: StoryVideoPipeline) -> None:
        table = TokenTable("<new>", word_embedding(pipeline, "bear").repeat(T, 1))
        plain = draw(pipeline, "a bear walks to a bear")
        assert_close(draw(pipeline, "a <new> walks to a <new>", tokens=[table]), plain)
        assert not torch.allclose(draw(pipeline, "a <new> walks to a <new>", tokens=[random_table("<new>")]), plain, atol=1e-3)

    def test_states_equal_one_encode_a_timestep(self, pipeline: StoryVideoPipeline) -> None:
        tables = [random_table("<new>"), random_table("<other>", 1)]
        pipeline.scheduler.set_timesteps(4)
        batched = pipeline._prompt_embeds(["a <new> sees <other>"], tables, pipeline.scheduler.timesteps)
        assert batched.shape == (4, 1, 20, tiny.WIDTH)
        weights = pipeline.text_encoder.get_input_embeddings().weight
        for k, t in enumerate(pipeline.scheduler.timesteps):
            kept = weights.data.clone()
            for word, table in zip(("bear", "z"), tables, strict=True):     # the naive way: overwrite two words
                (word_id,) = pipeline.tokenizer(word, add_special_tokens=False).input_ids
                weights.data[word_id] = table.table[t]
            naive = pipeline.encode_prompt("a bear sees z", "cpu", 1, False)[0]
            weights.data.copy_(kept)
            assert_close(batched[k], naive)
        assert not torch.allclose(batched[0], batched[1], atol=1e-3)

    def test_one_call_of_the_text_encoder_for_all_steps(self, pipeline: StoryVideoPipeline) -> None:
        batches: list[int] = []
        pipeline.text_encoder.register_forward_pre_hook(lambda module, args: batches.append(len(args[0])))
        draw(pipeline, "a <new> walks", tokens=[random_table("<new>")])
        draw(pipeline, "a <new> walks", tokens=[random_table("<new>")], guidance_scale=1.0)
        draw(pipeline, "a bear walks", tokens=[random_table("<new>")])
        assert batches == [3, 1, 3, 1, 1]

    def test_step_k_is_drawn_with_the_row_of_its_timestep(self, pipeline: StoryVideoPipeline) -> None:
        seen: list[torch.Tensor] = []
        pipeline.unet.register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs["encoder_hidden_states"][-1]),
                                                with_kwargs=True)
        table = random_table("<new>")
        draw(pipeline, "a <new> walks", tokens=[table])
        embeddings = {"<new>": table.embeddings_at(pipeline.scheduler.timesteps)}
        expected = pipeline.encode_prompts(["a <new> walks"] * 3, embeddings)
        assert_close(torch.stack(seen), expected)

    def test_fractional_timesteps_take_the_nearest_row(self) -> None:
        scheduler = EulerDiscreteScheduler(**tiny.BETAS)
        scheduler.set_timesteps(7)
        assert not torch.equal(scheduler.timesteps, scheduler.timesteps.round())
        table = TokenTable("<new>", torch.arange(T).float()[:, None])
        assert torch.equal(table.embeddings_at(scheduler.timesteps)[:, 0], scheduler.timesteps.round())

    @pytest.mark.parametrize("shape", [(T, tiny.WIDTH + 1), (T - 1, tiny.WIDTH)])
    def test_table_of_another_model_is_refused(self, pipeline: StoryVideoPipeline, shape: tuple[int, int]) -> None:
        with pytest.raises(CharacterError, match="<new>"):
            draw(pipeline, "a <new>", tokens=[TokenTable("<new>", torch.zeros(shape))])


class TestEncodePrompts:
    def test_each_prompt_has_its_row_and_its_gradient(self, pipeline: StoryVideoPipeline) -> None:
        rows = torch.randn(3, tiny.WIDTH, requires_grad=True)
        states = pipeline.encode_prompts(["a <new>", "bear <new>", "a bear"], {"<new>": rows})
        states.square().sum().backward()
        assert states.shape == (3, 20, tiny.WIDTH)
        assert rows.grad is not None
        assert rows.grad.abs().sum(dim=1)[:2].min() > 0
        assert rows.grad[2].abs().max() == 0                                                     # its prompt lacks the word

    def test_leaves_tokenizer_and_weights_alone(self, pipeline: StoryVideoPipeline) -> None:
        before = {name: weight.clone() for name, weight in pipeline.text_encoder.state_dict().items()}
        ids, length = pipeline.tokenizer("a <new> bear").input_ids, len(pipeline.tokenizer)
        pipeline.encode_prompts(["a <new> bear"], {"<new>": torch.randn(1, tiny.WIDTH)})
        assert pipeline.tokenizer("a <new> bear").input_ids == ids
        assert len(pipeline.tokenizer) == length
        assert all(torch.equal(weight, before[name]) for name, weight in pipeline.text_encoder.state_dict().items())
        assert not pipeline.text_encoder.get_input_embeddings()._forward_hooks

    def test_pseudo_word_in_mid_sentence_keeps_the_other_ids(self, pipeline: StoryVideoPipeline) -> None:
        row = word_embedding(pipeline, "bear")[None]
        for named, plain in (("A <new> walks", "a bear walks"), ("<new>s", "bear s"), ("see <new>", "see bear")):
            ours = pipeline.encode_prompts([named], {"<new>": row})
            assert_close(ours, pipeline.encode_prompts([plain], {}))


class TestLongPrompts:
    def test_truncation_is_logged(self, pipeline: StoryVideoPipeline, caplog: pytest.LogCaptureFixture) -> None:
        draw(pipeline, "a bear")
        assert not caplog.records
        draw(pipeline, "a bear " * 20)
        own = [record for record in caplog.records if record.name.startswith("storyanim")]
        assert [record.args[:2] for record in own] == [(20, 42)]

    def test_transformers_does_not_remark_on_it(self, pipeline: StoryVideoPipeline, caplog: pytest.LogCaptureFixture) -> None:
        logging.getLogger("transformers").addHandler(caplog.handler)
        try:
            draw(pipeline, "a bear " * 20)
        finally:
            logging.getLogger("transformers").removeHandler(caplog.handler)
        assert not [record.getMessage() for record in caplog.records if record.name.startswith("transformers")]
