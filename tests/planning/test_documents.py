"""Stories in Word, EPUB and PDF; the documents are made here."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from storyanim.errors import StoryanimError, StoryError, UsageError
from storyanim.planning import read_story
from storyanim.planning.forms import read_manuscript
from storyanim.planning.forms.pages import join_pages

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
CONTAINER = ('<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
             '<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>')


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def docx(paragraphs: Sequence[tuple[str, str]]) -> bytes:
    """A Word document of (style, XML of its runs) paragraphs."""
    body = "".join(f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{runs}</w:p>' for style, runs in paragraphs)
    names = {"Title": "Title", "Heading1": "heading 1", "Normal": "Normal"}
    styles = "".join(f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>' for key, name in names.items())
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return zipped({
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/officeDocument" '
                       'Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/styles" '
                                        'Target="styles.xml"/></Relationships>',
        "word/styles.xml": f'<w:styles xmlns:w="{WORD}">{styles}</w:styles>',
        "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
    })


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def epub(chapters: dict[str, str], **more: str) -> bytes:
    """An EPUB of {file: body} chapters, and other files by path."""
    items = "".join(f'<item id="i{k}" href="{name}" media-type="application/xhtml+xml"/>' for k, name in enumerate(chapters))
    refs = "".join(f'<itemref idref="i{k}"/>' for k in range(len(chapters)))
    package = ('<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
               '<dc:title>The Lake</dc:title></metadata><manifest>'
               f'{items}<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/></manifest>'
               f'<spine><itemref idref="nav"/>{refs}</spine></package>')
    pages = {f"book/{name.replace('%20', ' ')}": f'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml" '
             f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title>x</title></head><body>{body}</body></html>' for name, body in chapters.items()}
    return zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "book/package.opf": package,
                   "book/nav.xhtml": "<html><body><nav><a>Chapter 1</a></nav></body></html>", **pages, **more})


def pdf(pages: Sequence[Sequence[tuple[int, int, str]]], trailer: str = "") -> bytes:
    """A PDF whose pages show (x, y, line) in points."""
    streams = ["BT /F1 12 Tf " + " ".join(f"1 0 0 1 {x} {y} Tm ({line}) Tj" for x, y, line in page) + " ET" for page in pages]
    kids = " ".join(f"{4 + 2 * k} 0 R" for k in range(len(pages)))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
               "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>"]
    for k, stream in enumerate(streams):
        objects += [f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * k} 0 R "
                    "/Resources << /Font << /F1 3 0 R >> >> >>", f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"]
    data, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\n"
    return data + f"{end}startxref\n{len(data)}\n%%EOF\n".encode()


def lines_of(text: Sequence[str], top: int = 780) -> list[tuple[int, int, str]]:
    """Lines one below the other; each begins after its own blanks."""
    return [(72 + 7 * (len(line) - len(line.lstrip())), top - 15 * k, line.strip()) for k, line in enumerate(text) if line.strip()]


def test_word(tmp_path: Path) -> None:
    path = tmp_path / "my.docx"
    path.write_bytes(docx([
        ("Title", run("The Lake")), ("Heading1", run("Chapter 1")),
        ("Normal", run("A bear ") + run("ran", "<w:b/>") + run(" home.")),
        ("Normal", f"<w:ins w:id='1' w:author='a'>{run('It slept.')}</w:ins><w:del w:id='2' w:author='a'><w:r><w:delText>It died.</w:delText></w:r></w:del>"),
    ]))
    story = read_story(path)
    assert story.title == "The Lake"
    assert story.text == "# Chapter 1\n\nA bear **ran** home.\n\nIt slept.\n"


def test_epub(tmp_path: Path) -> None:
    path = tmp_path / "lake.epub"
    path.write_bytes(epub({
        "title.xhtml": '<section epub:type="titlepage"><h1>The Lake</h1><p>by Somebody</p></section>',
        "one%20.xhtml": "<h2>Chapter 1</h2><p>A bear\n ran <i>home</i>.<sup>1</sup></p><p>It slept.<br/>It woke.</p>"
                        '<aside epub:type="footnote"><p>1. A note.</p></aside>',
        "two.xhtml": "<h2>Chapter 2</h2><!-- none --><p>The 1<sup>st</sup> fox came.</p><hr/><p>It &amp; I ran.</p>",
    }))
    story = read_story(path)
    assert story.title == "The Lake"
    assert story.text == ("## Chapter 1\n\nA bear ran *home*.\n\nIt slept.\nIt woke.\n\n## Chapter 2\n\nThe 1st fox came.\n\n---\n\n"
                          "It & I ran.\n")
    assert [mark.kind for mark in read_manuscript(story.text).marks] == ["heading", "markup", "markup", "heading", "cut"]


PROSE = ["   Once upon a time there was a little girl called Mia who lived in a",
         "well-known village at the edge of the forest. Nobody had seen the danc-",
         "ing bear. A well-", "known fox came.", "   One morning she took her basket and walked down the long path to the", "lake."]


def test_pdf_lines_become_paragraphs(tmp_path: Path) -> None:
    path = tmp_path / "lake.pdf"
    first = [(200, 800, "The Lake"), *lines_of(PROSE), (290, 40, "1")]
    second = [(72, 810, "The Lake 2"), *lines_of(["She saw a bear there, and it was dancing all alone.", "", "The bear stopped."])]
    path.write_bytes(pdf([first, second, [(72, 810, "The Lake 3"), *lines_of(["It waved."])]]))
    story = read_story(path)
    assert story.title == "The Lake"
    assert story.text == (
        "Once upon a time there was a little girl called Mia who lived in a well-known village at the edge of the forest. Nobody had "
        "seen the dancing bear. A well-known fox came.\n\nOne morning she took her basket and walked down the long path to the lake.\n\n"
        "She saw a bear there, and it was dancing all alone.\n\nThe bear stopped.\n\nIt waved.\n")


def test_a_screenplay_keeps_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "bus.pdf"
    path.write_bytes(pdf([[(72, 780, "INT. BUS - NIGHT"), (72, 750, "Nora sits. A very long line of action that could be wrapped here"),
                           (72, 735, "and goes on."), (200, 705, "NORA"), (150, 690, "Good evening to you.")]]))
    manuscript = read_manuscript(read_story(path).text)
    assert manuscript.form == "screenplay"
    assert [mark.kind for mark in manuscript.marks] == ["heading", "cue"]


def test_paragraphs_go_on_over_pages() -> None:
    assert join_pages(["She walked down the", "long path. It rained."]) == "She walked down the long path. It rained."
    assert join_pages(["She walked on.", "It rained."]) == "She walked on.\n\nIt rained."
    assert join_pages(["One.\n\nTwo.\n\nThree.", "Four."]) == "One.\n\nTwo.\n\nThree.\n\nFour."


@pytest.mark.parametrize(("data", "words"), [
    (pdf([[]]), "its pages are pictures"), (b"%PDF-1.4\nnothing", "damaged"), (pdf([lines_of(["A bear."])])[:200], "damaged"),
    (epub({"one.xhtml": "<p>A</p>"}, **{"META-INF/encryption.xml": '<e xmlns="x"><CipherReference URI="book/one.xhtml"/></e>'}), "DRM"),
    (zipped({"META-INF/container.xml": CONTAINER}), "damaged"), (zipped({"META-INF/container.xml": "<a"}), "damaged"),
    (zipped({"word/document.xml": "<w"}), "damaged"), (docx([]), "is empty"), (zipped({"a.txt": "A bear."}), "zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 A bear ran", "old Word document"),
    (zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<a/>"}), "OpenDocument"),
])
def test_what_cannot_be_read_is_told(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "story.txt"                    # known by its content
    path.write_bytes(data)
    with pytest.raises(StoryError, match=words) as caught:
        read_story(path)
    assert caught.value.hint


def test_a_password_is_told(tmp_path: Path) -> None:
    path = tmp_path / "story.pdf"
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf([lines_of(["A bear ran home."])])))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(path)
    with pytest.raises(StoryError, match="password"):
        read_story(path)
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf([lines_of(["A bear ran home."])])))
    writer.encrypt("", "owner", algorithm="RC4-128")                 # it only forbids printing
    writer.write(path)
    assert read_story(path).text == "A bear ran home.\n"


@pytest.mark.parametrize(("data", "package"), [
    (docx([("Normal", run("A bear."))]), "mammoth"), (epub({"one.xhtml": "<p>A bear.</p>"}), "markdownify"),
    (pdf([lines_of(["A bear."])]), "pypdf"),
])
def test_a_missing_reader_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, package: str) -> None:
    path = tmp_path / "story"
    path.write_bytes(data)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=package) as caught:
        read_story(path)
    assert caught.value.hint == "pip install 'storyanim[documents]'"
    assert isinstance(caught.value, StoryanimError)


def test_a_document_of_a_thousand_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.epub"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("book/one.xhtml", "a" * (65 << 20))
    with pytest.raises(StoryError, match="65 MB"):
        read_story(path)
