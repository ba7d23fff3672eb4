"""The files of an index folder.

    index.json          what it is, with the sha256 of every other file; written last
    clips.sqlite        one row per window, the captions of videos in a full-text table, under the id of a
                        video's first window (of every window in older indexes), the rows of each video
    vectors.faiss       the embeddings for search, row i is id i; of a kind by their number (faiss_index.py)
    embeddings/         the embeddings, (N, dim) float32 shards in the same order
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from storyanim.artifacts import FrozenModel
from storyanim.errors import IndexFolderError
from storyanim.retrieve.faiss_index import VECTORS
from storyanim.retrieve.synonyms import FTS5_TOKENIZER

FORMAT = 1
INFO, CLIPS = "index.json", "clips.sqlite"
COLUMNS = ("clip_id", "path", "sha256", "start_s", "end_s", "caption", "motion")
# of a Span; older indexes lack some
QUALITY_COLUMNS = ("cut", "black", "bars", "aspect", "fps", "thumbnail_hash")
SCHEMA = f"""
    CREATE TABLE clips (
        id INTEGER PRIMARY KEY, clip_id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, sha256 TEXT NOT NULL,
        start_s REAL NOT NULL, end_s REAL NOT NULL, caption TEXT NOT NULL, motion REAL NOT NULL,
        cut REAL NOT NULL, black REAL NOT NULL, bars REAL NOT NULL, aspect REAL NOT NULL, fps REAL NOT NULL,
        thumbnail_hash BLOB NOT NULL, source INTEGER NOT NULL, licence TEXT NOT NULL);
    CREATE TABLE videos (first INTEGER PRIMARY KEY, num INTEGER NOT NULL);
    CREATE TABLE pieces (key TEXT PRIMARY KEY, first INTEGER NOT NULL, num INTEGER NOT NULL) WITHOUT ROWID;
    CREATE VIRTUAL TABLE captions USING fts5(caption, content='clips', content_rowid='id',
                                              tokenize='{FTS5_TOKENIZER}');
"""
MAKE_AGAIN = "make it again with `storyanim index`"


class IndexInfo(FrozenModel):
    """What `index.json` says."""

    format: int = FORMAT
    encoder: str                                     # fingerprint
    dim: int = Field(gt=0)
    index_factory: str                               # FAISS's string for the kind of vectors.faiss
    requested_index_factory: str | None = None       # instead of the rule of faiss_index.py
    # what it is searched with, by FAISS's names
    search_parameters: dict[str, int] = Field(default_factory=dict)
    window_s: float
    root: str  # folder of the videos; when relative, to the index folder
    num_clips: int = Field(gt=0)
    num_videos: int = Field(gt=0)
    skipped: dict[str, str] = Field(default_factory=dict)      # path → why it could not be read
    # path → the path of the same bytes that was taken
    duplicates: dict[str, str] = Field(default_factory=dict)
    sources: tuple[str, ...] = ()                    # that it was made of, as `root` is; older ones lack them
    captions: str | None = None                      # the table that was given for all of them
    files: dict[str, str]                            # path in the index folder → sha256


def read_info(folder: Path) -> IndexInfo:
    """Return what index.json says. Raises IndexFolderError when it is none, or of another format."""
    path = folder / INFO
    try:
        info = IndexInfo.model_validate_json(path.read_bytes())
    except OSError as error:
        raise IndexFolderError(f"{folder} is no index folder: {INFO} cannot be read",
                               hint="make one with `storyanim index`") from error
    except ValidationError as error:
        raise IndexFolderError(f"{path} is damaged, or of another version", hint=MAKE_AGAIN) from error
    if info.format != FORMAT or CLIPS not in info.files or VECTORS not in info.files:
        raise IndexFolderError(f"the index {folder} has format {info.format}, this program reads {FORMAT}",
                               hint=MAKE_AGAIN)
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in info.files):
        raise IndexFolderError(f"{path} names files outside of its folder", hint=MAKE_AGAIN)
    return info
