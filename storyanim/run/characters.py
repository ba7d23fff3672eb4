"""Who plays in a run: folders of pictures and character files, checked before any work, then learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from storyanim import hub
from storyanim.artifacts import CastMember, Character, CharacterToken, ClipMatch, Storyboard
from storyanim.config import Settings, cache_folder
from storyanim.device import make_room
from storyanim.engine.run_dir import RunDir
from storyanim.engine.store import load_character_token
from storyanim.errors import CharacterError
from storyanim.personalize.foreground import cropped_figures
from storyanim.personalize.images import Survey, log_warnings, read_character, read_pictures
from storyanim.planning import Vocabulary, guess_noun, people_of, settle_noun
from storyanim.run.components import Components, Token, build_components
from storyanim.run.request import CharacterRequest
from storyanim.stages import CharacterLearner, DepthEstimator, FootageIndex, Progress, TextVideoEncoder


@dataclass
class Cast:
    """The characters of a run, in the order in which they were given."""

    characters: list[Character | CharacterToken] = field(default_factory=list)
    # name → what lies in its folder, if it has one
    surveys: dict[str, Survey] = field(default_factory=dict)
    plays: dict[str, str] = field(default_factory=dict)              # name → whom, in the story's words

    @property
    def members(self) -> list[CastMember]:
        """The characters as a planner knows them."""
        return [CastMember(name=who.name, noun=who.noun, token=who.token, plays=self.plays.get(who.name, ""))
                for who in self.characters]

    def playing(self, board: Storyboard) -> list[Character | CharacterToken]:
        """Return those that play in a shot.

        Raises CharacterError when the storyboard names one that was not given.
        """
        named = {name for shot in board.shots for name in shot.characters}
        if missing := named - {who.name for who in self.characters}:
            raise CharacterError(f"the storyboard names {', '.join(sorted(missing))}, but no such character "
                                 "was given",
                                 hint="give each with --character")
        return [who for who in self.characters if who.name in named]


@dataclass(frozen=True)
class LearnedCharacter:
    """A character that was learned from a folder, and what learned it."""

    character: Character
    token: CharacterToken
    survey: Survey                                   # what lies in its folder
    components: Components                           # they draw single frames


def read_cast(
    requests: Sequence[CharacterRequest], text: str, settings: Settings, vocabulary: Vocabulary | None
) -> Cast:
    """Read and check the characters of a run; problems of their pictures are logged.

    Args:
        requests: what was given, in order.
        text: the story, from which a noun that was not given is guessed.
        settings: of the run; the profile's base model is what a character file must fit.
        vocabulary: what the profile's model can draw; None: any words.

    Raises CharacterError: for pictures that cannot be used, two of one name, or a file of another base model.
    """
    cast = Cast()
    people = people_of(text) if any(Path(request.path).is_dir() for request in requests) else ()
    for request in requests:
        path, told = Path(request.path), request.noun or ""
        if not path.is_dir():
            token = load_character_token(path)
            cast.characters.append(token)
            cast.plays[token.name] = told
            continue
        survey = read_pictures(path)
        noun, plays = settle_noun(path.name, told, people, vocabulary)
        who = read_character(path, noun=noun, survey=survey)
        cast.characters.append(who)
        cast.surveys[who.name], cast.plays[who.name] = survey, plays
    names = [who.name for who in cast.characters]
    if len(set(names)) < len(names):
        raise CharacterError(f"two characters have the same name: {', '.join(names)}",
                             hint="rename one of the folders")
    for character in cast.characters:
        if isinstance(character, CharacterToken):
            character.check_base(hub.base_fingerprint(settings.models), settings.profile)
    return cast


def learn_characters(
    run: RunDir, cast: Cast, playing: Sequence[Character | CharacterToken], components: Components,
    progress: Progress
) -> dict[str, Token]:
    """Return name → token: learned from pictures (and kept for other runs), or as it was given.

    `cast.surveys` gets warnings of pictures that are cropped badly, before the learning that takes minutes.
    """
    tokens: dict[str, Token] = {}
    for who in playing:
        if isinstance(who, CharacterToken):
            tokens[who.name] = who
            continue
        step = f"characters/{who.name}"
        if who.name in cast.surveys and run.done(step) is None:
            cast.surveys[who.name] = warn_of_crops(who, cast.surveys[who.name], components.depth,
                                                  components.settings)
        progress(0.0, f"learning {who.name} from {len(who.images)} pictures")
        tokens[who.name] = run.shared_step(
            step, learn_character, who, watched(components.learner, who.name, progress), components.index,
            components.encoder, components.settings.personalize.num_class_clips)
    return tokens


def learn_character(
    character: Character, learner: CharacterLearner, index: FootageIndex, encoder: TextVideoEncoder,
    num_class_clips: int
) -> CharacterToken:
    """Learn a character (AaS 3.3), with clips of the noun from the index as regularisation."""
    class_clips = index.search(f"a {character.noun}", encoder, num_class_clips) if num_class_clips else []
    make_room(encoder)
    return learner.learn(character, class_clips)


def learn_from_folder(
    folder: Path, noun: str | None, settings: Settings, index: str | None, progress: Progress
) -> LearnedCharacter:
    """Learn the character of a folder's pictures. Raises what reading, retrieving and learning raise."""
    components = build_components(_single_frames(settings), index)
    survey = read_pictures(folder)
    noun = noun or guess_noun(folder.name, (), components.vocabulary)
    character = read_character(folder, noun=noun, survey=survey)
    survey = warn_of_crops(character, survey, components.depth, settings)
    learner = watched(components.learner, character.name, progress)
    token = learn_character(character, learner, components.index, components.encoder,
                            settings.personalize.num_class_clips)
    return LearnedCharacter(character, token, survey, components)


def warn_of_crops(character: Character, survey: Survey, depth: DepthEstimator, settings: Settings) -> Survey:
    """Return the survey with (logged) warnings of pictures whose middle leaves out much of the figure."""
    size_px = settings.generate.width_px, settings.generate.height_px
    found = cropped_figures(character.images, depth, size_px)
    log_warnings(character.images[0].parent, found)
    return survey.warned(found)


@dataclass(frozen=True)
class _Watched:
    """A learner that reports its progress and keeps a checkpoint; to the engine it is the same component."""

    learner: CharacterLearner
    watch: Callable[[float, dict[str, float]], None]

    @property
    def fingerprint(self) -> str:
        return self.learner.fingerprint

    def learn(
        self, character: Character, class_clips: Sequence[ClipMatch] = (), watch: object = None, /, *,
        checkpoint: Path | None = None,
    ) -> CharacterToken:
        checkpoint = checkpoint or cache_folder() / "learning" / f"{character.token.strip('<>')}.safetensors"
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        return self.learner.learn(character, class_clips, self.watch, checkpoint=checkpoint)


def watched(learner: CharacterLearner, name: str, progress: Progress) -> CharacterLearner:
    """Return the learner with its progress reported as that of the character `name`."""
    return _Watched(learner, partial(_report_progress, progress, name))


def _report_progress(progress: Progress, name: str, done: float, figures: dict[str, float]) -> None:
    progress(done, f"learning {name}  " + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))


def _single_frames(settings: Settings) -> Settings:
    """Return the settings for shots of one frame, guided as characters are; learning stays the same."""
    scale = settings.personalize.guidance_scale
    changes = {"num_frames": 1} | ({} if scale is None else {"guidance_scale": scale})
    return settings.model_copy(update={"generate": settings.generate.model_copy(update=changes)})
