"""Reading by the encoder of texts and clips that finds footage: one score for the whole prompt."""

from __future__ import annotations

from functools import cached_property

from storyanim.artifacts import Asked, Frames, Reading
from storyanim.stages import TextVideoEncoder


class EncoderReader:
    """A ClipReader that scores a clip by its cosine with the prompt.

    Args:
        encoder: of texts and clips.
        mark: the cosine below which a clip is not what was asked; None: none is.
    """

    def __init__(self, encoder: TextVideoEncoder, mark: float | None) -> None:
        self.encoder, self.mark = encoder, mark

    @cached_property
    def fingerprint(self) -> str:
        """Encoder and mark."""
        return f"cosine:{self.encoder.fingerprint}:{self.mark}"

    def read(self, frames: Frames, asked: Asked) -> Reading:
        """Return the cosine of clip and prompt. Raises ModelError."""
        seen = Frames(frames.rgb[self.encoder.sample_frame_indices(len(frames.rgb))], frames.fps)
        (text,), (clip,) = self.encoder.encode_texts([asked.text]), self.encoder.encode_clips([seen])
        score, mark = float(text @ clip), -1.0 if self.mark is None else self.mark
        return Reading(by=self.encoder.fingerprint.partition(":")[0], score=round(score, 4), mark=mark,
                       remarks=("it does not look like its prompt",) if score < mark else ())
