const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const state = { group: 0, metric: "", against: 0, subject: 0, utterance: null, filter: [], find: [] };
const group = () => data.groups[state.group];
const metric = () => group().metrics[state.metric];

// ---- small things -------------------------------------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}
const digits = (value, count) => (value === null || value === undefined ? "–" : value.toFixed(count));
const signed = (value, count) => (value >= 0 ? "+" : "−") + Math.abs(value).toFixed(count);
const short = value => (value === null ? "–" : Number(value.toPrecision(3)).toString());
const minutes = seconds =>
  seconds === null
    ? "–"
    : seconds < 60
      ? `${seconds.toFixed(0)} s`
      : seconds < 7200
        ? `${(seconds / 60).toFixed(1)} min`
        : `${(seconds / 3600).toFixed(1)} h`;
const arrow = definition => (definition.better === "higher" ? "↑" : "↓");
const heading = definition => `${definition.label} ${arrow(definition)}`;
const words = text => text.toLowerCase().split(/\s+/).filter(Boolean);
const matches = (text, wanted) => wanted.every(word => text.toLowerCase().includes(word));
const visible = () =>
  group()
    .rows.map((row, number) => ({ row, number }))
    .filter(({ row }) => matches(row.name, state.filter));

/* A table whose headings sort. columns: {name, title, value(item), cell(item) -> node or text, chosen}; the first
   column is the row's heading. `sort` is kept between drawings: {column, down}. */
function draw(table, columns, items, sort = {}, extra = () => ({}), ordered = () => {}) {
  const known = columns.find(column => column.name === sort.column);
  if (known) {
    const rank = item => known.value(item);
    items = [...items].sort((one, other) => {
      const [a, b] = [rank(one), rank(other)];
      if (a === null || b === null || a === undefined || b === undefined)
        return (a === null || a === undefined) - (b === null || b === undefined);
      const order = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
      return sort.down ? -order : order;
    });
  }
  const heads = columns.map(column => {
    const button = element("button", { type: "button", title: column.title || "" }, column.name);
    button.addEventListener("click", () => {
      sort.down = sort.column === column.name ? !sort.down : false;
      sort.column = column.name;
      draw(table, columns, items, sort, extra, ordered);
      [...table.tHead.querySelectorAll("button")].find(each => each.textContent === column.name).focus();
    });
    const order = sort.column === column.name ? (sort.down ? "descending" : "ascending") : null;
    return element("th", { scope: "col", "aria-sort": order, className: column.chosen ? "chosen" : "" }, button);
  });
  const rows = items.map(item =>
    element(
      "tr",
      extra(item),
      ...columns.map((column, place) =>
        place
          ? element("td", { className: column.chosen ? "chosen" : "" }, column.cell(item))
          : element("th", { scope: "row" }, column.cell(item)),
      ),
    ),
  );
  table.replaceChildren(element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
  ordered(items);
}

function choose(select, texts, chosen) {
  select.replaceChildren(
    ...texts.map((text, value) => element("option", { value: String(value), selected: value === chosen }, text)),
  );
}

// ---- tables -------------------------------------------------------------------------------------------------------

const sorts = { overview: {}, systems: {}, differences: {}, utterances: {} };

function scoreCell(row, name, definition) {
  const found = row.means[name];
  if (!found || found.mean === null) return "–";
  const cell = element("span", {}, digits(found.mean, definition.digits));
  if (found.letters) cell.append(element("sup", {}, found.letters));
  if (found.low !== null)
    cell.append(element("small", {}, `± ${digits((found.high - found.low) / 2, definition.digits)}`));
  if (found.n !== group().n) cell.append(element("small", {}, `n = ${found.n}`));
  return cell;
}

const named = ({ row, number }) =>
  element(
    "span",
    {},
    element("span", { className: "number" }, String(number + 1)),
    element("span", { className: `dot ${row.kind}` }),
    row.name,
  );

function systems() {
  const fact = (name, key, form, title) => ({
    name,
    title,
    value: ({ row }) => row[key],
    cell: ({ row }) => (row[key] === null ? "–" : form(row[key])),
  });
  const scores = Object.entries(group().metrics).map(([name, definition]) => ({
    name: heading(definition),
    title: `${definition.definition} ${definition.unit}`.trim(),
    chosen: name === state.metric,
    value: ({ row }) => (row.means[name] ? row.means[name].mean : null),
    cell: ({ row }) => scoreCell(row, name, definition),
  }));
  const facts = [
    fact("RTF ↓", "rtf", short, "computing time over duration"),
    fact("parameters", "parameters", value => value.toLocaleString("en")),
    fact("training", "training_seconds", minutes),
    fact("steps", "train_steps", value => value.toLocaleString("en")),
  ];
  const told = facts.filter(column => group().rows.some(row => column.value({ row }) !== null));
  draw(
    at("systems"),
    [{ name: "system", value: ({ row }) => row.name, cell: named }, ...scores, ...told],
    visible(),
    sorts.systems,
  );
  const crowded = Object.values(group().metrics)
    .filter(definition => !definition.lettered)
    .map(heading);
  at("legend").textContent = [
    `${group().n} utterances; mean ± half-width of the 95 % interval. Two systems that share a letter in a column are not known to differ there (${group().test});`,
    "that is tested utterance by utterance, so that intervals may overlap where systems differ. Letters are in no order, and no single score ranks.",
    group().few ? `${group().n} utterances tell little: hardly any difference can be shown.` : "",
    crowded.length ? `Too many letters would be needed for ${crowded.join(", ")}: see the differences.` : "",
    "Click a heading to sort.",
  ].join(" ");
}

function overview() {
  if (!at("overview")) return;
  const names = [...new Set(data.groups.flatMap(each => each.rows.map(row => row.name)))].filter(name =>
    matches(name, state.filter),
  );
  const find = (each, name) => {
    const row = each.rows.find(other => other.name === name);
    return row && row.means[state.metric] ? row.means[state.metric] : null;
  };
  const columns = data.groups.map((each, place) => ({
    name: each.title,
    title: each.apart || "",
    chosen: place === state.group,
    value: name => {
      const found = find(each, name);
      return found && found.mean;
    },
    cell: name => {
      const found = find(each, name);
      if (!found || found.mean === null) return "–";
      const count = each.metrics[state.metric].digits;
      return element(
        "span",
        {},
        digits(found.mean, count),
        found.low === null ? null : element("small", {}, `± ${digits((found.high - found.low) / 2, count)}`),
      );
    },
  }));
  draw(
    at("overview"),
    [{ name: heading(metric()), value: name => name, cell: name => name }, ...columns],
    names,
    sorts.overview,
  );
}

function difference(name, number, against) {
  const found = group().differences[name].find(each => each.rows.includes(number) && each.rows.includes(against));
  if (!found) return null;
  const sign = found.rows[0] === number ? 1 : -1;
  return {
    mean: sign * found.mean,
    half: found.low === null ? null : (found.high - found.low) / 2,
    p: found.p,
    n: found.n,
  };
}

function differences() {
  const cell = (found, definition) => {
    if (!found) return "–";
    const certain = found.p !== null && found.p < data.alpha;
    const better = found.mean > 0 === (definition.better === "higher");
    const text = `${certain ? "" : "≈ "}${signed(found.mean, definition.digits)}`;
    return element(
      "span",
      {
        className: certain ? (better ? "better" : "worse") : "noise",
        title:
          found.p === null ? "too few utterances" : `p = ${short(found.p)} after Holm's correction, n = ${found.n}`,
      },
      text,
      found.half === null ? null : element("small", {}, `± ${digits(found.half, definition.digits)}`),
    );
  };
  const columns = Object.entries(group().metrics).map(([name, definition]) => ({
    name: heading(definition),
    title: definition.definition,
    chosen: name === state.metric,
    value: ({ number }) => {
      const found = difference(name, number, state.against);
      return found && found.mean;
    },
    cell: ({ number }) => cell(difference(name, number, state.against), definition),
  }));
  draw(
    at("differences"),
    [{ name: "system", value: ({ row }) => row.name, cell: named }, ...columns],
    visible().filter(({ number }) => number !== state.against),
    sorts.differences,
  );
}

// ---- utterances ---------------------------------------------------------------------------------------------------

let listed = [];
function utterances() {
  const definition = metric(),
    count = definition.digits;
  const score = (number, k) => {
    const scores = group().rows[number].scores[state.metric];
    return scores ? scores[k] : null;
  };
  const less = k => {
    const [a, b] = [score(state.subject, k), score(state.against, k)];
    return a === null || b === null ? null : a - b;
  };
  const items = group()
    .utterances.map((utterance, k) => ({ ...utterance, k }))
    .filter(each => matches(`${each.id} ${each.speaker || ""} ${each.text || ""}`, state.find));
  const columns = [
    {
      name: "utterance",
      value: each => each.id,
      cell: each => {
        const button = element("button", { type: "button" }, each.id);
        button.addEventListener("click", () => open(each.k));
        return element(
          "span",
          {},
          button,
          element(
            "small",
            {},
            [each.speaker, each.seconds && `${each.seconds.toFixed(1)} s`].filter(Boolean).join(", "),
          ),
        );
      },
    },
    {
      name: heading(definition),
      title: group().rows[state.subject].name,
      value: each => score(state.subject, each.k),
      cell: each => digits(score(state.subject, each.k), count),
    },
  ];
  if (state.subject !== state.against)
    columns.push({
      name: "difference",
      title: `minus ${group().rows[state.against].name}`,
      value: each => less(each.k),
      cell: each => {
        const found = less(each.k);
        return found === null ? "–" : signed(found, count);
      },
    });
  draw(
    at("utterances"),
    columns,
    items,
    sorts.utterances,
    each => ({ "aria-current": each.k === state.utterance ? "true" : null, "data-k": each.k }),
    ordered => {
      listed = ordered;
    },
  );
}
function worstFirst() {
  sorts.utterances = { column: heading(metric()), down: metric().better === "lower" };
}
