"""Small files of many kinds, written as the kind has it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_P = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
)
_R = f'xmlns:r="{_OFFICE}"'


def zipped(files: Mapping[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text if name == "mimetype" else f'<?xml version="1.0"?>{text}')
    return held.getvalue()


def _package(main: str, kind: str, files: Mapping[str, str], types: Mapping[str, str]) -> bytes:
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="application/vnd.openxmlformats-officedocument.{of}+xml"/>'
        for name, of in {main: kind, **types}.items()
    )
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
            "_rels/.rels": _rels({"rId1": ("officeDocument", main)}),
            **files,
        }
    )


def _rels(targets: Mapping[str, tuple[str, str]]) -> str:
    inner = "".join(
        f'<Relationship Id="{id}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for id, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'


def docx() -> bytes:
    def paragraph(text: str, style: str = "", inside: str = "") -> str:
        look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f"<w:p>{look}<w:r><w:t>{text}</w:t>{inside}</w:r></w:p>"

    def row(*cells: str) -> str:
        return f"<w:tr>{''.join(f'<w:tc>{paragraph(cell)}</w:tc>' for cell in cells)}</w:tr>"

    body = (
        paragraph("Foxes", "Heading1")
        + paragraph("They are red.")
        + paragraph("Food", "Heading2")
        + f"<w:tbl>{row('Name', 'Price')}{row('Mouse', '3')}</w:tbl>"
        + paragraph("", inside='<w:br w:type="page"/>')
        + paragraph("They sleep on the second page.")
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/></w:style>'
        for n in (1, 2)
    )
    word = "wordprocessingml"
    return _package(
        "word/document.xml",
        f"{word}.document.main",
        {
            "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {_W}>{styles}</w:styles>",
            "word/_rels/document.xml.rels": _rels({"rId1": ("styles", "styles.xml")}),
        },
        {"word/styles.xml": f"{word}.styles"},
    )


def pptx() -> bytes:
    slides = {"Foxes": "They are red.", "Sea": "It is blue."}

    def shape(nth: int, kind: str, text: str) -> str:
        return (
            f'<p:sp><p:nvSpPr><p:cNvPr id="{nth}" name="s{nth}"/><p:cNvSpPr/><p:nvPr><p:ph type="{kind}"/>'
            f"</p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>{text}</a:t></a:r></a:p>"
            "</p:txBody></p:sp>"
        )

    files, kinds, ids, targets = {}, {}, "", {}
    for nth, (title, text) in enumerate(slides.items(), 1):
        name = f"ppt/slides/slide{nth}.xml"
        tree = f"<p:nvGrpSpPr/><p:grpSpPr/>{shape(2, 'title', title)}{shape(3, 'body', text)}"
        files[name] = f"<p:sld {_P}><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:sld>"
        kinds[name] = "presentationml.slide"
        ids += f'<p:sldId id="{255 + nth}" r:id="rId{nth}"/>'
        targets[f"rId{nth}"] = ("slide", f"slides/slide{nth}.xml")
    main = "ppt/presentation.xml"
    files[main] = f"<p:presentation {_P} {_R}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"
    files["ppt/_rels/presentation.xml.rels"] = _rels(targets)
    return _package(main, "presentationml.presentation.main", files, kinds)


SHEETS = {"Prices": [["name", "price"], ["fox", "3.5"]], "Places": [["place"], ["harbour"]]}


def xlsx(sheets: Mapping[str, list[list[str]]] = SHEETS) -> bytes:

    def cell(text: str, at: str) -> str:
        return f'<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>'

    files, kinds, listed, targets = {}, {}, "", {}
    for nth, (title, rows) in enumerate(sheets.items(), 1):
        name = f"xl/worksheets/sheet{nth}.xml"
        inner = "".join(
            f'<row r="{y}">{"".join(cell(text, f"{chr(64 + x)}{y}") for x, text in enumerate(row, 1))}</row>'
            for y, row in enumerate(rows, 1)
        )
        files[name] = f"<worksheet {_S}><sheetData>{inner}</sheetData></worksheet>"
        kinds[name] = "spreadsheetml.worksheet"
        listed += f'<sheet name="{title}" sheetId="{nth}" r:id="rId{nth}"/>'
        targets[f"rId{nth}"] = ("worksheet", f"worksheets/sheet{nth}.xml")
    main = "xl/workbook.xml"
    files[main] = f"<workbook {_S} {_R}><sheets>{listed}</sheets></workbook>"
    files["xl/_rels/workbook.xml.rels"] = _rels(targets)
    return _package(main, "spreadsheetml.sheet.main", files, kinds)


def odt() -> bytes:
    of = "urn:oasis:names:tc:opendocument:xmlns"
    text = (
        f'<office:document-content xmlns:office="{of}:office:1.0" xmlns:text="{of}:text:1.0"><office:body>'
        '<office:text><text:h text:outline-level="1">Foxes</text:h><text:p>They are red.</text:p>'
        "</office:text></office:body></office:document-content>"
    )
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": text})


def epub() -> bytes:
    page = "<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>Foxes</h1><p>They are red.</p></body></html>"
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
            'version="1.0"><rootfiles><rootfile full-path="book.opf" '
            'media-type="application/oebps-package+xml"/></rootfiles></container>',
            "book.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>All of foxes</dc:title></metadata><manifest>'
            '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine>'
            '<itemref idref="a"/></spine></package>',
            "a.xhtml": page,
        }
    )


EML = (
    b"From: Ann <ann@example.org>\r\nTo: ben@example.org\r\nSubject: Foxes\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nThey are red.\r\n"
)
ATTACHED = (
    b'Subject: Foxes\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
    b"--x\r\nContent-Type: text/plain\r\n\r\nThey are red.\r\n"
    b'--x\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="note.txt"\r\n\r\n'
    b"The sea is blue.\r\n--x--\r\n"
)
RTF = rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\f0 Foxes\par They are red.\par}"


def pdf(*pages: bytes, title: bytes = b"") -> bytes:
    """A PDF by hand: one content stream with one line of Helvetica per page."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    objects.append(b"<< /Title (%s) >>" % title)
    kids = []
    for text in pages:
        stream = b"BT /F1 12 Tf 72 700 Td (%s) Tj ET" % text
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        kids.append(b"%d 0 R" % (len(objects) + 1))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    out = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (size, table, size, len(out))
    )
