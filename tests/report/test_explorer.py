"""The explorer's numbers: one for each choice, safe inside a page."""

import json
import re

from bayes_nmda.report.sections.explorer import Explorer


def test_no_text_of_a_project_can_end_the_script():
    text = Explorer((0.0,), (0.0,), {"said": "</script><b>\u2028"}).json()
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text)["said"].startswith("</script>")


def test_every_choice_of_the_small_report_has_a_number(page):
    found = re.search(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)[1]
    data = json.loads(found)
    assert data["sizes"] == [0, 0.25, 0.5, 0.75, 1]
    assert data["extra"] == [0, 100]
    (scenario,) = data["scenarios"]
    for target in ("mean", "new_trial"):
        chances = scenario["benefit"][target]["chances"]
        assert [*chances] == [cell["key"] for cell in data["cells"]]
        for text in chances.values():
            values = [float(part.lstrip("<> ")) for part in text.split("|")]
            assert len(values) == 5
            assert values == sorted(values, reverse=True)  # a larger benefit is less probable
    for without, with_drug in scenario["people"].values():
        assert 0 <= without <= 100
        assert 0 <= with_drug <= 100
