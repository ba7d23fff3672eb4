"""What storyanim does, for Python and for the command line: plan, make a film, learn a character, index.

    import storyanim

    result = storyanim.make_film("story.txt", characters=["./bear"])
    print(result.path, [shot.pictures for shot in result.shots])

Arguments that are None are not given: a default, or what an earlier run in the same folder had, takes their
place. `progress` is called with the share done in [0, 1] and what is being done. Every error is a
StoryanimError with a hint.
"""

from storyanim.api.asked import (
    ExecutorName,
    FilmArguments,
    FilmAsked,
    PlanArguments,
    WorkerArguments,
    asked_for,
    is_run,
    slug,
)
from storyanim.api.films import make_film, plan
from storyanim.api.footage import Hit, build_index, search
from storyanim.api.learning import CharacterFiles, MotionFiles, learn_character, learn_motion

__all__ = ["CharacterFiles", "ExecutorName", "FilmArguments", "FilmAsked", "Hit", "MotionFiles",
           "PlanArguments", "WorkerArguments", "asked_for", "build_index", "is_run", "learn_character",
           "learn_motion", "make_film", "plan", "search", "slug"]
