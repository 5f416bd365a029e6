// What the page does beyond being read: the place in the contents, and the explorer.
"use strict";
(function () {
  const links = new Map();
  for (const link of document.querySelectorAll("nav.toc a")) links.set(link.hash.slice(1), link);
  const heads = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  let waiting = false;
  function place() {
    waiting = false;
    let now = heads[0];
    for (const head of heads) if (head.getBoundingClientRect().top < 0.3 * innerHeight) now = head;
    for (const [id, link] of links) {
      if (now && id === now.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
  addEventListener("scroll", function () {
    if (!waiting) { waiting = true; requestAnimationFrame(place); }
  }, { passive: true });
  place();

  // a link to something folded opens what it is folded in
  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();
  addEventListener("beforeprint", function () {
    for (const box of document.querySelectorAll("details.fold")) box.open = true;
  });

  const data = document.getElementById("explorer-data");
  const form = document.getElementById("explorer-form");
  if (!data || !form) return;
  const all = JSON.parse(data.textContent);
  const get = (id) => document.getElementById("ex-" + id);
  const treatments = [...new Set(all.cells.map((cell) => cell.partition))];
  const SVG = "http://www.w3.org/2000/svg";

  function option(select, value, words) {
    const one = document.createElement("option");
    one.value = value;
    one.textContent = words;
    select.append(one);
  }
  for (const name of treatments) option(get("treatment"), name, all.cells.find((cell) => cell.partition === name).words);
  all.scenarios.forEach((one, number) => option(get("scenario"), String(number), one.name));
  const sizes = all.sizes, extra = all.extra;
  Object.assign(get("size"), { min: 0, max: sizes.length - 1, step: 1 });
  Object.assign(get("size-number"), { min: sizes[0], max: sizes[sizes.length - 1], step: sizes[1] - sizes[0] });
  Object.assign(get("extra"), { min: 0, max: extra.length - 1, step: 1 });
  Object.assign(get("extra-number"), { min: extra[0], max: extra[extra.length - 1], step: 10 });

  function nearest(list, value) {
    let best = 0;
    list.forEach((one, place) => { if (Math.abs(one - value) < Math.abs(list[best] - value)) best = place; });
    return best;
  }
  function times() {
    const before = get("time").value;
    get("time").replaceChildren();
    for (const cell of all.cells) if (cell.partition === get("treatment").value) option(get("time"), cell.timepoint, cell.timepoint || "all");
    if ([...get("time").options].some((one) => one.value === before)) get("time").value = before;
  }
  const part = (text, place) => (text === undefined ? undefined : text.split("|")[place]);
  const percent = (words) => (words === undefined ? "–" : words + "\u00a0%");
  const full = (words) => percent(words).replace("< ", "less than ").replace("> ", "more than ");

  function picture(people) {
    const box = get("picture");
    box.replaceChildren();
    get("caption").textContent = "";
    if (!people) { get("caption").textContent = "No picture: no single number of people for this choice."; return; }
    const [without, withDrug] = people;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 200 100");
    svg.setAttribute("role", "img");
    const both = Math.min(without, withDrug);
    for (let n = 0; n < 100; n += 1) {
      const dot = document.createElementNS(SVG, "circle");
      dot.setAttribute("cx", String(5 + 10 * (n % 20)));
      dot.setAttribute("cy", String(10 + 20 * Math.floor(n / 20)));
      dot.setAttribute("r", "4");
      dot.setAttribute("class", n < both ? "anyway" : n < withDrug ? "more" : n < without ? "spared" : "none");
      svg.append(dot);
    }
    const gain = withDrug - without;
    const words = "Of 100 people " + both + " have " + all.event + " either way" +
      (gain > 0 ? ", " + gain + " more with the drug" : gain < 0 ? ", " + -gain + " fewer with the drug" : "") +
      "; the others have none.";
    svg.setAttribute("aria-label", words);
    box.append(svg);
    get("caption").textContent = words + " A best guess for a population like those of the trials, not a certainty.";
  }

  function show() {
    const size = Number(get("size").value), most = Number(get("extra").value);
    const target = get("target").value, scenario = all.scenarios[Number(get("scenario").value)];
    const name = get("treatment").value, time = get("time").value;
    const cell = all.cells.find((one) => one.partition === name && one.timepoint === time);
    const benefit = scenario.benefit[target], harm = scenario.harm[target];
    const chance = part(benefit.chances[cell.key], size), worse = part(harm.chances[name], most);
    const between = benefit.effects && benefit.effects[cell.key];
    const prior = part(benefit.prior, size);
    get("size-number").value = sizes[size];
    get("extra-number").value = extra[most];
    get("chance").textContent = percent(chance);
    get("harm").textContent = percent(worse);
    for (const words of document.querySelectorAll(".ex-size")) words.textContent = sizes[size] + " " + all.unit;
    const whose = target === "mean" ? "on average over trials like these" : "in one more trial like these";
    const behind = all.harms[name];
    const count = (n) => n + (n === 1 ? " trial" : " trials");
    get("sentence").textContent =
      cell.words + (cell.timepoint ? ", " + cell.timepoint : "") + ": the probability that " + all.said + " " +
      (all.lower ? "falls" : "rises") + " by at least " + sizes[size] + " " + all.unit + " more than with " + all.reference + ", " + whose + ", is " +
      full(chance) + (prior === undefined ? "" : " (before the data " + full(prior) + ")") + ", from " + count(cell.trials) + " with " + cell.people + " people. " +
      (between ? "The difference is " + between + " " + all.unit + " (95 % interval). " : "") +
      (worse === undefined
        ? "No number of " + all.event + " for it in this scenario."
        : "The probability that at least " + extra[most] + " more of 1000 people have " + all.event + " is " + full(worse) + (behind ? ", from " + count(behind.trials) + " with " + behind.people + " people." : ".")) ;
    get("note").textContent = scenario.note;
    picture(scenario.people[name]);
    const state = new URLSearchParams({ b: sizes[size], h: extra[most], d: name, t: time, s: scenario.name, e: target });
    return "#explore:" + state;
  }
  function changed() {
    const address = show();
    try { history.replaceState(null, "", address); } catch (error) { location.hash = address; }
  }
  function restore() {
    if (!location.hash.startsWith("#explore:")) return false;
    const state = new URLSearchParams(location.hash.slice("#explore:".length));
    if (treatments.includes(state.get("d"))) get("treatment").value = state.get("d");
    times();
    if ([...get("time").options].some((one) => one.value === state.get("t"))) get("time").value = state.get("t");
    const place = all.scenarios.findIndex((one) => one.name === state.get("s"));
    if (place >= 0) get("scenario").value = String(place);
    if (["mean", "new_trial"].includes(state.get("e"))) get("target").value = state.get("e");
    if (state.has("b")) get("size").value = nearest(sizes, Number(state.get("b")));
    if (state.has("h")) get("extra").value = nearest(extra, Number(state.get("h")));
    return true;
  }
  get("size").value = nearest(sizes, all.first);
  get("extra").value = nearest(extra, all.most);
  times();
  const restored = restore();
  form.hidden = false;
  show();
  if (restored) form.scrollIntoView();
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["size", "extra"]) get(id).addEventListener("input", changed);
  get("size-number").addEventListener("change", function () { get("size").value = nearest(sizes, Number(this.value)); changed(); });
  get("extra-number").addEventListener("change", function () { get("extra").value = nearest(extra, Number(this.value)); changed(); });
  get("treatment").addEventListener("change", function () { times(); changed(); });
  for (const id of ["time", "scenario", "target"]) get(id).addEventListener("change", changed);
  addEventListener("hashchange", function () { if (restore()) show(); });
})();
