"""The planner that asks a language model: ask, check, ask again with what is wrong.

First the story is cut into shots, sentence group by sentence group; then each batch of shots gets its words. The text of a shot
is always the story's own, whatever the model made of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from storyanim.artifacts import CastMember, Shot, Story, Storyboard
from storyanim.config import PlanSettings
from storyanim.errors import PlannerError
from storyanim.planning import prompts
from storyanim.planning.align import Misfit, align
from storyanim.planning.beats import find_beats
from storyanim.planning.chat_client import ChatClient, Message
from storyanim.planning.meanings import plain_vocabulary
from storyanim.planning.replies import BadReply, Reply, SplitReply, WriteReply, WrittenShot, parse_reply
from storyanim.planning.retell import check_written, drawable_words, retell
from storyanim.planning.rules import require_cast, require_words, shot_seed
from storyanim.planning.sentences import split_sentences
from storyanim.planning.vocabulary import Vocabulary
from storyanim.planning.wording import Wording

VERSION = 3                                          # raise it when the same replies would give another storyboard
_CONTEXT = 600                                       # characters of what came before
_QUOTED_REPLY = 4000                                 # characters of a bad reply that are shown to the model again

Wanted = TypeVar("Wanted", bound=Reply)
Value = TypeVar("Value")


class ChatPlanner:
    """One event a shot (AaS 3.1), found by a language model."""

    def __init__(self, settings: PlanSettings, vocabulary: Vocabulary | None = None) -> None:
        self.settings = settings
        self.vocabulary = vocabulary
        self.client = ChatClient(settings)

    @cached_property
    def fingerprint(self) -> str:
        """Name, version, model and server, the settings that matter, the prompt files, the vocabulary."""
        s = self.settings
        parts = [s.model, s.base_url or "", s.style, str(s.shot_duration_s), str(s.max_shots_a_batch), prompts.fingerprint(),
                 self.vocabulary.fingerprint if self.vocabulary else ""]
        return f"openai:{VERSION}:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def plan(self, story: Story, cast: Sequence[CastMember]) -> Storyboard:
        """Every character of the text lands in exactly one shot, in order. Raises StoryError, ServiceError, PlannerError."""
        require_words(story)
        texts = self._split(story.text, cast)
        shots: list[Shot] = []
        size = self.settings.max_shots_a_batch
        for first in range(0, len(texts), size):
            batch = texts[first:first + size]
            for text, written in zip(batch, self._write(batch, shots, cast), strict=True):
                shots.append(self._shot(len(shots) + 1, text, written, story.title, cast))
        _, follower = find_beats(story.text, self.vocabulary or plain_vocabulary(), ())
        require_cast(cast, shots, follower.entities)
        return Storyboard(title=story.title, style=self.settings.style, characters=tuple(cast), shots=tuple(shots))

    # ── cutting the story ──

    def _split(self, text: str, cast: Sequence[CastMember]) -> list[str]:
        """The story in shots: their concatenation is `text`."""
        pieces: list[str] = []
        for group in self._groups(text):
            before = "".join(pieces)[-_CONTEXT:].strip()
            question = prompts.fill("split_story", story=group, before=before or "(nothing)", cast=_spell_cast(cast),
                                    max_shots=str(self.settings.max_shots_a_batch))
            pieces += self._ask(question, SplitReply, lambda reply, group=group: self._check_split(reply, group))  # type: ignore[misc]
        return pieces

    def _groups(self, text: str) -> list[str]:
        """Stretches of the story of a few sentences, so that each has at most a batch of shots."""
        sentences = split_sentences(text)
        size = max(1, self.settings.max_shots_a_batch * 5 // 8)      # about 1.6 events a sentence
        groups: list[str] = []
        for i in range(0, len(sentences), size):
            part = text[sentences[i].start:sentences[min(i + size, len(sentences)) - 1].end]
            if groups and not any(char.isalnum() for char in part):
                groups[-1] += part
            else:
                groups.append(part)
        return groups

    def _check_split(self, reply: SplitReply, group: str) -> list[str]:
        if len(reply.shots) > self.settings.max_shots_a_batch:
            raise BadReply(f"- there are {len(reply.shots)} shots; at most {self.settings.max_shots_a_batch} are allowed")
        try:
            return align(group, [shot.text for shot in reply.shots])
        except Misfit as error:
            raise BadReply(f"- {error}; every word of the story must be in exactly one shot, copied exactly, in order") from error

    # ── the words of a batch ──

    def _write(self, batch: Sequence[str], before: Sequence[Shot], cast: Sequence[CastMember]) -> list[WrittenShot]:
        question = prompts.fill(
            "write_shots",
            cast=_spell_cast(cast),
            drawable=drawable_words(self.vocabulary) if self.vocabulary else "",
            before="\n".join(f"- {shot.prompt}" for shot in before[-3:]) or "(nothing)",
            shots="\n".join(f"{i}. {' '.join(text.split())}" for i, text in enumerate(batch, 1)),
        )
        return self._ask(question, WriteReply, lambda reply: check_written(reply.shots, len(batch), cast))

    def _shot(self, number: int, text: str, written: WrittenShot, title: str, cast: Sequence[CastMember]) -> Shot:
        query, prompt = written.query.strip(), written.prompt.strip(" .")
        told = Wording(query, prompt, tuple(written.characters), ())
        if self.vocabulary:
            told = retell(self.vocabulary, written, cast)
        elif self.settings.style:
            told = replace(told, prompt=f"{prompt}, {self.settings.style}")
        return Shot(id=f"s{number:02d}", text=text, query=told.query, prompt=told.prompt, characters=told.characters,
                    figures=told.figures, setting=written.setting, duration_s=self.settings.shot_duration_s,
                    seed=shot_seed(title, text), unsupported_words=told.unsupported_words)

    # ── ask, check, ask again ──

    def _ask(self, question: str, wanted: type[Wanted], check: Callable[[Wanted], Value]) -> Value:
        """A checked reply. Raises PlannerError with the last reply when none was good."""
        messages: list[Message] = [{"role": "user", "content": question}]
        content, problem = "", ""
        for _ in range(self.settings.attempts):
            content = ""
            try:
                content = self.client.ask(messages, wanted)
                return check(parse_reply(content, wanted))
            except BadReply as error:
                problem = str(error)
            again = prompts.fill("repair_reply", errors=problem)
            messages = [messages[0], {"role": "assistant", "content": content[:_QUOTED_REPLY] or "(nothing)"},
                        {"role": "user", "content": again}]
        raise PlannerError(
            f"{self.client.where} gave no usable reply in {self.settings.attempts} attempts: {_first_line(problem)}",
            hint="use a larger model, or `--planner rules`", last_reply=content, attempts=self.settings.attempts,
        )


def _first_line(problem: str) -> str:
    return problem.splitlines()[0].removeprefix("- ")


def _spell_cast(cast: Sequence[CastMember]) -> str:
    lines = [f"\n- {member.name}: the story's {member.noun}, pseudo-word {member.token}" for member in cast]
    return "".join(lines) or "(none)"
