"""Who plays whom, as the commands that plan a story tell it."""

from __future__ import annotations

from pathlib import Path

from storyanim import console
from storyanim.artifacts import Role, Storyboard

_MOST = 12                                           # roles that the table shows


def cast_lines(board: Storyboard) -> str:
    """Return a table of the roles and how to cast them; "" of a storyboard without any."""
    if not board.cast:
        return ""
    roles = sorted(board.cast, key=lambda role: -role.num_shots)
    rows = [(_who(role), f"{board.num_drawn(role)} of {len(board.shots)}",
             role.played_by or "nobody: not drawn") for role in roles[:_MOST]]
    lines = [console.columns(("who", "shots", "played by"), rows)]
    if more := roles[_MOST:]:
        lines.append(f"and {len(more)} more: see `cast` of the storyboard")
    ours = {member.name for member in board.characters}
    if free := [role for role in roles if role.played_by not in ours]:
        lines.append(f"your own pictures play somebody with --character FOLDER={_quoted(free[0].name)}")
    return "\n".join(lines)


def chosen_parts(path: Path | None) -> dict[str, str]:
    """Return role → who plays it, of the storyboard that a plan replaces: a person may have edited it.

    Raises StoryError when the file is there and is no storyboard.
    """
    from storyanim.planning import is_storyboard, read_storyboard

    if path is None or not path.is_file() or not is_storyboard(path):
        return {}
    return {role.name: role.played_by for role in read_storyboard(path).cast if role.played_by}


def _who(role: Role) -> str:
    return role.name if role.noun.lower() == role.name.lower() else f"{role.name} ({role.noun})"


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
