"""The PDF: tagged, its fonts inside, the same bytes each time, the same numbers as the page."""

import re
import shutil
import subprocess

import pytest

from bayes_nmda.report import build_report


@pytest.fixture(scope="module")
def pdf(told_home):
    return told_home / "reports" / "latest" / "report.pdf"


def test_it_is_tagged_and_names_its_language_and_title(pdf):
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-1.")
    assert b"/MarkInfo" in content
    assert b"/StructTreeRoot" in content
    assert re.search(rb"/Lang\s*\(en\)", content)
    assert b"pdfuaid" in content  # it says that it keeps PDF/UA
    assert not re.search(rb"/CreationDate", content)


def test_another_build_has_the_same_bytes(home):
    path = home / "reports" / "latest" / "report.pdf"
    before = path.read_bytes()
    assert build_report("quick", force=True).built
    assert path.read_bytes() == before


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
