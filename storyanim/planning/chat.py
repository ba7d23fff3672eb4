"""The planner that asks a language model: ask, check, ask again with what is wrong.

The story is numbered in pieces. The model is asked once who plays in it and where and when, then, batch by batch, which
pieces are a shot and what to look for and to draw. It never copies the story: a shot's text is that of its pieces. What it
fails at, the rules plan (rules.py), and the storyboard's notes say so.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TypeVar

from storyanim.artifacts import CastMember, Shot, Story, Storyboard
from storyanim.config import PlanSettings, public_url
from storyanim.errors import PlannerError, StoryError
from storyanim.planning import people_of, prompts
from storyanim.planning.chat_cast import ChatCast
from storyanim.planning.chat_client import ChatClient, Message, RequestTooLongError
from storyanim.planning.chat_protocol import Answer
from storyanim.planning.chat_store import KeptReplies
from storyanim.planning.forms import read_manuscript
from storyanim.planning.overview import Overview, check_overview
from storyanim.planning.parse import Sentence, parse_sentences
from storyanim.planning.replies import BadReplyError, Reply, ShotsReply, StoryReply, parse_reply
from storyanim.planning.retell import WrittenShot, check_shots, drawable_words, retell
from storyanim.planning.rules import RulePlanner, require_cast, require_words
from storyanim.planning.shorten import check_sentences, duration_of, fit_length, merge_shots, shots_allowed
from storyanim.planning.vocabulary import Vocabulary
from storyanim.planning.wording import shot_seed
from storyanim.stages import Progress, no_progress

VERSION = 5                                          # raise it when the same replies would give another storyboard
_LOG = logging.getLogger(__name__)
_STORY_CHARS, _BATCH_CHARS = 12_000, 4000            # of the pieces in one request: for the overview, for shots
_PIECE_CHARS = 1500                                  # of a piece that the model is shown
_QUOTED_REPLY = 4000                                 # characters of a bad reply that are shown to the model again
_HOPELESS, _TIRED = 2, 3                             # failures in a row: with nothing good before, after good replies

Wanted = TypeVar("Wanted", bound=Reply)
Value = TypeVar("Value")


class CutOffError(Exception):
    """A reply broke off before its first part was whole."""


def pieces_of(text: str) -> list[Sentence]:
    """Return the story's numbered pieces: sentences, list items, cues. Together they are the text exactly, in order."""
    pieces: list[Sentence] = []
    for span in parse_sentences(read_manuscript(text)):
        wordless = not any(char.isalnum() for char in text[span.start:span.end])
        if pieces and (wordless or not any(char.isalnum() for char in text[:span.start])):
            pieces[-1] = replace(pieces[-1], end=span.end)
        else:
            pieces.append(span)
    return pieces


class ChatPlanner:
    """One event a shot (AaS 3.1), found by a language model."""

    def __init__(self, settings: PlanSettings, vocabulary: Vocabulary | None = None, progress: Progress = no_progress) -> None:
        self.settings = settings
        self.vocabulary = vocabulary
        self.progress = progress
        self.client = ChatClient(settings)

    @cached_property
    def fingerprint(self) -> str:
        """Name, version, model and server, the settings that matter, the prompt files, the vocabulary."""
        s = self.settings
        kept = {name: value for name, value in s if name not in {"planner", "base_url", "timeout_s", "max_tokens", "attempts"}}
        parts = [public_url(s.base_url or ""), str(sorted(kept.items())), prompts.fingerprint(),
                 self.vocabulary.fingerprint if self.vocabulary else ""]
        return f"openai:{VERSION}:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def plan(self, story: Story, cast: Sequence[CastMember]) -> Storyboard:
        """Return a storyboard in which every character of the text lands in exactly one shot, in order.

        Good replies are kept until it is done: a plan that dies goes on there. Raises StoryError, ServiceError, and
        PlannerError when no reply was good.
        """
        require_words(story)
        check_sentences(read_manuscript(story.text), self.settings)
        board = _Plan(self, story, cast).make()
        require_cast(cast, board.shots, partial(people_of, story.text))
        return board


class _Plan:
    """The plan of one story in the making."""

    def __init__(self, planner: ChatPlanner, story: Story, cast: Sequence[CastMember]) -> None:
        self.settings, self.vocabulary, self.client = planner.settings, planner.vocabulary, planner.client
        self.progress, self.story, self.cast = planner.progress, story, cast
        self.pieces = pieces_of(story.text)
        self.size = planner.settings.max_shots_a_batch               # pieces asked for at once; less where replies are cut off
        self.kept = KeptReplies("\0".join([planner.fingerprint, story.canonical(), *(member.canonical() for member in cast)]))
        self.overview = Overview()
        self.shots: list[Shot] = []
        self.notes: list[str] = []
        self.num_good = self.num_failed = 0                          # batches that came out well; failures in a row

    def make(self) -> Storyboard:
        """Return the storyboard. Raises ServiceError, PlannerError."""
        self._read_story()
        self.company = ChatCast(self.overview, self.story.text, self.cast, self.vocabulary, self.settings)
        at = 0
        while at < len(self.pieces):
            self.progress(at / len(self.pieces), f"piece {at + 1} of {len(self.pieces)}")
            at = self._plan_batch(at)
        self.progress(1.0, "planned")
        limit = shots_allowed([shot.duration_s for shot in self.shots], self.settings)
        shots = self.shots if limit >= len(self.shots) else merge_shots(self.shots, limit, self.settings)
        if not self.notes:
            self.kept.remove()
        return Storyboard(title=self.story.title, style=self.settings.style, characters=tuple(self.cast), cast=self.company.roles(shots),
                          shots=tuple(fit_length(shots, self.settings)), notes=tuple(self.notes))

    def _text(self, first: int, stop: int) -> str:
        return self.story.text[self.pieces[first].start:self.pieces[stop - 1].end]

    def _end(self, first: int, size: int, chars: int) -> int:
        """Return where a request for pieces from `first` on ends."""
        stop = first + 1
        while stop < min(first + size, len(self.pieces)) and len(self._text(first, stop + 1)) <= chars:
            stop += 1
        return stop

    def _numbered(self, first: int, stop: int) -> str:
        texts = (" ".join(self._text(i, i + 1).split()) for i in range(first, stop))
        return "\n".join(f"{i}. {text[:_PIECE_CHARS]}" for i, text in enumerate(texts, 1))

    # ── cast and scenes ──

    def _read_story(self) -> None:
        """Ask who plays in the story and for its scenes, once, or once for each stretch of a long one."""
        self.progress(0.0, "reading the story")
        at, size = 0, len(self.pieces)
        while at < len(self.pieces):
            stop = self._end(at, size, _STORY_CHARS)
            part = "a story" if (at, stop) == (0, len(self.pieces)) else "a part of a story"
            question = prompts.fill("read_story", part=part, known=self.overview.cast_line() or "(nobody)", pieces=self._numbered(at, stop))
            try:
                found = self._ask(question, StoryReply, lambda reply, _, count=stop - at: check_overview(reply, count))   # type: ignore[misc]
            except (CutOffError, RequestTooLongError) as error:
                if stop - at > 1:
                    size = (stop - at) // 2
                    continue
                return self._fail("the cast and the scenes were not found", str(error))
            except PlannerError as error:
                return self._fail("the cast and the scenes were not found", error.message)
            self.overview = self.overview.joined(found, at)
            at = stop
        return None

    # ── shots ──

    def _plan_batch(self, at: int) -> int:
        """Add the shots of the pieces from `at` on; return the first piece that is left."""
        if self.num_good and self.num_failed >= _TIRED:
            return self._plan_by_rules(at, len(self.pieces), f"{self.num_failed} replies in a row were of no use")
        stop = self._end(at, self.size, _BATCH_CHARS)
        try:
            written = self._ask(self._question(at, stop), ShotsReply,
                                lambda reply, is_cut_off: self._checked(reply, is_cut_off, at, stop))
        except (CutOffError, RequestTooLongError) as error:
            if stop - at > 1:
                self.size = (stop - at) // 2
                return at
            if isinstance(error, RequestTooLongError):
                raise
            hint = "raise plan.max_tokens, or use a model with longer replies"
            return self._give_up(at, stop, self._unusable("the reply was cut off", str(error), hint))
        except PlannerError as error:
            return self._give_up(at, stop, error)
        self.num_good, self.num_failed = self.num_good + 1, 0
        for shot in written:
            self._add(self._text(at + shot.pieces.start, at + shot.pieces.stop), shot, self.overview.scene_at(at + shot.pieces.start))
        done = at + written[-1].pieces.stop
        if done < stop:                              # cut off: shorter replies from now on
            self.size = max(1, (stop - at) // 2)
        return done

    def _question(self, at: int, stop: int) -> str:
        text = self._text(at, stop)
        before = [" ".join(self._text(max(0, at - 2), at).split())[-600:]] if at else []
        before += [f"- {shot.prompt}" for shot in self.shots[-2:]]
        return prompts.fill(
            "write_shots",
            cast=self.overview.cast_lines(text + " ".join(before)) or "(not known)",
            characters=_spell_cast(self.cast),
            drawable=drawable_words(self.vocabulary) if self.vocabulary else "",
            scenes=self.overview.scene_lines(at, stop) or "(not known)",
            before="\n".join(before) or "(nothing)",
            pieces=self._numbered(at, stop))

    def _checked(self, reply: ShotsReply, is_cut_off: bool, at: int, stop: int) -> list[WrittenShot]:
        context = " ".join([self._text(max(0, at - 2), at) if at else "", self.overview.cast_line(), self.overview.scene_lines(at, stop)])
        written = check_shots(reply.shots, is_cut_off, [self._text(i, i + 1) for i in range(at, stop)], self.cast, context)
        if not written:
            raise CutOffError("no shot of the reply is whole")
        return written

    def _add(self, text: str, written: WrittenShot, scene: str) -> None:
        query, prompt, characters, figures = written.query, written.prompt.rstrip(" ."), written.characters, max(1, len(written.characters))
        unsupported: tuple[str, ...] = ()
        if self.vocabulary:
            told = retell(self.vocabulary, written, scene, self.cast, self.company.parts)
            query, prompt, characters, figures, unsupported = told.query, told.prompt, told.characters, told.figures, told.unsupported_words
        elif self.settings.style:
            prompt = f"{prompt}, {self.settings.style}"
        self.shots.append(Shot(
            id=f"s{len(self.shots) + 1:02d}", text=text, query=query, prompt=prompt, characters=characters, figures=figures, setting=scene,
            duration_s=duration_of(text, self.settings), seed=shot_seed(self.story.title, text), unsupported_words=unsupported))

    # ── what the model failed at ──

    def _fail(self, what: str, why: str) -> None:
        self.num_failed += 1
        self.notes.append(f"{what}: {why}")
        _LOG.warning("%s", self.notes[-1])

    def _give_up(self, at: int, stop: int, error: PlannerError) -> int:
        """Plan a batch by rules. Raises the error when it is the model that is of no use."""
        path = self.kept.put_refused(error.last_reply) if error.last_reply else None
        is_last = stop == len(self.pieces)
        if not self.num_good and (is_last or self.num_failed + 1 >= _HOPELESS):
            raise error
        self.num_failed += 1
        where = f"; its last reply is in {path}" if path else ""
        return self._plan_by_rules(at, stop, f"{error.message}{where}", failed=False)

    def _plan_by_rules(self, at: int, stop: int, why: str, *, failed: bool = True) -> int:
        first = len(self.shots)
        for shot in self._rule_shots(self.pieces[at].start, self.pieces[stop - 1].end):
            self.shots.append(shot.model_copy(update={"id": f"s{len(self.shots) + 1:02d}"}))
        ids = " to ".join(dict.fromkeys((f"s{first + 1:02d}", self.shots[-1].id)))
        self.notes.append(f"{ids} planned by the rules: {why}")
        _LOG.warning("%s", self.notes[-1])
        return stop

    @cached_property
    def _rules_board(self) -> Storyboard:
        rules = RulePlanner(self.settings.model_copy(update={"stand_ins": self.company.stand_ins}), self.vocabulary)
        try:
            return rules.plan(self.story, self.cast)
        except StoryError:                           # the rules find no shot for one of the cast; the model may have
            return rules.plan(self.story, ())

    def _rule_shots(self, start: int, end: int) -> list[Shot]:
        """Return the rules' shots of a stretch of the text, cut to it."""
        found: list[Shot] = []
        at, lead = 0, ""
        for shot in self._rules_board.shots:
            text = self.story.text[max(at, start):min(at + len(shot.text), end)] if at < end and at + len(shot.text) > start else ""
            at += len(shot.text)
            if text and not any(char.isalnum() for char in text):    # marks and blanks cut off their words
                if found:
                    found[-1] = found[-1].model_copy(update={"text": found[-1].text + text})
                else:
                    lead += text
            elif text:
                text, lead = lead + text, ""
                found.append(shot.model_copy(update={
                    "text": text, "seed": shot_seed(self.story.title, text), "duration_s": duration_of(text, self.settings)}))
        return found

    # ── ask, check, ask again ──

    def _ask(self, question: str, wanted: type[Wanted], check: Callable[[Wanted, bool], Value]) -> Value:
        """Return what `check` makes of a reply, which gets whether it breaks off.

        Raises CutOffError, ServiceError, and PlannerError with the last reply when none was good.
        """
        if kept := self.kept.get(question):
            try:
                return _understood(kept, wanted, check)
            except (BadReplyError, CutOffError):
                pass
        messages: list[Message] = [{"role": "user", "content": question}]
        answer, problem = Answer(""), ""
        for _ in range(self.settings.attempts):
            answer = Answer("")
            try:
                answer = self.client.ask(messages, wanted)
                value = _understood(answer, wanted, check)
            except BadReplyError as error:
                problem = str(error)
            else:
                self.kept.put(question, answer)
                return value
            again = prompts.fill("repair_reply", errors=problem)
            messages = [messages[0], {"role": "assistant", "content": answer.content[:_QUOTED_REPLY] or "(nothing)"},
                        {"role": "user", "content": again}]
        raise self._unusable(problem.splitlines()[0].removeprefix("- "), answer.content, "use a larger model, or `--planner rules`")

    def _unusable(self, problem: str, last_reply: str, hint: str) -> PlannerError:
        tries = self.settings.attempts
        return PlannerError(f"{self.client.where} gave no usable reply in {tries} attempts: {problem}", hint=hint,
                            last_reply=last_reply, attempts=tries)


def _understood(answer: Answer, wanted: type[Wanted], check: Callable[[Wanted, bool], Value]) -> Value:
    """Return what `check` makes of an answer. Raises BadReplyError, CutOffError."""
    try:
        reply, breaks_off = parse_reply(answer.content, wanted)
    except BadReplyError:
        has_begun = answer.content.count("{") > answer.content.count("}")
        is_told = answer.is_cut_off and (has_begun or not answer.content.strip())
        if is_told or (has_begun and next(iter(wanted.model_fields)) in answer.content):
            raise CutOffError(answer.content) from None
        raise
    return check(reply, breaks_off or answer.is_cut_off)


def _spell_cast(cast: Sequence[CastMember]) -> str:
    lines = [f"\n- {member.name}: the story's {member.noun}, pseudo-word {member.token}" for member in cast]
    return "".join(lines) or "(none)"
