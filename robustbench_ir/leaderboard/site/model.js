// --- a model: all that it did, on a page of its own. Its address has its name, or, as before, the file of an entry.

function entriesOf(asked) {
  const file = boards.flatMap((one) => one.rows).find((row) => row.file === asked);
  const name = file ? file.model.name : asked;
  return inOrder.flatMap((one) => one.rows.filter((row) => row.model.name === name && (!row.superseded || row === file)).map((row) => ({ one, row })));
}

function model(entries) {
  const latest = entries.map(({ row }) => row).sort((a, b) => (a.date < b.date ? 1 : -1))[0];
  at("model").replaceChildren(
    make("p", {}, make("a", { href: addressOf({ ...state, view: "", model: "" }) }, "\u2190 All models")),
    make("h2", { tabindex: "-1" }, latest.model.name),
    facts([["Link", link(latest.model.link)], ["Paper", link(latest.model.paper)], ["Code", link(latest.model.code)], ["Contact", latest.model.contact], ["Licence", latest.model.licence], ["Kind", latest.model.kind === "run" ? `a system's TREC runs (${latest.model.similarity}); cannot be run again` : latest.model.kind], ["Weights", some(latest.model.parameters) ? sizeText(latest.model.parameters) : ""], ["Dimensions", latest.model.dimensions || ""], ["Made for", latest.model.languages.join(", ")]]),
    make("h3", {}, "On each task"), onEachTask(entries),
    make("p", { class: "note" }, `Attacked: mean over the attacks of the ranking. ${groupless(entries)}`),
    ...entries.flatMap(({ one, row }) => onTask(one, row)),
  );
}

const facts = (found) => make("dl", {}, ...found.filter(([, value]) => some(value) && value !== "").flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value instanceof Node ? value : String(value))]));

function onEachTask(entries) {
  const heads = ["Task", { label: "Rank", help: HELP.rank }, { label: "Attacked", help: HELP.robust }, { label: "Clean", level: 2, help: HELP.clean }, { label: "Kept", help: HELP.kept }, { label: "Drop", level: 2, help: HELP.drop }, { label: "Low-resource", level: 2, help: HELP.low }, { label: "High-resource", level: 2, help: HELP.high }, { label: "RD", level: 2, help: HELP.rd }];
  const lines = entries.flatMap(({ one, row }) => [...one.settings].reverse().filter((setting) => row.ap[setting]).map((setting) => {
    const found = numbers(row, standard(one, setting));
    const among = (name) => (name in one.group_of ? shown(numbers(row, standard(one, setting, name)).robust) : "none");
    const two = [shown(found.drop), among("low"), among("high"), setting === widest(one) ? shown(found.rd, 1) : "\u2013"];
    return make("tr", {}, make("th", { scope: "row" }, boardLink(one, { setting }), make("span", { class: "marks" }, setting)), rankCell(found),
      make("td", {}, shown(found.robust), found.place ? range(found.place[1], found.place[2]) : null), make("td", { class: "level-2" }, shown(found.clean)), keptCell(found), ...two.map((text) => make("td", { class: "level-2" }, text)));
  }));
  return tableOf("Scores on each task", heads, lines);
}

function groupless(entries) {
  const without = (name) => [...new Set(entries.map(({ one }) => one).filter((one) => !(name in one.group_of)).map((one) => one.task))];
  const [low, high] = [without("low"), without("high")];
  return (low.length ? `No low-resource language in ${listed(low)}. ` : "") + (high.length ? `No high-resource language to compare with in ${listed(high)}.` : "");
}

function onTask(one, row) {
  const of = standard(one, row.ap[state.setting] ? state.setting : widest(one));
  return [
    make("h3", {}, boardLink(one), row.superseded ? ` (superseded by ${row.superseded})` : ""),
    facts([["Date", row.date], ["Queries", (row.digests === "checked" ? "checked: they are those that the published task and recipes give" : row.digests) + (row.why ? ": " + row.why : "")], ["Verified", row.verified ? `by ${row.verified.by}, ${row.verified.date}, ${row.verified.sample} queries, seed ${row.verified.seed}${row.model.kind === "run" ? ", from the run files" : ""}` : row.fallen ? `no: ${row.fallen}` : "no"], ["Saw the task's data", row.training.saw_task], ["Trained on", row.training.datasets.join(", ")], ["Encoder", row.model.encoder === row.model.name ? "" : row.model.encoder], ["Revision", row.model.revision], ["Fingerprint", row.model.fingerprint], ["Format", row.format === 1 ? "1, values only" : row.format], ["Superseded by", row.superseded], ["Entry", row.file]]),
    ...underSuites(one, row), ...injected(one, row),
    make("h4", {}, `mAP by severity, ${of.setting}`), curves(row, of),
    make("h4", {}, `mAP by language, ${of.setting}`), make("p", { class: "note" }, DAMAGED), heat(row, of),
  ];
}

// --- what only some entries have: the worst of a suite, and injected passages

function underSuites(one, row) {
  const lines = Object.entries(row.suites || {}).flatMap(([suite, said]) => [...one.settings].reverse().filter((setting) => said.scores[setting]).map((setting) => {
    const found = said.scores[setting], ends = found.intervals;
    return make("tr", {}, make("th", { scope: "row" }, suite, make("span", { class: "marks" }, `${setting} \u00b7 ${adaptivity(said)}`)),
      make("td", {}, shown(found.robust[one.group_of[""]]), range(...ends.robust)), make("td", {}, percent(found.kept), some(found.kept) ? range(...ends.kept, percent) : null),
      ...[[percent(found.robust_at_10), range(...ends.robust_at_10, percent)], [shown(found.average)], [found.questions.toLocaleString("en")]].map((inside) => make("td", { class: "level-2" }, ...inside)));
  }));
  const heads = ["Suite", { label: "Robust mAP", help: HELP.suite }, { label: "Kept", help: "Robust mAP divided by clean mAP." }, { label: "Robust@10", level: 2, help: "Share of the queries that keep a relevant passage among the first ten under all attacks of the suite." }, { label: "Average", level: 2, help: "mAP, mean over the attacks of the suite." }, { label: "Questions", level: 2 }];
  return lines.length ? [make("h4", {}, "Under the worst attack of a suite"), tableOf(`Robust scores on ${one.task}`, heads, lines)] : [];
}

function injected(one, row) {
  const lines = Object.entries(row.poison || {}).map(([attack, said]) => make("tr", {}, make("th", { scope: "row" }, attack, said.searched ? make("span", { class: "marks" }, "not checked") : null),
    ...[10, 1].map((depth) => make("td", {}, percent(said.overall[`asr_at_${depth}`]), range(...said.intervals[`asr_at_${depth}`], percent))), make("td", { class: "level-2" }, said.questions.toLocaleString("en"))));
  const heads = ["Injected for each question", { label: "ASR@10", help: HELP.poison }, { label: "ASR@1", help: "Share of the questions that find such a passage first; lower is better." }, { label: "Questions", level: 2 }];
  return lines.length ? [make("h4", {}, "Injected passages"), tableOf(`Injected passages on ${one.task}`, heads, lines)] : [];
}
