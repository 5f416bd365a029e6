"""The PDF: tagged, its fonts inside, the same bytes each time, the same numbers as the page."""

import re
import shutil
import subprocess

import pikepdf
import pytest

from bayes_nmda.report import build_report


@pytest.fixture(scope="module")
def pdf(told_home):
    return told_home / "reports" / "latest" / "report.pdf"


def test_it_is_tagged_its_fonts_are_inside_and_it_bears_no_date(pdf):
    with pikepdf.open(pdf) as document:
        assert bool(document.Root.MarkInfo.Marked)
        assert "/StructTreeRoot" in document.Root
        assert str(document.Root.Lang) == "en"
        assert "pdfuaid:part" in document.Root.Metadata.read_bytes().decode()
        assert "/CreationDate" not in document.docinfo
        fonts = [
            font
            for page in document.pages
            for font in page.get("/Resources", {}).get("/Font", {}).values()
        ]
        assert fonts
        for font in fonts:
            descriptor = font.DescendantFonts[0].FontDescriptor
            assert "/FontFile2" in descriptor or "/FontFile3" in descriptor
        sizes = {tuple(round(float(x)) for x in page.mediabox) for page in document.pages}
        assert sizes == {(0, 0, 595, 842)}  # A4


def test_another_build_has_the_same_bytes(home):
    path = home / "reports" / "latest" / "report.pdf"
    before = path.read_bytes()
    assert build_report("quick", force=True).built
    assert path.read_bytes() == before


# poppler is a program of the system; the PDF's tags, fonts and bytes are tested without it
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no poppler here")
def test_it_tells_the_numbers_of_the_page(pdf, page):
    text = subprocess.run(
        ["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True
    ).stdout
    words = " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())
    for heading in ("In plain words", "Summary of findings", "Methods", "Appendix: diagnostics"):
        assert heading in words
    first = re.search(r'<div role="listitem">.*?<b>([\d<>][^<]*%)</b>', page, re.DOTALL)[1]
    assert first.replace("&lt;", "<").replace("\N{NO-BREAK SPACE}", " ").strip() in words
