"""The sound of a run: what its shots say, spoken before they are drawn, and the mix of the film."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from storyanim.artifacts import Shot, Speech, Storyboard
from storyanim.config import FilmSettings, Settings, SoundSettings
from storyanim.engine.run_dir import RunDir
from storyanim.engine.steps import Step
from storyanim.film.sound.ambience import Stretch, ambience_of, write_ambience
from storyanim.film.sound.mix import mix
from storyanim.film.sound.music import RATE, check_music, fit_music
from storyanim.film.sound.speech import check_voices, engine_of, speak
from storyanim.film.sound.voice_models import VoiceModel, find_voices
from storyanim.film.sound.voices import Line, by_script, narrator_of, voice_of
from storyanim.film.timeline import Timeline
from storyanim.planning.dialogue import find_utterances
from storyanim.planning.language import language_of
from storyanim.stages import Progress

_LOG = logging.getLogger(__name__)


def check_sound(settings: SoundSettings) -> None:
    """Raise UsageError for a narrator that there is not, InputError for music that cannot be read."""
    if settings.music is not None:
        check_music(Path(settings.music))
    if settings.narrate:
        check_voices([narrator_of(settings.voice, "", _voice_models(settings))])


def _voice_models(settings: SoundSettings) -> tuple[VoiceModel, ...]:
    return find_voices(Path(settings.voices)) if settings.voices else ()


def narrate(
    run: RunDir, board: Storyboard, texts: Sequence[str], settings: Settings, progress: Progress
) -> dict[str, Step[Speech]]:
    """Speak what each shot tells, dialogue in the voices of its cast.

    `texts[i]` is the part of the story that shot i shows as subtitles. Returns shot id → what is spoken, of
    the shots that have a word. Raises UsageError for a voice of the cast that there is not.
    """
    wanted = settings.sound
    if not wanted.narrate:
        return {}
    models = _voice_models(wanted)
    lines = lines_of(board, texts, wanted, film_language(texts, settings.film), models)
    voices = [line.voice for spoken in lines for line in spoken]
    check_voices(voices)
    engine, steps = engine_of(voices, models), {}
    for model in engine.models:
        _LOG.info("voice %s: licence %s", model.name, model.licence or "not said by a file beside it")
    for shot, spoken in zip(board.shots, lines, strict=True):
        if spoken:
            progress(0.0, f"{shot.id} speaking")
            name = f"audio/{shot.id}"
            steps[shot.id] = run.step_with_folder(name, speak, spoken, wanted.breath_s, engine)
    return steps


def film_language(texts: Sequence[str], settings: FilmSettings) -> str:
    """Return the tag of the language of a film's words; "" for one that is not known."""
    return settings.language or language_of("\n".join(texts))


def lines_of(
    board: Storyboard, texts: Sequence[str], settings: SoundSettings, language: str = "en",
    models: Sequence[VoiceModel] = (),
) -> list[list[Line]]:
    """Return what each shot's voices say. Raises UsageError."""
    narrator = narrator_of(settings.voice, language, models)
    voices = {role.name: voice_of(role, narrator, models) for role in board.cast}
    return [[part for one in utterances
             for part in by_script(Line(text=text[one.start:one.end], at=one.start,
                                        voice=voices[one.role.name] if one.role else narrator))]
            for text, utterances in zip(texts, find_utterances(texts, board.cast), strict=True)]


def mix_sound(run: RunDir, timeline: Timeline, settings: SoundSettings) -> tuple[Timeline, Step[Path] | None]:
    """Return the timeline with music and ambience, and the mix of the film's sound; None where none is."""
    changes: dict[str, Path] = {}
    num_samples = round(timeline.duration_s * RATE)
    if settings.music is not None:
        step = run.step_with_folder("audio/music", fit_music, Path(settings.music), num_samples)
        changes["music"] = step.value
    stretches = [Stretch(kind=piece.ambience, start=round(piece.start_s * RATE), end=round(end_s * RATE))
                 for piece, end_s in zip(timeline.pieces, timeline.ends_s(), strict=True)]
    if any(stretch.kind for stretch in stretches):
        step = run.step_with_folder("audio/ambience", write_ambience, stretches, settings.seed)
        changes["ambience"] = step.value
    timeline = timeline.model_copy(update=changes)
    if not changes and not any(piece.speech for piece in timeline.pieces):
        return timeline, None
    return timeline, run.step_with_folder("audio/mix", mix, timeline)


def ambience_for(shot: Shot, subtitle: str, settings: SoundSettings) -> str:
    """Return the kind of quiet sound that a shot has; "" for none."""
    return ambience_of(subtitle, shot.prompt, shot.setting) if settings.ambience else ""
