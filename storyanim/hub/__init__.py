"""Where models lie: folders on this disk, and repositories of the model hub, each at one commit.

`resolve` binds a repository to a commit before anything is keyed by it; `plan_downloads` and `fetch` bring
what is not on this disk; `locate` and `fingerprint` are all that the rest of the program asks. Only client.py
talks to the hub.
"""

from storyanim.hub.client import Download, RepoInfo, fetch
from storyanim.hub.files import file_sha256, files_to_download, fingerprint_folder, read_table
from storyanim.hub.loading import (
    check_file,
    load_network,
    load_transformer,
    map_model_errors,
    silence_libraries,
)
from storyanim.hub.snapshot import (
    base_fingerprint,
    extras_key,
    fingerprint,
    fingerprint_motion,
    ip_adapter_key,
    is_on_disk,
    is_same_model,
    licence_of,
    locate,
    locate_file,
    pin_of,
    plan_downloads,
    resolve,
    revision_of,
    structure_key,
)

__all__ = [
    "Download", "RepoInfo", "base_fingerprint", "check_file", "extras_key", "fetch", "file_sha256",
    "files_to_download", "fingerprint", "fingerprint_folder", "fingerprint_motion", "ip_adapter_key",
    "is_on_disk", "is_same_model", "licence_of", "load_network", "load_transformer", "locate", "locate_file",
    "map_model_errors", "pin_of", "plan_downloads", "read_table", "resolve", "revision_of",
    "silence_libraries", "structure_key",
]
