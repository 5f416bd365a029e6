"""Several analyses at once."""

from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.inference.nuts import _signature
from bayes_nmda.model.build import build_model
from bayes_nmda.spec.spec import load_model
from bayes_nmda.store import families


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


def test_every_analysis_is_obtained_and_the_order_is_kept(monkeypatch):
    asked = []
    monkeypatch.setattr(
        families.fits,
        "obtain",
        lambda spec, effects, **_: asked.append(spec.name) or (spec.name, "gates"),
    )
    names = ("pain_intensity_robust", "nausea", "pain_intensity", "any_adverse_event")
    analyses = [(load_model(name), None) for name in names]
    found = families.obtain_all(analyses, inputs={}, jobs=1)
    assert [name for name, _ in found] == list(names)
    assert sorted(asked) == sorted(names)


def test_models_whose_containers_differ_do_not_share_compiled_code() -> None:
    """One with a trial of three arms, one without: what the second lacks it must not inherit."""
    trials = load_trials()
    signatures = set()
    for name in ("any_adverse_event", "hallucinations"):
        spec = load_model(name)
        model = build_model(spec, effect_table(trials, spec), spare=True)
        signatures.add(_signature(model, spec))
    assert len(signatures) == 2
