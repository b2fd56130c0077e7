// --- any number of models of one board, side by side; what is certain follows from the same questions for all of them

const TESTED = ["robust", "clean", "drop", "kept"];
const levelOf = (measure) => (measure === "robust" || measure === "kept" ? 1 : 2);
const TESTED_NAMES = { robust: "Attacked", clean: "Clean mAP", drop: "Drop", kept: "Kept" };

function compared() {
  const rows = picked().map((file) => board().rows.find((row) => row.file === file)).filter(Boolean);
  at("compared").hidden = rows.length < 2;
  at("ticked").replaceChildren(rows.length < 2 ? "Tick two or more models to compare them." : make("button", { type: "button", onclick: toCompared }, `Compare ${rows.length} models`));
  if (rows.length < 2) return at("compared").replaceChildren();
  const close = make("button", { type: "button", onclick: () => change({ pair: "" }) }, "Close");
  at("compared").replaceChildren(make("h2", { id: "compared-title", tabindex: "-1" }, `${rows.length} models compared`), close, sideBySide(rows), ...differences(rows));
}

function toCompared() {
  at("compared").scrollIntoView();
  at("compared-title").focus({ preventScroll: true });
}

function sideBySide(rows) {
  const found = rows.map((row) => numbers(row));
  const lines = columns().filter((column) => !["name", "date"].includes(column.key)).map((column) => make("tr", {},
    make("th", { scope: "row" }, column.label, helpButton(column.label, column.help)),
    ...found.map((one) => {
      const interval = column.interval ? column.interval(one) : fairRanks() ? intervalOf(one.row, column.key) : null;
      return make("td", {}, column.text(one), interval ? range(...interval, column.form ?? (column.key === "kept" ? percent : shown)) : column.key === "rank" && one.place ? ` (${one.place[4]}\u2013${one.place[5]})` : null);
    })));
  return tableOf("Scores of the compared models", ["Score", ...found.map((one) => one.name)], lines);
}

const pairs = () => board().pairs[state.setting];

function intervalOf(row, measure) {
  const place = pairs()?.rows.indexOf(board().rows.indexOf(row)) ?? -1;
  return place < 0 ? null : pairs().measures[measure]?.interval[place];
}

// Difference of two models, and the ends of its interval, which is for all pairs of the compared models together.
function difference(first, second, measure, models) {
  const tested = pairs(), places = [first, second].map((row) => tested.rows.indexOf(board().rows.indexOf(row)));
  const [low, high] = [Math.min(...places), Math.max(...places)], count = tested.rows.length;
  const { score, deviation } = tested.measures[measure];
  const found = score[places[0]] - score[places[1]];
  const reach = tested.reach[models - 2] * deviation[low * count - (low * (low + 1)) / 2 + high - low - 1];
  return { found, low: found - reach, high: found + reach, apart: Math.abs(found) > reach + 1e-9 };
}

function differences(rows) {
  const tested = pairs();
  const able = tested ? rows.filter((row) => tested.rows.includes(board().rows.indexOf(row))) : [];
  const without = rows.filter((row) => !able.includes(row)).map((row) => row.model.name);
  const said = without.length ? [make("p", { class: "note" }, `Not tested, because not ranked or not among the best ${data.most_pairs}: ${listed(without)}.`)] : [];
  if (!fairRanks()) return [make("p", { class: "note" }, "Differences are tested for all languages at the ranking's severity: choose these to see them.")];
  if (able.length < 2) return said;
  const two = able.flatMap((first, place) => able.slice(place + 1).map((second) => [first, second]));
  const lines = two.map(([first, second]) => make("tr", {}, make("th", { scope: "row" }, `${first.model.name} \u2212 ${second.model.name}`), ...TESTED.map((measure) => differenceCell(difference(first, second, measure, able.length), levelOf(measure)))));
  return [
    make("h3", {}, "Differences"),
    make("p", { class: "note" }, `First minus second, paired by question, with intervals that hold for all ${two.length === 1 ? "of it" : `${two.length} pairs together`} (95%; resamples of the questions, as in the ranking). Bold with a star: these questions distinguish the two. \u201cno\u201d: they do not, which does not show that the two are equal. Drop: below 0, the first loses less.`),
    tableOf("Differences of the compared models", ["Models", ...TESTED.map((measure) => ({ label: TESTED_NAMES[measure], level: levelOf(measure), help: HELP[measure] }))], lines),
    ...said,
  ];
}

function differenceCell({ found, low, high, apart }, from) {
  const value = `${found > 0 ? "+" : ""}${shown(found)}`;
  return make("td", { class: level(from), "data-apart": String(apart) }, apart ? make("strong", {}, `${value} *`) : `${value} no`, range(low, high));
}
