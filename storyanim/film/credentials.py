"""Content credentials (C2PA) in a film: that a model drew it, and what, signed by the user's key.

The library comes with `pip install 'storyanim[c2pa]'`. Nothing is asked over a network: there is no time
stamp, and whether a certificate is trusted is for whoever reads the film to say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from storyanim.engine.folders import check_writable, disk_errors, partial_path, remove_path
from storyanim.errors import InputError, extra_needed

Algorithm = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]
# IPTC's word for media of generative models: https://cv.iptc.org/newscodes/digitalsourcetype
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_HINT = "the key in PEM (PKCS 8), the certificates in PEM from the signer's on, and --algorithm as the key's"


def sign_film(
    film: Path, out: Path, key: Path, certificates: Path, algorithm: Algorithm, *, title: str, made_by: str
) -> None:
    """Write a film with signed credentials as `out`; the film itself stays as it is.

    Args:
        film: MP4.
        out: MP4 to write.
        key: private key, PEM.
        certificates: chain, PEM, the signer's first.
        algorithm: of the key.
        title: of the film.
        made_by: program and profile.

    Raises UsageError without the library, InputError for a key or certificate that cannot sign, and
    ResourceError when `out` cannot be written.
    """
    c2pa = _c2pa()
    check_writable(out)
    try:
        chain, secret = certificates.read_bytes(), key.read_bytes()
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}", hint=_HINT) from error
    partial = partial_path(out)
    with disk_errors(out):
        try:
            info = c2pa.C2paSignerInfo(algorithm.encode(), chain, secret, None)
            with (c2pa.Signer.from_info(info) as signer, c2pa.Builder(_manifest(title, made_by)) as builder,
                  film.open("rb") as source, partial.open("w+b") as signed):
                builder.sign(signer, "video/mp4", source, signed)
            partial.replace(out)
        except c2pa.C2paError as error:
            raise InputError(f"the film cannot be signed by {key}: {error}", hint=_HINT) from error
        finally:
            remove_path(partial)


def _manifest(title: str, made_by: str) -> str:
    action = {"action": "c2pa.created", "digitalSourceType": _SOURCE, "softwareAgent": {"name": made_by}}
    return json.dumps({
        "claim_generator_info": [{"name": "storyanim"}], "title": title, "format": "video/mp4",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}]})


def _c2pa() -> Any:
    with extra_needed("c2pa", "films are signed by c2pa-python, which is not installed"):
        import c2pa
    return c2pa
