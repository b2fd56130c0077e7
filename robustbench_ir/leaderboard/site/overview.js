// --- several tasks at once: the standard list of tasks, low-resource languages, and what papers report

const taskName = (task) => data.boards.find((one) => one.task === task)?.task_name || task;

function across() {
  const found = data.across;
  at("across").hidden = !found;
  if (!found) return;
  const open = (task) => boardLink(inOrder.find((one) => one.task === task), {}, taskName(task));
  const heads = [{ label: "Model", help: HELP.name }, { label: "Mean place", help: HELP.place },
    ...found.tasks.map((task) => ({ label: open(task), level: 2, title: taskName(task), help: `Attacked score on ${task}: ${HELP.robust.split(" The bar")[0]} In brackets the place among these models.` })),
    { label: "Low-resource", help: HELP.low }, { label: "High-resource", level: 2, help: HELP.high }, { label: "Gap", level: 2, help: HELP.gap }];
  const lines = found.rows.slice(0, PAGE).map((row) => make("tr", {}, make("th", { scope: "row" }, make("a", { href: addressOf({ model: row.name }) }, row.name)),
    make("td", {}, row.place[0].toFixed(1), range(row.place[1], row.place[2], (place) => shown(place, 1))),
    ...row.robust.map((score, place) => make("td", { class: "level-2" }, shown(score), make("span", { class: "range" }, ` (${row.places[place]})`))),
    make("td", {}, shown(row.low)), ...[row.high, row.gap].map((score) => make("td", { class: "level-2" }, shown(score)))));
  at("across-table").replaceChildren(tableOf("Models across tasks", heads, lines));
  const both = found.tasks.filter((_, place) => found.with_both[place]).map(taskName);
  const settings = found.settings.every((one) => one === found.settings[0]) ? found.settings[0] + " setting" : found.settings.map((one, place) => `${taskName(found.tasks[place])} ${one}`).join(", ");
  at("across-note").textContent = `Attacked score on each task (mAP under the attacks of the ranking, ${settings}), in brackets the place among these models; mean place with its 95% interval over resamples of the questions. `
    + (both.length ? `Low-resource (${data.levels.low}) and high-resource languages (${data.levels.high}): mean over ${listed(both)}, which have both. ` : "")
    + (found.rows.length > PAGE ? `The first ${PAGE} of ${found.rows.length} models. ` : "")
    + (found.missing.length ? `Not here, because they are not on all of these tasks: ${found.missing.slice(0, 20).join(", ")}${found.missing.length > 20 ? " and others" : ""}.` : "");
}

// --- low-resource languages: of each task, and of all tasks that have them

const ofClass = (one, among) => one.languages.filter((code) => { const found = data.languages[code]?.class; return some(found) && (among === "low" ? found <= data.low_to : found >= data.high_from); });

function lowOf(one) {
  const found = new Map();
  for (const row of one.rows) {
    if (row.superseded || row.digests === "non-comparable" || !row.ap[widest(one)]) continue;
    const low = numbers(row, standard(one, widest(one), "low"));
    if (some(low.robust)) found.set(row.model.name, { low, high: "high" in one.group_of ? numbers(row, standard(one, widest(one), "high")).robust : null });
  }
  return found;
}

function lowResource() {
  const having = inOrder.filter((one) => "low" in one.group_of && one.task_name !== LAST);
  const found = having.map(lowOf);
  at("low-tables").replaceChildren(...lowAcross(having, found), ...inOrder.filter((one) => one.task_name !== LAST).flatMap((one) => lowOnTask(one, found[having.indexOf(one)])));
}

function lowAcross(having, found) {
  if (having.length < 2) return [];
  const mean = (values) => (values.every(some) ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
  const rows = [...new Set(found.flatMap((one) => [...one.keys()]))].map((name) => {
    const here = found.map((one) => one.get(name)?.low);
    return { name, scores: here.map((one) => one?.robust), robust: mean(here.map((one) => one?.robust)), kept: mean(here.map((one) => one?.kept)) };
  }).sort((a, b) => some(b.robust) - some(a.robust) || b.robust - a.robust || (a.name < b.name ? -1 : 1));
  const heads = [{ label: "Model", help: HELP.name }, { label: "Mean", help: HELP.low + " Mean over these tasks, for models that are on all of them." }, { label: "Kept", help: HELP.kept }, ...having.map((one) => ({ label: boardLink(one, { language: "low" }, one.task_name), title: one.task_name, level: 2, help: HELP.low }))];
  const lines = rows.slice(0, PAGE).map((row) => make("tr", {}, make("th", { scope: "row" }, make("a", { href: addressOf({ model: row.name }) }, row.name)), make("td", {}, shown(row.robust)), make("td", {}, percent(row.kept)), ...row.scores.map((score) => make("td", { class: "level-2" }, shown(score)))));
  return [make("h3", {}, "Across tasks"), make("p", { class: "note" }, `Attacked score in the low-resource languages of ${listed(having.map((one) => one.task_name))}, each in its widest setting, as a mean over these tasks.`), tableOf("Low-resource languages across tasks", heads, lines)];
}

function lowOnTask(one, found) {
  const [low, high] = ["low", "high"].map((among) => ofClass(one, among).map(languageName));
  const title = make("h3", {}, boardLink(one, found ? { language: "low" } : {}));
  if (!found) return [title, make("p", {}, `This task has no low-resource language (${data.levels.low}).`)];
  const against = high.length ? `High-resource, to compare with: ${listed(high)}.` : "This task has no high-resource language to compare with, so that there is no gap.";
  const heads = [{ label: "Model", help: HELP.name }, { label: "Low-resource", help: HELP.low }, { label: "Clean", level: 2, help: HELP.clean }, { label: "Kept", help: HELP.kept }, ...(high.length ? [{ label: "High-resource", level: 2, help: HELP.high }, { label: "Gap", level: 2, help: HELP.gap }] : [])];
  const lines = [...found.values()].sort((a, b) => b.low.robust - a.low.robust).slice(0, PAGE).map(({ low: of, high: other }) => make("tr", {}, make("th", { scope: "row" }, modelLink(of.row)), make("td", {}, shown(of.robust)), make("td", { class: "level-2" }, shown(of.clean)), keptCell(of),
    ...(high.length ? [other, some(other) ? other - of.robust : null].map((score) => make("td", { class: "level-2" }, shown(score))) : [])));
  return [title, make("p", {}, `Low-resource: ${listed(low)}. ${against}`), tableOf(`Low-resource languages of ${one.task}`, heads, lines)];
}

function reported() {
  const task = board().task_name, here = [...board().languages].sort().join();
  const rows = (data.reported || []).filter((row) => row.task === task && [...row.languages].sort().join() === here);
  at("reported").hidden = !rows.length;
  const heads = ["Model", ...board().settings.map((name) => ({ label: "mAP " + name, level: name === widest(board()) ? 1 : 2, help: HELP.clean })), { label: "RD", level: 2, help: HELP.rd }, { label: "Source", class: "source" }];
  const lines = rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.model), ...board().settings.map((name) => make("td", { class: name === widest(board()) ? false : "level-2" }, shown(row.average_precision[name]))), make("td", { class: "level-2" }, shown(row.rank_distance, 1)),
    make("td", { class: "source" }, link(row.source), make("span", { class: "marks" }, [row.table, row.note].filter(Boolean).join(" \u00b7 ")))));
  at("reported-table").replaceChildren(tableOf("Scores that papers report", heads, lines));
}
