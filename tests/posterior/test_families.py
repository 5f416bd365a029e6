"""Several analyses at once."""

from types import SimpleNamespace

from bayes_nmda.model.spec import load_model
from bayes_nmda.posterior import families


def names(groups):
    return [[spec.name for spec, _ in group] for group in groups]


def test_models_that_compile_to_the_same_code_share_a_process():
    specs = [
        load_model(f"pain_intensity{suffix}")
        for suffix in ("_robust", "", "_sceptical", "_rho_03", "_enthusiastic", "_rho_09")
    ]
    groups = families._families([(spec, None) for spec in specs])
    assert names(groups) == [
        ["pain_intensity", "pain_intensity_rho_03", "pain_intensity_rho_09"],
        ["pain_intensity_sceptical", "pain_intensity_enthusiastic"],
        ["pain_intensity_robust"],
    ]


def test_counts_of_one_structure_are_one_family_whatever_the_outcome():
    suffixes = ("any_adverse_event", "nausea", "responder_30", "any_adverse_event_robust")
    specs = [load_model(name) for name in (*suffixes, "nausea_active", "responder_50_active")]
    groups = families._families([(spec, None) for spec in specs])
    assert names(groups) == [
        ["any_adverse_event", "nausea"],
        ["nausea_active", "responder_50_active"],
        ["responder_30"],
        ["any_adverse_event_robust"],
    ]


def test_what_is_stored_is_not_sampled_and_the_order_is_kept(monkeypatch):
    asked = []
    monkeypatch.setattr(families.store, "load", lambda spec, effects: "stored")
    monkeypatch.setattr(
        families.store,
        "obtain",
        lambda spec, effects, **_: asked.append(spec.name) or (spec.name, "gates"),
    )
    specs = [SimpleNamespace(name=name) for name in "bac"]
    found = families.obtain_all([(spec, None) for spec in specs], inputs={})
    assert [name for name, _ in found] == list("bac") == asked
