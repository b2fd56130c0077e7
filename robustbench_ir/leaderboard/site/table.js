// --- the table of a board

// With a minus in it, a dash between its ends would be misread.
const range = (low, high, text = shown) => make("span", { class: "range" }, ` ${text(low)}${low < 0 ? " to " : "\u2013"}${text(high)}`);

function rankCell(one) {
  if (!one.place) return make("td", {}, one.row.digests === "non-comparable" || one.row.format === 1 ? "not ranked" : "\u2013");
  const [, , , rank, best, worst] = one.place;
  return make("td", {}, String(rank), make("span", { class: "range" }, ` (${best}\u2013${worst})`));
}

function robustCell(one) {
  return make("td", {}, shown(one.robust), one.place ? range(one.place[1], one.place[2]) : null, bar(one));
}

const LITTLE = "little to lose";
const keptCell = (one) => make("td", {}, percent(one.kept), one.little ? make("span", { class: "marks" }, LITTLE) : null);

// As long as the clean score, and dark as far as the attacked one; drawn with borders, which printers do not leave out.
function bar(one) {
  if (!some(one.clean) || !some(one.robust)) return null;
  const inside = make("span"), outside = make("span", { class: "bar", "aria-hidden": "true" }, inside);
  outside.style.width = `${(100 * one.clean) / (bestClean(chosen()) || 1)}%`;
  inside.style.width = `${100 * Math.max(0, Math.min(1, one.robust / (one.clean || 1)))}%`;
  return outside;
}

function marks(row) {
  const said = [];
  if (row.verified) said.push(`verified ${row.verified.date}`);
  if (row.model.kind !== "run" && row.model.encoder.toLowerCase() !== row.model.name.toLowerCase()) said.push(`encoder: ${row.model.encoder.slice(0, 60)}`);
  if (row.model.kind === "run") said.push(`TREC ${row.model.similarity}`);
  if (row.model.kind === "multi-vector" || row.model.kind === "reranked") said.push(row.model.kind);
  if (row.training.saw_task === "yes") said.push("trained on the task's data");
  if (row.training.saw_task === "unknown") said.push("training unknown");
  if (row.digests !== "checked") said.push(row.digests);
  if (row.superseded) said.push("superseded");
  return said.join(" \u00b7 ");
}

function nameCell(one) {
  const file = one.row.file;
  const tick = make("input", { type: "checkbox", "aria-label": "Compare " + one.name, "data-file": file, onchange: () => pick(file) });
  tick.checked = picked().includes(file);
  return make("th", { scope: "row" }, make("span", { class: "who" }, tick, modelLink(one.row, { "data-open": file })), make("span", { class: "marks" }, marks(one.row)));
}

const picked = () => (state.pair ? state.pair.split("|") : []);

function pick(file) {
  const before = picked();
  change({ pair: (before.includes(file) ? before.filter((one) => one !== file) : [...before, file]).join("|") });
}

function table(rows) {
  const list = columns();
  const heads = list.map((column) => {
    const on = column.key === state.sort;
    const arrow = on ? (state.up ? " \u25b2" : " \u25bc") : "";
    const up = on ? (state.up ? "" : "1") : column.lower ? "1" : "";
    const button = make("button", { type: "button", "data-sort": column.key, onclick: () => change({ sort: column.key, up, page: "1" }) }, column.label + arrow);
    return make("th", { scope: "col", class: level(on ? 1 : column.level), "aria-sort": on ? (state.up ? "ascending" : "descending") : "none" }, make("span", { class: "head" }, button, helpButton(column.label, column.help)));
  });
  at("table").tHead.replaceChildren(make("tr", {}, ...heads));
  const start = (Number(state.page) - 1) * PAGE;
  at("table").tBodies[0].replaceChildren(...rows.slice(start, start + PAGE).map((one) => line(one, list)));
}

function line(one, list) {
  const cells = list.slice(1).map((column) => {
    const made = column.cell ? column.cell(one) : make("td", {}, column.text(one));
    if (column.level > 1 && column.key !== state.sort) made.className = level(column.level);
    return made;
  });
  return make("tr", { class: one.row.digests === "non-comparable" ? "low" : false }, nameCell(one), ...cells);
}

function pages(rows) {
  const last = Math.max(1, Math.ceil(rows.length / PAGE)), now = Number(state.page);
  const turn = (label, to) => make("button", { type: "button", disabled: to < 1 || to > last, "data-turn": label, onclick: () => change({ page: String(to) }) }, label);
  at("pages").hidden = last === 1;
  at("pages").replaceChildren(turn("Previous", now - 1), `Page ${now} of ${last}`, turn("Next", now + 1));
}

function legend(rows) {
  const said = [fairRanks()
    ? `Ranks: ${data.resamples.toLocaleString("en")} paired resamples of the questions; models that these questions cannot distinguish share a rank (95%). Attacked: mean over ${headlineCells().map((one) => one.recipe).join(", ")}. The bar is as long as the clean score, and dark as far as the attacked one.`
    : "Ranks are for all languages at the ranking's severity."];
  if (rows.some((one) => one.little)) said.push(`${LITTLE[0].toUpperCase() + LITTLE.slice(1)}: the clean score is less than half of the best one here, so that a small drop says nothing${OF_LOSS.includes(state.sort) ? "; these models stand last in this order" : ""}.`);
  if (!("low" in board().group_of)) said.push("This task has no low-resource language, and so no gap between low- and high-resource ones.");
  else if (!("high" in board().group_of)) said.push("This task has no high-resource language to compare the low-resource ones with.");
  if (headlineCells().some((one) => translates(one.recipe))) said.push(`\u2020: ${TRANSLATED}.`);
  if (state.language) said.push(DAMAGED);
  return said.join(" ");
}

function csv() {
  // A text that begins like a formula would be one in a spreadsheet.
  const field = (value) => { const text = some(value) ? String(value) : ""; return `"${(typeof value === "string" && /(^|[;\t])\s*[=+\-@\uff0b\uff0d\uff1d\uff20]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`; };
  const list = columns();
  const lines = [list.map((column) => field(column.label)), ...rowsShown().map((one) => list.map((column) => field(column.key === "name" ? one.name : column.value(one))))];
  return lines.map((fields) => fields.join(",")).join("\r\n") + "\r\n";
}

function download() {
  const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  make("a", { href: address, download: "leaderboard.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
