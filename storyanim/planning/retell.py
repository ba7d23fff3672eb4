"""What a language model wrote for shots: checked, and put into the vocabulary of the model that draws."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from storyanim.artifacts import CastMember
from storyanim.planning import prompts
from storyanim.planning.casting import Part
from storyanim.planning.language import other_language
from storyanim.planning.replies import BadReplyError, ShotEntry
from storyanim.planning.vocabulary import Kind, Vocabulary
from storyanim.planning.wording import Wording, word_sentence

_PSEUDO_WORD = re.compile(r"<[\w-]+>")
_WORD = re.compile(r"[^\W\d_]+")
MAX_PROMPT, MAX_QUERY = 400, 120                     # characters; what is longer is cut
_MAX_WORDS = 80                                      # of the story in a shot of several pieces
_STEM = 4                                            # letters by which words are compared: "walks", "walking"
_LATIN = "\u024f"                                    # the last Latin letter


@dataclass(frozen=True)
class WrittenShot:
    """A checked shot: its pieces, from 0, and its words."""

    pieces: range
    query: str
    prompt: str
    characters: tuple[str, ...]


# ── which pieces ──


def group_pieces(shots: Sequence[ShotEntry], count: int, is_cut_off: bool) -> list[tuple[range, ShotEntry]]:
    """Return the shots with their pieces, from 0, side by side and in order; of a reply that breaks off, its beginning.

    Numbers may begin at 0 or anywhere, or be left out where each piece has its shot. Raises BadReplyError.
    """
    if not any(shot.pieces for shot in shots) and len(shots) == count:
        return [(range(i, i + 1), shot) for i, shot in enumerate(shots)]
    if not all(shot.pieces for shot in shots):
        raise BadReplyError(f"- `pieces` is missing; there are {count} pieces and {len(shots)} shots")
    ordered = sorted(shots, key=lambda shot: min(shot.pieces))
    numbers = [number for shot in ordered for number in sorted(shot.pieces)]
    first = numbers[0] if numbers[0] == 0 or numbers == list(range(numbers[0], numbers[0] + count)) else 1
    grouped: list[tuple[range, ShotEntry]] = []
    for shot in ordered:
        start = grouped[-1][0].stop if grouped else 0
        own = sorted(number - first for number in set(shot.pieces))
        if own != list(range(start, start + len(own))) or own[-1] >= count:
            if is_cut_off:
                return grouped
            raise BadReplyError(f"- each of the pieces 1 to {count} must be in exactly one shot, and those of a shot side by side; "
                                f"`pieces` are {[shot.pieces for shot in shots]}"[:400])
        grouped.append((range(own[0], own[-1] + 1), shot))
    if not is_cut_off and grouped[-1][0].stop < count:
        missing = ", ".join(str(number) for number in range(grouped[-1][0].stop + 1, count + 1))
        raise BadReplyError(f"- no shot shows the pieces {missing}; each of 1 to {count} must be in exactly one")
    return grouped


# ── which words ──


def check_shots(
    shots: Sequence[ShotEntry], is_cut_off: bool, pieces: Sequence[str], cast: Sequence[CastMember], context: str = "",
) -> list[WrittenShot]:
    """Return the shots of a batch, pseudo-words and characters made to agree, long words cut.

    Args:
        shots: as the model wrote them.
        is_cut_off: whether the reply breaks off; then its beginning is returned.
        pieces: the story's text, piece by piece.
        cast: characters of the film.
        context: what else the model was told of the story: cast, scene, what came before.

    Raises BadReplyError, which names what is wrong.
    """
    grouped = group_pieces(shots, len(pieces), is_cut_off)
    written = [_written(numbers, shot, cast) for numbers, shot in grouped]
    told = [" ".join(pieces[i] for i in shot.pieces) for shot in written]
    problems = [f"- the shot of piece {shot.pieces[0] + 1}: {problem}" for shot, text in zip(written, told, strict=True)
                for problem in _problems_of(shot, text, cast)]
    problems += _problems_of_all(written, " ".join([*pieces, context]))
    if problems:
        raise BadReplyError("\n".join(problems[:8]))
    return written


def _written(numbers: range, shot: ShotEntry, cast: Sequence[CastMember]) -> WrittenShot:
    known = {name: member for member in cast for name in (member.name.lower(), member.noun.lower(), member.token.lower())}
    members = [known[name.lower()] for name in shot.characters if name.lower() in known]
    members += [member for member in cast if member.token in shot.prompt and member not in members]
    prompt = _shortened(shot.prompt, MAX_PROMPT)
    for member in members:
        prompt = _with_token(prompt, member)
    query = _shortened(" ".join(_PSEUDO_WORD.sub("", shot.query).split()), MAX_QUERY)
    return WrittenShot(numbers, query, prompt, tuple(dict.fromkeys(member.name for member in members)))


def _problems_of(shot: WrittenShot, told: str, cast: Sequence[CastMember]) -> Iterator[str]:
    for field, text in (("query", shot.query), ("prompt", shot.prompt)):
        if len(_WORD.findall(text)) < 2:
            yield f"`{field}` says nothing: {text!r}"
        elif _plain(text) in _examples() and not _stems(text) & _stems(told):
            yield f"`{field}` repeats the example of the question"
    if unknown := sorted(set(_PSEUDO_WORD.findall(shot.prompt)) - {member.token for member in cast}):
        yield f"the prompt has the unknown pseudo-word {unknown[0]}"
    for member in cast:
        if member.name in shot.characters and member.token not in shot.prompt:
            yield f"the prompt must say {member.token} {member.noun!r}, who is seen in it"
    if len(shot.pieces) > 1 and len(told.split()) > _MAX_WORDS:
        yield f"it joins {len(shot.pieces)} pieces, which is too much to see in one shot"


def _problems_of_all(shots: Sequence[WrittenShot], context: str) -> Iterator[str]:
    said = re.sub(r"<[\w-]+>(?: \w+)?", "", " ".join(f"{shot.query}. {shot.prompt}." for shot in shots))
    letters = "".join(_WORD.findall(said))
    language = "a language in another script" if 5 * sum(char > _LATIN for char in letters) > len(letters) else other_language(said)
    if language:
        yield f"- `query` and `prompt` must be in English; they look like {language}"
    if len(shots) > 2 and len({shot.prompt for shot in shots}) == 1:
        yield "- all shots have the same prompt; each must show what its own pieces tell"
    if len(shots) > 2 and not other_language(context) and not _stems(said) & _stems(context):
        yield "- no shot shows anything that the pieces tell"


def _examples() -> set[str]:
    """Return what the question gives as examples."""
    return {_plain(text) for text in re.findall(r'"([^"\n]+)"', prompts.read_prompt("write_shots")) if len(_WORD.findall(text)) > 2}


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _stems(text: str) -> set[str]:
    """Return the beginnings of a text's longer words."""
    return {word[:_STEM] for word in _WORD.findall(text.lower()) if len(word) > 2 and word not in {"the", "and", "with", "was", "for"}}


def _shortened(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters: whole sentences, else whole parts of one, else whole words."""
    if len(text) <= limit:
        return text
    cut = text[:limit]
    for mark in (r"[.!?]\s", r"[,;:]\s", r"\s"):
        ends = [found.start() for found in re.finditer(mark, cut) if found.start() > limit // 4]
        if ends:
            return cut[:ends[-1]].rstrip(" ,;:")
    return cut


def _with_token(prompt: str, member: CastMember) -> str:
    """Return the prompt with the member's pseudo-word before its noun."""
    if member.token in prompt:
        return prompt
    noun = re.compile(rf"\b(?:{re.escape(member.noun)}|{re.escape(member.name)})\b", re.IGNORECASE)
    return noun.sub(f"{member.token} {member.noun}", prompt, count=1)


# ── the vocabulary of the model that draws ──


def drawable_words(vocabulary: Vocabulary) -> str:
    """Return what can be drawn, for the model to choose from."""
    kinds: tuple[Kind, ...] = ("creature", "colour", "accessory", "action", "scene", "time_of_day", "weather")
    lines = [f"- {kind.replace('_', ' ')}: {', '.join(vocabulary.kinds[kind])}" for kind in kinds]
    return ("Only these can be drawn; say in `prompt` and `query` the nearest of them (any character of the film can be drawn):\n"
            + "\n".join(lines))


def retell(vocabulary: Vocabulary, written: WrittenShot, setting_words: str, cast: Sequence[CastMember],
           parts: Mapping[str, Part]) -> Wording:
    """Return a written shot in the vocabulary's words. Args: parts: name or noun → how it is drawn in the whole film."""
    members = [member.model_copy(update={"plays": ""}) for member in cast if member.name in written.characters]    # said by noun
    return word_sentence(" ".join(_PSEUDO_WORD.sub("", written.prompt).split()), setting_words, members, vocabulary, parts)
