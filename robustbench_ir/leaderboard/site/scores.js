// --- the numbers of a row, in the chosen setting, threat model, severity and languages; all of them are from the JSON

const widest = (one) => one.settings[one.settings.length - 1];
const group = () => board().group_of[state.language] ?? board().group_of[""];
const viewNumber = () => board().view_of[state.threat + "|" + state.severity];
const chosen = () => ({ board: board(), setting: state.setting, group: group(), view: viewNumber(), ranked: fairRanks() });
const rankingView = (one) => one.view_of["|3"] ?? 0;
const standard = (one, setting = widest(one), among = "") => ({ board: one, setting, group: one.group_of[among], view: rankingView(one), ranked: !among });
const view = () => board().views[viewNumber()] || { cells: [], headline: [] };
const cell = (place) => ({ recipe: board().cells[place][0], severity: board().cells[place][1], place });
const cellsOf = (threat) => board().cells.map((_, place) => cell(place)).filter((one) => one.place && (!threat || board().threats[one.place] === threat));
const cellsShown = () => view().cells.map(cell);
const headlineCells = () => view().headline.map(cell);
const has = (row, place) => row.ap[state.setting]?.[place]?.some(some);
const fairRanks = () => !state.language && headlineCells().some((one) => board().headline.some((of) => of[0] === one.recipe && of[1] === one.severity));

const called = (recipe, of = board()) => of.names[recipe];
const shortly = (recipe, of = board()) => of.labels[recipe];
const DAMAGED = "At one severity the queries of some languages are edited more than those of others: compare models in one language, not languages.";
const TRANSLATED = "some pairs mix in words of the passages' language, which translates the query in part";
const translates = (recipe) => state.setting === "cross-lingual" && called(recipe).startsWith("code-switching");

function numbers(row, of = chosen()) {
  const ap = row.ap[of.setting] || [];
  const found = row.numbers[of.setting]?.[of.view] || { robust: [], drop: [], worst: [], gap: null };
  const place = of.ranked ? row.ranks[of.setting] : undefined;
  const clean = ap[0]?.[of.group], robust = found.robust[of.group];
  return {
    row, place, clean, robust,
    rank: place ? place[3] : null,
    kept: some(robust) && clean > 0 ? robust / clean : null,
    little: some(clean) && clean < bestClean(of) / 2,
    attacked: Object.fromEntries((of.board.views[of.view]?.cells || []).map((number) => [of.board.cells[number][0], ap[number]?.[of.group]])),
    drop: found.drop[of.group],
    worst: found.worst[of.group],
    gap: found.gap,
    rd: row.rd[0]?.[of.group],
    change: row.change[of.view]?.[of.group],
    under: Object.fromEntries(Object.entries(row.suites || {}).map(([suite, said]) => [suite, said.scores[of.setting]?.robust[of.group]])),
    injected: Object.fromEntries(Object.entries(row.poison || {}).map(([attack, said]) => [attack, said.asr_at_10[of.group]])),
    size: row.model.parameters,
    name: row.model.name,
    date: row.date,
  };
}

// Best clean score of a board in a setting and group of languages; it does not change, and is asked for each row.
const bestOf = new Map();
function bestClean({ board: one, setting, group: of }) {
  const key = [boards.indexOf(one), setting, of].join();
  if (!bestOf.has(key)) bestOf.set(key, Math.max(0, ...one.rows.filter((row) => row.digests !== "non-comparable").map((row) => row.ap[setting]?.[0]?.[of]).filter(some)));
  return bestOf.get(key);
}

function kept(row) {
  const size = row.model.parameters;
  return (state.old || !row.superseded)
    && (!state.name || row.model.name.toLowerCase().includes(state.name.toLowerCase()))
    && (!state.size || (some(size) && size <= Number(state.size) * 1e6))
    && (!state.verified || row.verified)
    && (!state.zero || row.training.saw_task === "no")
    && (!state.threat || cellsOf(state.threat).some((one) => has(row, one.place)))
    && Boolean(row.ap[state.setting]);
}

// By what is lost, a model that finds little is no good example: it stands behind the others, whichever way they go.
const OF_LOSS = ["drop", "kept", "change"];

function rowsShown() {
  const found = board().rows.filter(kept).map((row) => numbers(row));
  const column = columns().find((one) => one.key === state.sort) || columns().find((one) => one.key === "robust");
  const sign = state.up ? 1 : -1, apart = OF_LOSS.includes(column.key);
  return found.sort((a, b) => {
    const x = column.value(a), y = column.value(b);
    if (!some(x) || !some(y)) return some(y) - some(x) || (a.name < b.name ? -1 : 1);
    if (apart && a.little !== b.little) return a.little - b.little;
    return x < y ? -sign : x > y ? sign : a.name < b.name ? -1 : 1;
  });
}

// --- the columns: level 1 is always shown, level 2 not on a phone, level 3 only among more columns

const HELP = {
  name: "The model, as its submitter calls it. Below it stands what you should know: what was run, whether training saw the task's data, whether anything was checked.",
  rank: "Place by the attacked score. Models that the questions cannot tell apart share a place. In brackets: where the model stands in 95% of the resamples of the questions.",
  robust: "How well the model finds the right passages when queries are perturbed: mAP, 0 to 1, mean over the recipes of the ranking. Behind it the 95% interval. The bar is as long as the clean score; its dark part is what is left under attack.",
  clean: "How well the model finds the right passages when queries are as they were written: mean average precision (mAP), 0 to 1. 1 means that every relevant passage stands on top.",
  kept: "Attacked divided by clean: how much of the clean score is left under attack. 100% means that nothing was lost. Read it beside the clean score: a model that finds little has little to lose.",
  drop: "Clean minus attacked, in mAP. Below 0 where an attack helps, such as code-switching into the passages' language. A model that finds little cannot drop far: sorted by drop, such models stand last.",
  worst: "The lowest mAP under any single recipe that is shown.",
  rd: "Rank distance: how far apart the translations of one passage stand in the ranking, clean; lower is fairer to languages. Not shown where more than one query in twenty has none, because its passages are not all retrieved.",
  change: "Rank distance under attack minus clean. It can also fall because everything sinks.",
  gap: `Attacked score in high-resource languages (${data.levels.high}) minus that in low-resource ones (${data.levels.low}). Classes are those of Joshi et al. 2020: how much text and how many labels a language has.`,
  suite: "Each query counts as it does under the worst attack of a suite for it, or unchanged; robust mAP is the mean of that, 0 to 1. Fixed: all attacks were chosen before the encoder was known. Adaptive: one was searched on this very encoder, with its defences at work; only its owner has those queries, so that they are not checked. Scores under different suites are not comparable.",
  poison: "Share of the questions, 0% to 100%, that find a passage which an attacker has put into the pool in another language among their first ten; lower is better. The pool is that of all languages, whatever setting is chosen. Behind it the 95% interval. Passages that a search wrote are not checked.",
  size: "Number of weights, as the submitter says.",
  date: "Day of the run.",
  place: "Mean of the places on the tasks, among the models that are on all of them; 1 is the best. Equal scores share a place. Behind it the 95% interval over resamples of the questions.",
  low: `Attacked score in low-resource languages (${data.levels.low} of Joshi et al. 2020).`,
  high: `Attacked score in high-resource languages (${data.levels.high} of Joshi et al. 2020).`,
};

const NOT_SUBMITTED = "not submitted";
const suitesOf = (one) => [...new Set(one.rows.flatMap((row) => Object.keys(row.suites || {})))].sort();
const poisonOf = (one) => [...new Set(one.rows.flatMap((row) => Object.keys(row.poison || {})))].sort();

const adaptivity = (said) => (said.adaptive ? "adaptive \u00b7 not checked" : said.known ? "fixed" : "fixed \u00b7 not checked");

// Columns that only some entries fill: robust mAP under a suite, and the success of injected passages.
function columnsOfSome() {
  const called = (label, names, name) => (names.length > 1 ? `${label}, ${name.slice(0, 60)}` : label);
  const suites = suitesOf(board()), attacks = poisonOf(board());
  return [
    ...suites.map((suite) => columnOfSome({
      key: "under " + suite, label: called("Robust mAP", suites, suite), help: `Suite ${suite}. ${HELP.suite}`, form: shown,
      said: (row) => row.suites?.[suite], value: (one) => one.under[suite], ends: (said) => said.scores[state.setting].intervals.robust, mark: adaptivity,
    })),
    ...attacks.map((attack) => columnOfSome({
      key: "with " + attack, label: called("Poison ASR@10", attacks, attack), help: `Injected for each question: ${attack}. ${HELP.poison}`, form: percent, lower: true,
      said: (row) => row.poison?.[attack], value: (one) => one.injected[attack], ends: (said) => said.intervals.asr_at_10, mark: (said) => (said.searched ? "not checked" : ""),
    })),
  ];
}

function columnOfSome(of) {
  const mark = (text) => (text ? make("span", { class: "marks" }, text) : null);
  const interval = ({ row }) => (of.said(row) && !state.language ? of.ends(of.said(row)) : null);
  const cell = (one) => {
    if (!of.said(one.row)) return make("td", {}, of.form(null), mark(NOT_SUBMITTED));
    return make("td", {}, of.form(of.value(one)), interval(one) ? range(...interval(one), of.form) : null, mark(of.mark(of.said(one.row))));
  };
  return { ...of, level: 3, interval, cell, text: (one) => of.form(of.value(one)) + (of.said(one.row) ? "" : ` ${NOT_SUBMITTED}`) };
}

function columns() {
  const number = (key, label, from, digits = 3) => ({ key, label, level: from, help: HELP[key], value: (one) => one[key], text: (one) => shown(one[key], digits) });
  const headline = new Set(headlineCells().map((one) => one.recipe));
  const gaps = "low" in board().group_of && "high" in board().group_of;
  return [
    { key: "name", label: "Model", help: HELP.name, lower: true, value: (one) => one.name.toLowerCase(), text: (one) => one.name },
    { ...number("rank", "Rank", 1, 0), cell: rankCell, lower: true },
    { ...number("robust", "Attacked", 1), cell: robustCell },
    number("clean", "Clean mAP", 2),
    { ...number("kept", "Kept", 1), text: (one) => percent(one.kept), cell: keptCell },
    ...cellsShown().map((one) => recipeColumn(one.recipe, headline.has(one.recipe) && headline.size < 7 ? 2 : 3)),
    number("drop", "Drop", 2),
    ...columnsOfSome(),
    number("worst", "Worst", 3),
    number("rd", "RD", 3, 1),
    number("change", "RD change", 3, 1),
    ...(gaps ? [number("gap", "Low-resource gap", 3)] : []),
    { key: "size", label: "Weights", level: 3, help: HELP.size, value: (one) => one.size, text: (one) => sizeText(one.size) },
    { key: "date", label: "Date", level: 3, help: HELP.date, value: (one) => one.date, text: (one) => one.date },
  ];
}

function recipeColumn(recipe, from) {
  const mark = translates(recipe);
  return {
    key: "at " + recipe, label: shortly(recipe) + (mark ? " \u2020" : ""), level: from,
    help: `mAP under ${recipe}, severity ${state.severity}: what the recipe does stands in the documentation.${mark ? " \u2020: " + TRANSLATED + "." : ""}`,
    value: (one) => one.attacked[recipe], text: (one) => shown(one.attacked[recipe]),
  };
}

const sizeText = (size) => (!some(size) ? "\u2013" : size >= 1e9 ? (size / 1e9).toFixed(1) + " B" : size >= 1e6 ? Math.round(size / 1e6) + " M" : String(size));
