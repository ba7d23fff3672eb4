"""A text encoder with another tokenizer: what it knew stays, what is new begins near it."""

from __future__ import annotations

import pytest
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from storyanim.config import asset
from storybook.train import networks
from storybook.train.retokenize import longer, refit_text_encoder, token_rows


@pytest.fixture(scope="module")
def old() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(asset("storybook") / "clip")


@pytest.fixture(scope="module")
def new() -> CLIPTokenizer:
    words = ["a red bear walking in the forest", "a blue tortoise reading a book in the kitchen"] * 20
    return networks.tokenizer(words, 900, 64)


def test_known_tokens_keep_their_rows_and_new_ones_begin_as_their_pieces(old, new) -> None:
    table = torch.randn(len(old), 4)
    rows = token_rows(table, old, new)
    assert rows.shape == (len(new), 4)
    torch.testing.assert_close(rows[new.get_vocab()["bear</w>"]], table[old.get_vocab()["bear</w>"]])
    assert "tortoise</w>" not in old.get_vocab()
    pieces = [old.get_vocab()[piece] for piece in old.tokenize("tortoise")]
    torch.testing.assert_close(rows[new.get_vocab()["tortoise</w>"]], table[pieces].mean(0))
    torch.testing.assert_close(rows[new.eos_token_id], table[old.eos_token_id])


def test_a_sentence_of_known_words_is_read_as_before(old, new) -> None:
    known = CLIPTextModel.from_pretrained(asset("storybook") / "pipeline/text_encoder", dtype=torch.float32).eval()
    fitted = refit_text_encoder(known, old, new).eval()
    sentence = "a red bear walking in the forest"
    ids = [tokens(sentence, return_tensors="pt").input_ids for tokens in (old, new)]
    assert ids[0].shape == ids[1].shape
    with torch.no_grad():
        states = [model(input_ids=i).last_hidden_state for model, i in zip((known, fitted), ids, strict=True)]
        padded = fitted(input_ids=new(sentence, padding="max_length", return_tensors="pt").input_ids)
    torch.testing.assert_close(states[1], states[0], rtol=1e-4, atol=1e-4)
    assert padded.last_hidden_state.shape == (1, 64, 192)


def test_new_places_begin_as_the_last_one() -> None:
    places = torch.randn(40, 3)
    grown = longer(places, 64)
    torch.testing.assert_close(grown[:40], places)
    torch.testing.assert_close(grown[40:], places[-1:].expand(24, -1))
    torch.testing.assert_close(longer(places, 20), places[:20])
