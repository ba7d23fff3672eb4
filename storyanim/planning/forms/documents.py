"""Stories in Word, EPUB and PDF as text: headings as Markdown's, paragraphs apart, no line wrapped.

The readers come with `pip install 'storyanim[documents]'`: mammoth (Word), markdownify (EPUB's pages), pypdf. A file is
known by its content and not by its name, so that standard input will do.
"""

from __future__ import annotations

import io
import logging
import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from storyanim.errors import StoryError, UsageError
from storyanim.planning.forms.pages import join_pages

_MAX_BYTES = 64 << 20                                # unpacked, of a document's words
_NO_STORY = re.compile(r"\b(?:toc|landmarks|cover|title-?page|copyright-page|colophon|index|endnotes|footnotes?)\b|pg-(?:header|footer)")
_KIND_NAMES = {"docx": "a Word document", "epub": "an EPUB", "pdf": "a PDF"}
_DAMAGED = "open it in the program that made it, and save it again"


def document_kind(data: bytes) -> str:
    """Return "docx", "epub" or "pdf" for such a file's bytes; "" for any other."""
    if data.lstrip()[:5] == b"%PDF-":
        return "pdf"
    if not data.startswith(b"PK\3\4"):
        return ""
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except zipfile.BadZipFile:
        return ""
    return "docx" if "word/document.xml" in names else "epub" if "META-INF/container.xml" in names else ""


def read_document(data: bytes, name: str) -> tuple[str, str]:
    """Return title and text of a document; the title is "" where it tells none.

    Args:
        data: bytes of the file, of a kind that `document_kind` knows.
        name: the file's, for messages.

    Raises UsageError without the package that reads it, and StoryError for what is encrypted, broken or without words.
    """
    kind = document_kind(data)
    reader: Callable[[bytes, str], tuple[str, str]] = {"docx": _read_docx, "epub": _read_epub, "pdf": _read_pdf}[kind]
    try:
        title, text = reader(data, name)
    except (StoryError, UsageError):
        raise
    except Exception as error:                       # what the readers raise on broken files has no common base
        raise StoryError(f"{name} is {_KIND_NAMES[kind]} that is damaged: {type(error).__name__}: {str(error)[:80]}",
                         hint=_DAMAGED) from error
    return title, text.strip() + "\n"


@contextmanager
def _needed_for(kind: str) -> Iterator[None]:
    """Raise UsageError, which names the extra, when the import inside fails."""
    try:
        yield
    except ImportError as error:
        raise UsageError(f"reading {_KIND_NAMES[kind]} needs the package {error.name}",
                         hint="pip install 'storyanim[documents]'") from error


# ── Word ─────────────────────────────────────────────────────────────────────────────────────────────────


def _read_docx(data: bytes, name: str) -> tuple[str, str]:
    with _needed_for("docx"):
        import mammoth
    _check_size(zipfile.ZipFile(io.BytesIO(data)), name, "xml")
    html = mammoth.convert_to_html(
        io.BytesIO(data), style_map="p[style-name='Title'] => h1.title:fresh\np[style-name='Subtitle'] => p:fresh",
        convert_image=mammoth.images.img_element(lambda image: {"src": ""})).value
    titles = re.findall(r'<h1 class="title">(.*?)</h1>', html)
    text = _as_text(re.sub(r'<h1 class="title">.*?</h1>', "", html), "docx")
    return (re.sub(r"<[^>]+>", "", titles[0]).strip() if titles else ""), text


# ── EPUB ─────────────────────────────────────────────────────────────────────────────────────────────────


def _read_epub(data: bytes, name: str) -> tuple[str, str]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    _check_size(archive, name, "html")
    container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
    package_path = _find(container, "rootfile").attrib["full-path"]
    package = ElementTree.fromstring(archive.read(package_path))
    items = {item.attrib["id"]: item.attrib for item in package.iter() if _tag(item) == "item"}
    spine = [items[ref.attrib["idref"]] for ref in package.iter() if _tag(ref) == "itemref" and ref.get("linear") != "no"
             and ref.attrib["idref"] in items]
    paths = [posixpath.normpath(posixpath.join(posixpath.dirname(package_path), unquote(item["href"])))
             for item in spine if "nav" not in item.get("properties", "").split()]
    _check_rights(archive, paths, name)
    chapters = [_as_text(archive.read(path).decode("utf-8", "replace"), "epub") for path in paths]
    titles = [(element.text or "").strip() for element in package.iter() if _tag(element) == "title"]
    return next(filter(None, titles), ""), "\n\n".join(filter(None, (chapter.strip() for chapter in chapters)))


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _find(root: ElementTree.Element, tag: str) -> ElementTree.Element:
    return next(element for element in root.iter() if _tag(element) == tag)


def _check_rights(archive: zipfile.ZipFile, paths: list[str], name: str) -> None:
    """Raise StoryError when chapters, and not only fonts, are encrypted."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return
    locked = ElementTree.fromstring(archive.read("META-INF/encryption.xml"))
    hidden = {unquote(e.attrib["URI"]) for e in locked.iter() if _tag(e) == "CipherReference"}
    if hidden & set(paths):
        raise StoryError(f"{name} is an EPUB whose words are encrypted (DRM)", hint="give a copy without copy protection")


def _as_text(html: str, kind: str) -> str:
    """Return a page of HTML as Markdown, without navigation, notes and pictures."""
    with _needed_for(kind):
        import markdownify
        from bs4 import BeautifulSoup, NavigableString
    page = BeautifulSoup(re.sub(r"^\s*<\?xml[^>]*\?>", "", html), "html.parser")
    for element in page.find_all(True):
        if not element.decomposed and _is_apparatus(element):
            element.decompose()
    for words in page.find_all(string=True):         # a line of the file is no line of the page
        if type(words) is NavigableString:           # and no comment
            words.replace_with(NavigableString(re.sub(r"[ \t\r\n]+", " ", words)))
    text = markdownify.MarkdownConverter(
        heading_style="ATX", bullets="-", strip=["a", "img"], escape_asterisks=False, escape_underscores=False,
        escape_misc=False, newline_style="backslash").convert_soup(page)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"\\\n", "\n", text).replace("\xa0", " ").replace("\xad", ""))


def _is_apparatus(element: Any) -> bool:
    """Whether an element of a page is none of the story: navigation, a title page, a note or its number."""
    if element.name == "sup":
        return re.fullmatch(r"\W*\w?\d*\W*", element.get_text()) is not None
    about = f"{element.get('epub:type', '')} {element.get('role', '').replace('doc-', '')} {element.get('id', '')}"
    return element.name in {"head", "script", "style", "nav", "aside"} or _NO_STORY.search(about) is not None


def _check_size(archive: zipfile.ZipFile, name: str, ending: str) -> None:
    """Raise StoryError for a small file that unpacks to a huge one."""
    size = sum(info.file_size for info in archive.infolist() if info.filename.endswith((ending, "xml")))
    if size > _MAX_BYTES:
        raise StoryError(f"{name} holds {size >> 20} MB of text", hint="split it into chapters and make a film of each")
    if any(info.flag_bits & 1 for info in archive.infolist()):
        raise StoryError(f"{name} is protected by a password", hint="save it without a password")


# ── PDF ──────────────────────────────────────────────────────────────────────────────────────────────────


def _read_pdf(data: bytes, name: str) -> tuple[str, str]:
    with _needed_for("pdf"):
        import pypdf
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not _opens(reader):
        raise StoryError(f"{name} is a PDF that is protected by a password", hint="save it without a password")
    pages, size = [], 0
    for page in reader.pages:
        pages.append(page.extract_text(extraction_mode="layout", layout_mode_space_vertically=True))
        size += len(pages[-1])
        if size > _MAX_BYTES:
            break
    if not any(char.isalpha() for page in pages for char in page):
        raise StoryError(f"{name} is a PDF without text: its pages are pictures",
                         hint="let a program for text recognition (OCR) add the text, such as ocrmypdf")
    title = (reader.metadata.title or "") if reader.metadata else ""
    return (title if re.search(r"\w\s+\w", title) and "." not in title else ""), join_pages(pages)


def _opens(reader: Any) -> bool:
    """Whether an encrypted PDF opens without a password, as those do that only forbid printing."""
    try:
        return bool(reader.decrypt(""))
    except Exception:                                # its cipher needs a package that is not here
        return False
