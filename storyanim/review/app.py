"""The pages and actions of the review page: each action is one call of `run/edits.py` or of `Drawing`."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from storyanim.artifacts import Shot
from storyanim.errors import InputError, StaleEditError, StoryanimError, StoryError, UsageError
from storyanim.film.subtitles import srt_to_vtt
from storyanim.review import view
from storyanim.review.drawing import Drawing
from storyanim.review.forms import Fields, one, read_form, shot_changes, whole_number
from storyanim.review.guard import Guard
from storyanim.review.pages import render
from storyanim.run import edits
from storyanim.run.exports import (
    export_film,
    export_zipped,
    print_storyboard,
    write_footage,
    write_run_preview,
)

_HERE = Path(__file__).parent
# What of a run may be looked at; nothing else of it, and of what is outside of it only the footage that was
# found for a shot, by its number, has an address.
_MEDIA = re.compile(r"film\.(?:mp4|vtt)|poster\.jpg|"
                    r"shots/s\d+/(?:frames(?:-\d+)?|depth|thumbnails|clip|takes/[\w-]+)/[\w-]+\.(?:png|mp4|webp)")
_EXPORTS = ("film.mp4", "film.srt", "sheet.png", "storyboard.yaml")
# Made when it is asked for: name → run folder, file to write.
_MADE: Mapping[str, Callable[[Path, Path], object]] = {
    "preview.webp": write_run_preview,
    "storyboard.pdf": print_storyboard, "storyboard.html": print_storyboard,
    **{f"project.{kind}.zip": partial(export_zipped, format_=kind) for kind in ("otio", "edl", "fcpxml")},
    "project.zip": partial(export_film, format_="zip"),
}
Action = Callable[[str, Fields], str]                # id of a shot or "", the form → what to say


def build_app(folder: Path, token: str, port: int) -> ASGIApp:
    """Return the review page of a run as an ASGI application that answers to this token and port."""
    return Guard(Review(folder.absolute()).app, token, port)


class Review:
    """The routes of one run's page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.drawing = Drawing(folder)
        self._played = Path(tempfile.mkdtemp(prefix="storyanim-review-"))        # candidates, cut out
        atexit.register(shutil.rmtree, self._played, ignore_errors=True)
        shot_actions: dict[str, Action] = {
            "edit": self._edit, "redo": self._redo, "move": self._move, "remove": self._remove,
            "insert": self._insert, "choose": self._choose, "pin": self._pin, "unpin": self._unpin,
            "ban": self._ban, "allow": self._allow,
        }
        self._of_many_cards = (self._move, self._remove, self._insert)
        run_actions: dict[str, Action] = {
            "undo": self._undo, "cast": self._cast, "draw": self._draw, "stop": self._stop}
        self.app = Starlette(routes=[
            Route("/", self._page), Route("/shots/{shot}", self._page),
            *(Route(f"/shots/{{shot}}/{name}", self._acting(act), methods=["POST"])
              for name, act in shot_actions.items()),
            *(Route(f"/{name}", self._acting(act), methods=["POST"]) for name, act in run_actions.items()),
            Route("/progress", self._progress),
            Route("/footage/{shot}/{figure:int}/{number:int}.mp4", self._footage),
            Route("/media/{name:path}", self._media), Route("/export/{name}", self._export),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ], exception_handlers={StoryanimError: _explain})
        self.app.router.redirect_slashes = False

    # ── pages ────────────────────────────────────────────────────────────────────────────────────────────

    def _page(self, request: Request) -> Response:
        shot = request.path_params.get("shot", "")
        template = "shot.html" if request.headers.get("hx-request") and shot else "page.html"
        return HTMLResponse(render(template, **self._shown(shot)))

    def _shown(self, shot: str, **more: Any) -> dict[str, Any]:
        """Return what the templates show, with one shot open if one is named."""
        board = view.read_view(self._folder)
        known = any(card.shot.id == shot for card in board.cards)
        if shot and not known and not more:
            board.card(shot)                         # which says that there is none
        detail = view.read_detail(self._folder, board, shot) if known else None
        parts = view.parts_to_choose(self._folder, board) if board.storyboard.cast else ()
        shown = {"board": board, "detail": detail, "drawing": self.drawing, "parts": parts, "message": "",
                 "styles": view.takes_styles(self._folder)}
        return shown | more

    def _progress(self, request: Request) -> Response:
        """Tell how far the drawing is, with the cards that are done since `since`; all at its end."""
        since = whole_number(request.query_params.get("since", "0"), "since")
        shot = request.query_params.get("open", "")
        if not self.drawing.runs:
            shown = self._shown(shot, message=self.drawing.text)
            return HTMLResponse(render("all.html", **shown, only=None))
        board = view.read_view(self._folder)
        fresh = set(self.drawing.drawn[since:])
        return HTMLResponse(render("progress.html", board=board, drawing=self.drawing,
                                   fresh=[card for card in board.cards if card.shot.id in fresh]))

    # ── files ────────────────────────────────────────────────────────────────────────────────────────────

    def _media(self, request: Request) -> Response:
        name = request.path_params["name"]
        if not _MEDIA.fullmatch(name):
            return PlainTextResponse("there is no such picture or film", 404)
        if name == "film.vtt":
            text = self._inside("film.srt").read_text("utf-8")
            return Response(srt_to_vtt(text), media_type="text/vtt")
        return FileResponse(self._inside(name))

    def _export(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name in _MADE:
            return self._made(name)
        if name not in _EXPORTS:
            return PlainTextResponse("there is no such export", 404)
        return FileResponse(self._inside(name), filename=f"{self._folder.name}-{name}")

    def _made(self, name: str) -> Response:
        folder = Path(tempfile.mkdtemp(prefix="storyanim-export-"))
        path = folder / f"{self._folder.name}-{name}"
        try:
            _MADE[name](self._folder, path)
        except StoryanimError:
            shutil.rmtree(folder)
            raise
        return FileResponse(path, filename=path.name, background=BackgroundTask(shutil.rmtree, folder))

    def _footage(self, request: Request) -> Response:
        """Play a candidate of a shot, or of one of its figures: what of its video would be followed."""
        at = request.path_params
        made = view.read_detail(self._folder, view.read_view(self._folder), at["shot"]).made
        found = [made.candidates, *made.figures][at["figure"]:][:1]
        matches = found[0].matches if found and found[0] else ()
        if not 0 < at["number"] <= len(matches):
            return PlainTextResponse("there is no such footage", 404)
        match = matches[at["number"] - 1]
        name = f"{match.sha256[:16]}-{match.start_s:g}-{match.end_s:g}.mp4"
        path = self._played / name
        if not path.is_file():
            write_footage(match, path)
        return FileResponse(path)

    def _inside(self, name: str) -> Path:
        """Return a file of the run, links followed. Raises InputError when it is none."""
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
            raise InputError(f"the run has no {name} yet", hint="draw the film")
        return path

    # ── actions ──────────────────────────────────────────────────────────────────────────────────────────

    def _acting(self, action: Action) -> Callable[[Request], Any]:
        """Return the route of an action, refused when the storyboard is not the one that was looked at."""
        def act(shot: str, fields: Fields) -> Response:
            if self.drawing.runs and action != self._stop:
                raise UsageError("the film is being drawn, and edits wait", hint="wait for it, or stop it")
            with edits.only_if_still(one(fields, "seen")):
                message = action(shot, fields)
            shown = self._shown(one(fields, "open", shot), message=message)
            only = shown["board"].card(shot) if shot and action not in self._of_many_cards else None
            closed = one(fields, "open", shot) and shown["detail"] is None         # it was taken out
            return HTMLResponse(render("all.html", **shown, only=only),
                                headers={"HX-Replace-Url": "/"} if closed else None)

        async def route(request: Request) -> Response:
            fields = read_form(await request.body())
            if "seen" not in fields:
                raise UsageError("the form does not say what was looked at", hint="load the page again")
            return await run_in_threadpool(act, request.path_params.get("shot", ""), fields)

        return route

    def _shot(self, shot: str) -> Shot:
        return edits.find_shot(edits.read_board(self._folder), shot)

    def _edit(self, shot: str, fields: Fields) -> str:
        changes = shot_changes(self._shot(shot), fields)
        if not changes:
            return "nothing was changed"
        edits.set_fields(self._folder, shot, changes)
        return f"{shot}: {', '.join(_NAMES.get(name, name) for name in changes)} changed"

    def _redo(self, shot: str, fields: Fields) -> str:
        if seed := one(fields, "seed").strip():
            edits.set_seed(self._folder, shot, whole_number(seed, "seed"))
        else:
            takes = whole_number(one(fields, "takes").strip() or "0", "takes")
            edits.redo_shot(self._folder, shot, takes)
        self.drawing.start()
        return f"{shot} is drawn again"

    def _choose(self, shot: str, fields: Fields) -> str:
        number = whole_number(one(fields, "take"), "take")
        edits.choose_take(self._folder, shot, number)
        self.drawing.start()
        return f"take {number} of {shot} comes into the film"

    def _move(self, shot: str, fields: Fields) -> str:
        before, behind = one(fields, "before"), one(fields, "behind")
        edits.move_shot(self._folder, shot, before=before or None, behind=behind or None)
        return f"{shot} is {'before ' + before if before else 'behind ' + behind} now"

    def _remove(self, shot: str, fields: Fields) -> str:
        edits.remove_shot(self._folder, shot)
        return f"{shot} is out of the film; undo brings it back"

    def _insert(self, shot: str, fields: Fields) -> str:
        prompt = one(fields, "prompt").strip()
        if not prompt:
            raise UsageError("a new shot needs words to draw", hint="say what it shows")
        new = edits.insert_shot(self._folder, shot, prompt, one(fields, "query").strip() or None,
                                one(fields, "text").strip())
        return f"{new} is new, behind {shot}"

    def _pin(self, shot: str, fields: Fields) -> str:
        clip, figure = self._candidate(shot, fields)
        edits.pin_clip(self._folder, shot, clip, figure)
        return f"{shot} moves as this footage does"

    def _ban(self, shot: str, fields: Fields) -> str:
        clip, figure = self._candidate(shot, fields)
        edits.ban_clip(self._folder, shot, clip, figure)
        return f"{shot} never takes this footage"

    def _unpin(self, shot: str, fields: Fields) -> str:
        edits.change_shot(self._folder, shot, partial(edits.without_pin, figure=_figure(fields)), "unpin")
        return f"{shot} takes the footage that fits best"

    def _allow(self, shot: str, fields: Fields) -> str:
        change = partial(edits.without_ban, clip=one(fields, "clip"), figure=_figure(fields))
        edits.change_shot(self._folder, shot, change, "allow")
        return f"{shot} may take this footage again"

    def _candidate(self, shot: str, fields: Fields) -> tuple[str, int | None]:
        """Return the clip and the figure that a form names: a candidate, for a page pins no other file."""
        clip, figure = one(fields, "clip"), _figure(fields)
        made = view.read_detail(self._folder, view.read_view(self._folder), shot).made
        found = [made.candidates] if figure is None else list(made.figures[figure - 1:figure])
        if clip not in {match.clip_id for candidates in found if candidates for match in candidates.matches}:
            raise StoryError(f"{shot} has no candidate {clip!r}", hint="load the page again")
        return clip, figure

    def _undo(self, shot: str, fields: Fields) -> str:
        to = one(fields, "to")
        found = edits.undo(self._folder, whole_number(to, "storyboard") if to else None)
        return f"back at storyboard {found.number}, which came of: {found.made_by}"

    def _cast(self, shot: str, fields: Fields) -> str:
        roles = enumerate(edits.read_board(self._folder).cast)
        edits.set_parts(self._folder, {role.name: one(fields, f"part-{k}").strip() for k, role in roles
                                       if f"part-{k}" in fields})
        return "the cast is changed; drawing follows it"

    def _draw(self, shot: str, fields: Fields) -> str:
        self.drawing.start()
        return "the film is being drawn"

    def _stop(self, shot: str, fields: Fields) -> str:
        self.drawing.stop()
        return "drawing stops when this step is done"


def _figure(fields: Fields) -> int | None:
    """Return the number of the figure, from 1, whose footage a form is about; None: the whole shot's."""
    return whole_number(one(fields, "figure"), "figure") or None if one(fields, "figure") else None


_NAMES: Mapping[str, str] = {"text": "script", "duration_s": "length", "entities": "figures",
                             "characters": "who is in it"}


async def _explain(request: Request, error: Exception) -> Response:
    """Tell an error as the command line does, in the page's own line for it or as a page."""
    assert isinstance(error, StoryanimError)
    stale = isinstance(error, StaleEditError)
    status = 409 if stale else 404 if request.method == "GET" else 422
    template = "error.html" if request.headers.get("hx-request") else "error_page.html"
    return HTMLResponse(render(template, error=error, stale=stale), status)
