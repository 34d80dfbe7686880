// ---- plots --------------------------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
function shape(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function plots() {
  const kinds = [
    ["real-time factor", "rtf", short],
    ["parameters", "parameters", value => (value >= 1e6 ? `${short(value / 1e6)} M` : short(value))],
    ["training", "training_seconds", minutes],
  ];
  const drawn = kinds.map(([title, key, form]) => plot(title, key, form)).filter(Boolean);
  at("plots").replaceChildren(...(drawn.length ? drawn : ["Nothing is known of cost here."]));
}

function plot(title, key, form) {
  const points = visible()
    .map(({ row, number }) => ({ x: row[key], found: row.means[state.metric], row, number }))
    .filter(({ x, found }) => x > 0 && found && found.mean !== null);
  if (points.length < 2) return null;
  const [width, height, left, right, top, bottom] = [440, 280, 46, 30, 10, 40];
  const logs = points.map(point => Math.log10(point.x));
  let [x0, x1] = [Math.min(...logs), Math.max(...logs)];
  [x0, x1] = [x0 - 0.1 * (x1 - x0 || 1), x1 + 0.1 * (x1 - x0 || 1)];
  const lows = points.map(({ found }) => found.low ?? found.mean),
    highs = points.map(({ found }) => found.high ?? found.mean);
  let [y0, y1] = [Math.min(...lows), Math.max(...highs)];
  [y0, y1] = [y0 - 0.06 * (y1 - y0 || 1), y1 + 0.06 * (y1 - y0 || 1)];
  const X = value => left + ((Math.log10(value) - x0) / (x1 - x0)) * (width - left - right);
  const Y = value => height - bottom - ((value - y0) / (y1 - y0)) * (height - top - bottom);
  const svg = shape("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `${metric().label} against ${title}`,
  });
  for (let tick = 0; tick <= 4; tick++) {
    const [y, x] = [y0 + (tick / 4) * (y1 - y0), 10 ** (x0 + (tick / 4) * (x1 - x0))];
    svg.append(
      shape("line", { x1: left, x2: width - right, y1: Y(y), y2: Y(y), class: "axis" }),
      shape("text", { x: left - 6, y: Y(y) + 4, "text-anchor": "end" }, y.toFixed(Math.min(2, metric().digits))),
      shape("text", { x: X(x), y: height - bottom + 16, "text-anchor": "middle" }, form(x)),
    );
  }
  svg.append(
    shape("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, `${title} (logarithmic)`),
  );
  const known = (one, other) => {
    // that the other is better
    const found = difference(state.metric, other.number, one.number);
    return found && found.p !== null && found.p < data.alpha && found.mean > 0 === (metric().better === "higher");
  };
  const beaten = one =>
    points.some(
      other => other.x <= one.x && (key !== "rtf" || other.row.device === one.row.device) && known(one, other),
    );
  for (const point of points) {
    const { x, found, row, number } = point;
    const mark = shape("g", { class: `${row.kind} ${beaten(point) ? "beaten" : "front"}`, "data-row": number });
    if (found.low !== null)
      mark.append(shape("line", { class: "bar-line", x1: X(x), x2: X(x), y1: Y(found.low), y2: Y(found.high) }));
    mark.append(
      shape("circle", { cx: X(x), cy: Y(found.mean), r: 4 }),
      shape("text", { x: X(x) + 6, y: Y(found.mean) - 5 }, String(number + 1)),
      shape(
        "title",
        {},
        `${row.name}\n${metric().label} ${digits(found.mean, metric().digits)}, ${title} ${form(x)}${key === "rtf" && row.device ? `, on ${row.device}` : ""}`,
      ),
    );
    svg.append(mark);
  }
  return element("figure", {}, element("figcaption", {}, `${heading(metric())} against ${title}`), svg);
}
