"""What a run works with: settings, vocabulary and the components of stages.py, built once and handed in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyanim import hub
from storyanim.artifacts import Character, CharacterToken, Motion
from storyanim.config import DEFAULT_INDEX, Settings, asset, cache_folder
from storyanim.depth.dpt import build_depth_estimator
from storyanim.engine.local import LocalExecutor
from storyanim.engine.motion_file import load_motion
from storyanim.engine.steps import Step
from storyanim.errors import IndexFolderError, MotionError
from storyanim.generate.capabilities import capabilities_of, check_settings
from storyanim.generate.families import build_generator
from storyanim.readback import build_reader
from storyanim.retrieve.encoders import build_encoder
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.index_format import INFO, read_info
from storyanim.retrieve.synonyms import Synonyms
from storyanim.run.vision import VisionReader
from storyanim.stages import (
    CharacterLearner,
    ClipReader,
    DepthEstimator,
    Executor,
    FootageIndex,
    Planner,
    Progress,
    ShotGenerator,
    TextVideoEncoder,
    no_progress,
)

if TYPE_CHECKING:
    from storyanim.planning import Vocabulary

Token = Step[CharacterToken] | CharacterToken        # of a character, learned in this run or given as a file
_ACTION_WEIGHT = 1.5                                 # of what is done in a query: footage gives the motion
BUNDLED_CLIPS = "storybook/clips"


@dataclass(frozen=True)
class Components:
    """Everything that does the work of a run. Models load at first use."""

    settings: Settings
    vocabulary: Vocabulary | None                    # what the profile's model can draw; None: any words
    planner: Planner
    encoder: TextVideoEncoder
    index: FootageIndex
    story_words: bool                                # footage is asked in the story's own words, too
    depth: DepthEstimator
    generator: ShotGenerator
    reader: ClipReader
    learner: CharacterLearner
    executor: Executor
    motions: tuple[Motion, ...] = ()                 # learned ones, for the shots that name them

    def fingerprints(self) -> dict[str, str]:
        """Return role → fingerprint of all that a film without characters is made by."""
        roles = ("planner", "encoder", "index", "depth", "generator", "reader")
        return {role: getattr(self, role).fingerprint for role in roles}

    def load_pipeline(self) -> Any:
        """Load the pipeline of the settings, apart from the generator's, to learn on."""
        return _load_pipeline(self.settings)


def build_components(
    settings: Settings, index: str | None, planning: Progress = no_progress
) -> Components:
    """Build the components that the settings name. Cheap: models load at first use.

    Args:
        settings: of the run.
        index: folder of the footage index; None: the profile's, or the bundled one.
        planning: told how far the plan of the story is.

    Raises UsageError, ModelError, IndexFolderError, MotionError.
    """
    from storyanim.planning import build_planner, load_vocabulary

    check_settings(settings)
    footage = settings.footage_index(index)
    vocabulary = load_vocabulary(settings)
    depth, encoder = build_depth_estimator(settings), build_encoder(settings)
    opened = open_index(footage or bundled_index(encoder, planning), settings, vocabulary,
                        bundled=footage is None)
    if not hub.is_same_model(opened.info.encoder, encoder.fingerprint):
        raise IndexFolderError(
            f"the index {opened.folder} was made with another encoder than this profile's",
            hint=f"index the videos again with `storyanim index ... --profile {settings.profile}`")
    learner = build_learner(settings, depth)
    generator = build_generator(settings)
    _ = depth.fingerprint, generator.fingerprint     # a model that is missing is reported before any work
    planner = build_planner(settings, vocabulary, planning)
    story_words = settings.retrieve.story_words and footage is not None and not _is_bundled(opened)
    reader = VisionReader(settings) if settings.check.vision_model else build_reader(settings, encoder)
    _ = reader.fingerprint                           # the same of it
    return Components(settings, vocabulary, planner, encoder, opened, story_words, depth, generator, reader,
                      learner, LocalExecutor(), load_motions(settings))


@dataclass(frozen=True)
class _TimeInvLearnerOnUse:
    """A TimeInvLearner that is imported when it is first used, since that takes seconds."""

    settings: Settings
    depth: DepthEstimator

    @cached_property
    def learner(self) -> CharacterLearner:
        from storyanim.personalize.fit import TimeInvLearner

        return TimeInvLearner(self.settings, partial(_load_pipeline, self.settings), self.depth)

    @property
    def fingerprint(self) -> str:
        return self.learner.fingerprint

    def learn(self, character: Character, *arguments: Any, **named: Any) -> CharacterToken:
        return self.learner.learn(character, *arguments, **named)


def build_learner(settings: Settings, depth: DepthEstimator) -> CharacterLearner:
    """Return what learns characters, and shows their pictures where a model sees them."""
    from storyanim.personalize.pictures import PictureLearner

    sees_pictures, learner = capabilities_of(settings).pictures_of_characters, None
    if settings.personalize.num_steps:
        learner = _TimeInvLearnerOnUse(settings, depth)
    return PictureLearner(settings.models, learner) if learner is None or sees_pictures else learner


def load_motions(settings: Settings) -> tuple[Motion, ...]:
    """Read the motions that the settings name.

    Raises MotionError for a file that is none, of another base model, or of a motion that another has.
    """
    motions = tuple(load_motion(Path(file)) for file in settings.motion.files)
    names = [motion.name for motion in motions]
    if len(set(names)) < len(names):
        raise MotionError(f"two motions have the same name: {', '.join(names)}", hint="give one file of each")
    for motion in motions:
        motion.check_base(hub.fingerprint_motion(settings.models), settings.profile)
    return motions


def bundled_index(encoder: TextVideoEncoder, progress: Progress = no_progress) -> Path:
    """Return the index of the bundled footage by an encoder: the package's, or one made once and kept.

    Raises ModelError, IndexFolderError, ResourceError.
    """
    kept = _place_of_bundled_index(encoder)
    if not (kept / INFO).is_file():
        from storyanim.retrieve.build import build_index

        kept.parent.mkdir(parents=True, exist_ok=True)
        build_index([asset(BUNDLED_CLIPS)], kept, encoder, progress=lambda done, total, text: progress(
            done / max(1, total), f"indexing the bundled footage  {done} of {total}"))
    return kept


def _place_of_bundled_index(encoder: TextVideoEncoder) -> Path:
    if hub.is_same_model(read_info(asset(DEFAULT_INDEX)).encoder, encoder.fingerprint):
        return asset(DEFAULT_INDEX)
    key = hashlib.sha256(encoder.fingerprint.encode()).hexdigest()[:16]
    return cache_folder() / "bundled_index" / key


def is_index_ready(settings: Settings, index: str | None) -> bool:
    """Return whether there is an index for a run, so that none is built of the bundled footage first."""
    named = settings.footage_index(index) is not None
    return named or (_place_of_bundled_index(build_encoder(settings)) / INFO).is_file()


def open_index(
    folder: Path, settings: Settings, vocabulary: Vocabulary | None, bundled: bool = False
) -> VideoIndex:
    """Open an index that is searched as the settings say, by all synonyms that the vocabulary has for a word.

    Raises IndexFolderError, UsageError, ModelError.
    """
    wanted = settings.retrieve
    index = VideoIndex(folder, caption_weight=wanted.caption_weight, min_motion=wanted.min_motion,
                      min_score=wanted.min_score, exact=wanted.exact,
                      search_parameters={str(name): value for name,
                                         value in wanted.search_parameters.items()},
                      filters=wanted.filters,
                      near_duplicate_threshold=wanted.near_duplicate_threshold,
                      lancedb_uri=wanted.lancedb_uri)
    index.synonyms = _synonyms(vocabulary)
    if bundled or _is_bundled(index):                # whose captions say just what a clip shows
        index.min_score = None
    return index


def _synonyms(vocabulary: Vocabulary | None) -> Synonyms:
    """Return the vocabulary's words that mean the same; those of actions, but for the default, count more."""
    if vocabulary is None:
        return Synonyms()
    actions = {entry.say for value, entry in vocabulary.kinds["action"].items()
               if value != vocabulary.default_action}
    groups = vocabulary.synonyms
    return Synonyms(groups, [_ACTION_WEIGHT if actions & set(group) else 1.0 for group in groups])


def _is_bundled(index: VideoIndex) -> bool:
    """Return whether an index is the one of the package, or a copy."""
    return index.info.files == read_info(asset(DEFAULT_INDEX)).files


def _load_pipeline(settings: Settings) -> Any:
    """Load what characters and motions are learned on: without an IP-Adapter, which sees no picture then."""
    from storyanim.generate.load import load_pipeline

    return load_pipeline(settings.models.model_copy(update={"ip_adapter": None, "image_encoder": None}))
