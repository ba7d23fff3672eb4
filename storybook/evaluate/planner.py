"""How much of labelled stories a planner shows right, shot by shot, field by field.

    python -m storybook eval planner [--profile sd15] [--planner rules|openai] [--half seen|held|fresh|all]

A shot is compared with the piece of the story that it covers most; of two pieces that it covers, with the one
that it shows better. A field is right only when it says what the label accepts and nothing besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storyanim.artifacts import Shot, Story, Storyboard
from storyanim.config import Settings
from storyanim.console import Progress
from storyanim.planning import Vocabulary, build_planner, load_vocabulary
from storyanim.stages import Planner
from storybook.evaluate.metrics import wilson
from storybook.evaluate.planner_align import Cuts, align
from storybook.evaluate.planner_bundled import BundledScorer
from storybook.evaluate.planner_free import FreeScorer, Verdict, known_verbs
from storybook.evaluate.planner_stories import LabelledStory, Piece

FIELDS = {
    "boundaries": "both ends of the shot where a cut may be", "who": "who acts is who is shown",
    "action": "the action", "place": "the place", "time": "the time of day", "weather": "the weather",
    "query": "a query that one would type", "wording": "a plain prompt of at most 40 words",
    "who_and_action": "who acts, with its action",
}


@dataclass(frozen=True)
class ShotScore:
    """The verdict on one shot."""

    story: LabelledStory
    shot: Shot
    piece: int
    fields: Verdict
    standing: bool
    empty: bool

    @property
    def faults(self) -> list[str]:
        """Fields that are wrong."""
        return [name for name, right in self.fields.items() if right is False and name != "who_and_action"]


@dataclass
class PlannerScores:
    """All verdicts of one planner with one profile."""

    shots: list[ShotScore] = field(default_factory=list)
    cuts: list[Cuts] = field(default_factory=list)
    num_pieces: int = 0
    num_stories: int = 0


def score_planner(settings: Settings, stories: Sequence[LabelledStory],
                  progress: Progress = lambda done, text: None) -> PlannerScores:
    """Plan every story without a cast of the user's, and judge its shots."""
    vocabulary = load_vocabulary(settings)
    planner = build_planner(settings, vocabulary)
    scores = PlannerScores(num_stories=len(stories), num_pieces=sum(len(story.pieces) for story in stories))
    verbs = known_verbs(stories)
    for done, story in enumerate(stories, 1):
        cuts, shots = score_story(story, _plan(planner, story), vocabulary, verbs)
        scores.cuts.append(cuts)
        scores.shots += shots
        progress(done / len(stories), f"{done} of {len(stories)} stories")
    return scores


def _plan(planner: Planner, story: LabelledStory) -> Storyboard:
    return planner.plan(Story(title=story.title, text=story.text), ())


def score_story(story: LabelledStory, board: Storyboard, vocabulary: Vocabulary | None,
                verbs: frozenset[str] | None = None) -> tuple[Cuts, list[ShotScore]]:
    """Judge a storyboard of a story. Raises ValueError when its shots together are not the text."""
    cuts, aligned = align(story, board)
    scorer: FreeScorer | BundledScorer
    if vocabulary is None:
        scorer = FreeScorer(story, known_verbs([story]) if verbs is None else verbs, board.style)
    else:
        scorer = BundledScorer(story, board, vocabulary)
    scores = []
    for one in aligned:
        shot = board.shots[one.index]
        judged = [(scorer.judge(shot, story.pieces[k]), k) for k in one.pieces]
        best, piece = min(judged, key=lambda item: (list(item[0].values()).count(False), not item[0]["who"]))
        best = {"boundaries": one.well_cut, **best, "who_and_action": _both(best["who"], best["action"])}
        scores.append(ShotScore(story, shot, piece, best, scorer.stands(shot), scorer.is_empty(shot)))
    return cuts, scores


def _both(first: bool | None, second: bool | None) -> bool | None:
    return first if second is None else bool(first) and second


# ── counts ───────────────────────────────────────────────────────────────────────────────────────────────


def share(verdicts: Iterable[bool | None]) -> dict[str, float]:
    """Return right, count, share and its interval over the verdicts that say something."""
    told = [right for right in verdicts if right is not None]
    right, count = sum(told), len(told)
    low, high = wilson(right, count)
    part = right / count if count else 0.0
    return {"right": right, "count": count, "share": part, "low": low, "high": high}


def summarize(scores: PlannerScores) -> dict[str, Any]:
    """Return every figure of the table."""
    shots = scores.shots
    made = sum(len(cuts.made) for cuts in scores.cuts)
    needed = sum(len(cuts.needed) for cuts in scores.cuts)
    precision = share([True] * (right := sum(cuts.right for cuts in scores.cuts)) + [False] * (made - right))
    recall = share([True] * (found := sum(cuts.found for cuts in scores.cuts)) + [False] * (needed - found))
    both = precision["share"] + recall["share"]
    fields = {name: share(shot.fields.get(name) for shot in shots) for name in FIELDS
              if any(shot.fields.get(name) is not None for shot in shots)}
    faultless = {(id(shot.story), shot.piece) for shot in shots if not shot.faults}
    return {
        "stories": scores.num_stories, "pieces": scores.num_pieces, "shots": len(shots),
        "cuts": {"precision": precision, "recall": recall,
                 "f1": 2 * precision["share"] * recall["share"] / both if both else 0.0},
        "fields": fields,
        "faultless_shots": share(not shot.faults for shot in shots),
        "faultless_pieces": share([True] * len(faultless) + [False] * (scores.num_pieces - len(faultless))),
        "standing": share(shot.standing for shot in shots),
        "standing_wrongly": share(shot.standing and shot.fields["action"] is False for shot in shots),
        "empty": share(shot.empty for shot in shots),
    }


def planner_table(result: Mapping[str, Any]) -> str:
    """Return the figures of `summarize` as Markdown."""
    rows = [("cuts: precision", result["cuts"]["precision"]), ("cuts: recall", result["cuts"]["recall"])]
    rows += [(FIELDS[name], counts) for name, counts in result["fields"].items()]
    rows += [("**shots without any fault**", result["faultless_shots"]),
             ("pieces that have a shot without any fault", result["faultless_pieces"]),
             ("somebody just stands", result["standing"]),
             ("... and should do something else", result["standing_wrongly"]),
             ("nobody is shown", result["empty"])]
    head = f"{result['stories']} stories, {result['pieces']} pieces, {result['shots']} shots"
    lines = [f"| {head} | | of | 95 % interval |", "| --- | --- | --- | --- |"]
    lines += [f"| {name} | {one['share']:.1%} | {one['right']}/{one['count']} "
              f"| {one['low']:.1%} to {one['high']:.1%} |" for name, one in rows]
    return "\n".join([*lines, f"| cuts: F1 | {result['cuts']['f1']:.1%} | | |"]) + "\n"


def describe_faults(scores: PlannerScores) -> Iterator[str]:
    """Tell each shot that has a fault, with its piece."""
    for score in scores.shots:
        if score.faults:
            piece: Piece = score.story.pieces[score.piece]
            label = piece.label.model_dump(by_alias=True, exclude_defaults=True)
            shot = score.shot
            yield (f"{score.story.title} {shot.id}: {', '.join(score.faults)}\n"
                   f"  shot:   {' '.join(shot.text.split())}\n  piece:  {' '.join(piece.text.split())}\n"
                   f"  query:  {shot.query}\n  prompt: {shot.prompt}\n  label:  {label}")
