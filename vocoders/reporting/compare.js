"use strict";
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = id => document.getElementById(id);
  const state = { group: 0, metric: "", against: 0, subject: 0, utterance: null, filter: [], find: [] };
  const group = () => data.groups[state.group];
  const metric = () => group().metrics[state.metric];
  const heard = new Set(data.heard);

  // ---- small things -------------------------------------------------------------------------------------------------

  function element(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (value === null || value === undefined || value === false) continue;
      if (name in made && name !== "list") made[name] = value; else made.setAttribute(name, value);
    }
    made.append(...children.filter(child => child !== null && child !== undefined));
    return made;
  }
  const digits = (value, count) => value === null || value === undefined ? "–" : value.toFixed(count);
  const signed = (value, count) => (value >= 0 ? "+" : "−") + Math.abs(value).toFixed(count);
  const short = value => value === null ? "–" : Number(value.toPrecision(3)).toString();
  const minutes = seconds => seconds === null ? "–" : seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
  const arrow = definition => definition.better === "higher" ? "↑" : "↓";
  const heading = definition => `${definition.label} ${arrow(definition)}`;
  const words = text => text.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (text, wanted) => wanted.every(word => text.toLowerCase().includes(word));
  const visible = () => group().rows.map((row, number) => ({ row, number })).filter(({ row }) => matches(row.name, state.filter));

  /* A table whose headings sort. columns: {name, title, value(item), cell(item) -> node or text, chosen}; the first
     column is the row's heading. `sort` is kept between drawings: {column, down}. */
  function draw(table, columns, items, sort = {}, extra = () => ({})) {
    const known = columns.find(column => column.name === sort.column);
    if (known) {
      const rank = item => known.value(item);
      items = [...items].sort((one, other) => {
        const [a, b] = [rank(one), rank(other)];
        if (a === null || b === null || a === undefined || b === undefined) return (a === null || a === undefined) - (b === null || b === undefined);
        const order = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
        return sort.down ? -order : order;
      });
    }
    const heads = columns.map(column => {
      const button = element("button", { type: "button", title: column.title || "" }, column.name);
      button.addEventListener("click", () => {
        sort.down = sort.column === column.name ? !sort.down : false;
        sort.column = column.name;
        draw(table, columns, items, sort, extra);
        [...table.tHead.querySelectorAll("button")].find(each => each.textContent === column.name).focus();
      });
      const order = sort.column === column.name ? (sort.down ? "descending" : "ascending") : null;
      return element("th", { scope: "col", "aria-sort": order, className: column.chosen ? "chosen" : "" }, button);
    });
    const rows = items.map(item => element("tr", extra(item), ...columns.map((column, place) =>
      place ? element("td", { className: column.chosen ? "chosen" : "" }, column.cell(item)) : element("th", { scope: "row" }, column.cell(item)))));
    table.replaceChildren(element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
    return items;
  }

  function choose(select, texts, chosen) {
    select.replaceChildren(...texts.map((text, value) => element("option", { value: String(value), selected: value === chosen }, text)));
  }

  // ---- tables -------------------------------------------------------------------------------------------------------

  const sorts = { overview: {}, systems: {}, differences: {}, utterances: {} };

  function scoreCell(row, name, definition) {
    const found = row.means[name];
    if (!found || found.mean === null) return "–";
    const cell = element("span", {}, digits(found.mean, definition.digits));
    if (found.letters) cell.append(element("sup", {}, found.letters));
    if (found.low !== null) cell.append(element("small", {}, `± ${digits((found.high - found.low) / 2, definition.digits)}`));
    if (found.n !== group().n) cell.append(element("small", {}, `n = ${found.n}`));
    return cell;
  }

  const named = ({ row, number }) => element("span", {}, element("span", { className: "number" }, String(number + 1)),
    element("span", { className: `dot ${row.kind}` }), row.name);

  function systems() {
    const fact = (name, key, form, title) => ({ name, title, value: ({ row }) => row[key], cell: ({ row }) => row[key] === null ? "–" : form(row[key]) });
    const scores = Object.entries(group().metrics).map(([name, definition]) => ({
      name: heading(definition), title: `${definition.definition} ${definition.unit}`.trim(), chosen: name === state.metric,
      value: ({ row }) => row.means[name] ? row.means[name].mean : null, cell: ({ row }) => scoreCell(row, name, definition) }));
    const facts = [fact("RTF ↓", "rtf", short, "computing time over duration"), fact("parameters", "parameters", value => value.toLocaleString("en")),
      fact("training", "training_seconds", minutes), fact("steps", "train_steps", value => value.toLocaleString("en"))];
    const told = facts.filter(column => group().rows.some(row => column.value({ row }) !== null));
    draw(at("systems"), [{ name: "system", value: ({ row }) => row.name, cell: named }, ...scores, ...told], visible(), sorts.systems);
    const pairs = Object.values(group().differences)[0].length;
    at("legend").textContent = `${group().n} utterances; mean ± half-width of the 95 % interval. Systems that share a letter in a column are not known to differ there (paired bootstrap over utterances, Holm's correction over ${pairs} pairs). No single score ranks them. Click a heading to sort.`;
  }

  function overview() {
    if (!at("overview")) return;
    const names = [...new Set(data.groups.flatMap(each => each.rows.map(row => row.name)))].filter(name => matches(name, state.filter));
    const find = (each, name) => {
      const row = each.rows.find(other => other.name === name);
      return row && row.means[state.metric] ? row.means[state.metric] : null;
    };
    const columns = data.groups.map((each, place) => ({ name: each.title, title: each.apart || "", chosen: place === state.group,
      value: name => { const found = find(each, name); return found && found.mean; },
      cell: name => {
        const found = find(each, name);
        if (!found || found.mean === null) return "–";
        const count = each.metrics[state.metric].digits;
        return element("span", {}, digits(found.mean, count), found.low === null ? null : element("small", {}, `± ${digits((found.high - found.low) / 2, count)}`));
      } }));
    draw(at("overview"), [{ name: heading(metric()), value: name => name, cell: name => name }, ...columns], names, sorts.overview);
  }

  function difference(name, number, against) {
    const found = group().differences[name].find(each => each.rows.includes(number) && each.rows.includes(against));
    if (!found) return null;
    const sign = found.rows[0] === number ? 1 : -1;
    return { mean: sign * found.mean, half: found.low === null ? null : (found.high - found.low) / 2, p: found.p, n: found.n };
  }

  function differences() {
    const cell = (found, definition) => {
      if (!found) return "–";
      const certain = found.p !== null && found.p < data.alpha;
      const better = (found.mean > 0) === (definition.better === "higher");
      const text = `${certain ? "" : "≈ "}${signed(found.mean, definition.digits)}`;
      return element("span", { className: certain ? (better ? "better" : "worse") : "noise", title: found.p === null ? "too few utterances" : `p = ${short(found.p)} after Holm's correction, n = ${found.n}` },
        text, found.half === null ? null : element("small", {}, `± ${digits(found.half, definition.digits)}`));
    };
    const columns = Object.entries(group().metrics).map(([name, definition]) => ({ name: heading(definition), title: definition.definition, chosen: name === state.metric,
      value: ({ number }) => { const found = difference(name, number, state.against); return found && found.mean; },
      cell: ({ number }) => cell(difference(name, number, state.against), definition) }));
    draw(at("differences"), [{ name: "system", value: ({ row }) => row.name, cell: named }, ...columns], visible().filter(({ number }) => number !== state.against), sorts.differences);
  }

  // ---- plots --------------------------------------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";
  function shape(tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function plots() {
    const kinds = [["real-time factor", "rtf", short], ["parameters", "parameters", value => value >= 1e6 ? `${short(value / 1e6)} M` : short(value)], ["training", "training_seconds", minutes]];
    const drawn = kinds.map(([title, key, form]) => plot(title, key, form)).filter(Boolean);
    at("plots").replaceChildren(...(drawn.length ? drawn : ["Nothing is known of cost here."]));
  }

  function plot(title, key, form) {
    const points = visible().map(({ row, number }) => ({ x: row[key], found: row.means[state.metric], row, number }))
      .filter(({ x, found }) => x > 0 && found && found.mean !== null);
    if (points.length < 2) return null;
    const [width, height, left, right, top, bottom] = [440, 280, 46, 30, 10, 40];
    const logs = points.map(point => Math.log10(point.x));
    let [x0, x1] = [Math.min(...logs), Math.max(...logs)];
    [x0, x1] = [x0 - 0.1 * (x1 - x0 || 1), x1 + 0.1 * (x1 - x0 || 1)];
    const lows = points.map(({ found }) => found.low ?? found.mean), highs = points.map(({ found }) => found.high ?? found.mean);
    let [y0, y1] = [Math.min(...lows), Math.max(...highs)];
    [y0, y1] = [y0 - 0.06 * (y1 - y0 || 1), y1 + 0.06 * (y1 - y0 || 1)];
    const X = value => left + (Math.log10(value) - x0) / (x1 - x0) * (width - left - right);
    const Y = value => height - bottom - (value - y0) / (y1 - y0) * (height - top - bottom);
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${metric().label} against ${title}` });
    for (let tick = 0; tick <= 4; tick++) {
      const [y, x] = [y0 + tick / 4 * (y1 - y0), 10 ** (x0 + tick / 4 * (x1 - x0))];
      svg.append(shape("line", { x1: left, x2: width - right, y1: Y(y), y2: Y(y), class: "axis" }),
        shape("text", { x: left - 6, y: Y(y) + 4, "text-anchor": "end" }, y.toFixed(Math.min(2, metric().digits))),
        shape("text", { x: X(x), y: height - bottom + 16, "text-anchor": "middle" }, form(x)));
    }
    svg.append(shape("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, `${title} (logarithmic)`));
    const gain = metric().better === "higher" ? 1 : -1;
    const front = points.filter(one => !points.some(other => other !== one && other.x <= one.x && gain * other.found.mean >= gain * one.found.mean
      && (other.x < one.x || gain * other.found.mean > gain * one.found.mean))).sort((one, other) => one.x - other.x);
    svg.append(shape("polyline", { class: "front", points: front.map(({ x, found }) => `${X(x)},${Y(found.mean)}`).join(" ") }));
    for (const { x, found, row, number } of points) {
      const mark = shape("g", { class: row.kind });
      if (found.low !== null) mark.append(shape("line", { class: "bar-line", x1: X(x), x2: X(x), y1: Y(found.low), y2: Y(found.high) }));
      mark.append(shape("circle", { cx: X(x), cy: Y(found.mean), r: 4 }),
        shape("text", { x: X(x) + 6, y: Y(found.mean) - 5 }, String(number + 1)),
        shape("title", {}, `${row.name}\n${metric().label} ${digits(found.mean, metric().digits)}, ${title} ${form(x)}${key === "rtf" && row.device ? `, on ${row.device}` : ""}`));
      svg.append(mark);
    }
    return element("figure", {}, element("figcaption", {}, `${heading(metric())} against ${title}`), svg);
  }

  // ---- utterances ---------------------------------------------------------------------------------------------------

  let listed = [];
  function utterances() {
    const definition = metric(), count = definition.digits;
    const score = (number, k) => { const scores = group().rows[number].scores[state.metric]; return scores ? scores[k] : null; };
    const less = k => { const [a, b] = [score(state.subject, k), score(state.against, k)]; return a === null || b === null ? null : a - b; };
    const items = group().utterances.map((utterance, k) => ({ ...utterance, k }))
      .filter(each => matches(`${each.id} ${each.speaker || ""} ${each.text || ""}`, state.find));
    const columns = [
      { name: "utterance", value: each => each.id, cell: each => {
        const button = element("button", { type: "button" }, each.id);
        button.addEventListener("click", () => open(each.k));
        return element("span", {}, button, element("small", {}, [each.speaker, each.seconds && `${each.seconds.toFixed(1)} s`].filter(Boolean).join(", ")));
      } },
      { name: heading(definition), title: group().rows[state.subject].name, value: each => score(state.subject, each.k), cell: each => digits(score(state.subject, each.k), count) },
    ];
    if (state.subject !== state.against) columns.push({ name: "difference", title: `minus ${group().rows[state.against].name}`, value: each => less(each.k),
      cell: each => { const found = less(each.k); return found === null ? "–" : signed(found, count); } });
    listed = draw(at("utterances"), columns, items, sorts.utterances, each => ({ "aria-current": each.k === state.utterance ? "true" : null, "data-k": each.k }));
  }
  function worstFirst() {
    sorts.utterances = { column: heading(metric()), down: metric().better === "lower" };
  }

  // ---- waves: scripts beside the page, because a page opened as a file may load those and nothing else -----------------

  const arrived = new Map(), waiting = new Map();
  window.vocodersAudio = (key, waves) => {
    arrived.set(key, waves);
    if (waiting.has(key)) waiting.get(key)(waves);
    while (arrived.size > 12) arrived.delete(arrived.keys().next().value);
  };
  const embedded = new Set();
  function fetchWaves(key) {
    if (arrived.has(key)) return Promise.resolve(arrived.get(key));
    return new Promise((resolve, reject) => {
      waiting.set(key, resolve);
      const script = element("script", { src: `audio/${key}.js` });
      script.addEventListener("error", () => reject(new Error(`audio/${key}.js is not beside this page`)));
      script.addEventListener("load", () => script.remove());
      document.head.append(script);
    });
  }
  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer;
  const rateOf = content => { const b = new Uint8Array(content); return b[18] << 12 | b[19] << 4 | b[20] >> 4; }; // of FLAC's STREAMINFO

  // ---- player: all systems run at once, one is let through ------------------------------------------------------------

  const player = { context: null, voices: [], playing: false, offset: 0, began: 0, current: null, duration: 0, ticket: 0 };
  window.comparisonPlayer = player;

  player.position = () => player.playing ? Math.min(player.context.currentTime - player.began, player.duration) : player.offset;

  player.play = async () => {
    if (player.playing || !player.voices.length) return;
    await player.context.resume();
    if (player.offset >= player.duration - 0.01) player.offset = 0;
    const when = player.context.currentTime + 0.03;
    for (const voice of player.voices) {
      voice.gain = player.context.createGain();
      voice.gain.gain.value = voice.number === player.current ? loudness(voice) : 0;
      voice.gain.connect(player.context.destination);
      voice.source = player.context.createBufferSource();
      voice.source.buffer = voice.buffer;
      voice.source.connect(voice.gain);
      voice.source.start(when, player.offset);
    }
    player.began = when - player.offset;
    player.playing = true;
    at("play").textContent = "❚❚";
    at("play").setAttribute("aria-label", "pause");
    requestAnimationFrame(tick);
  };

  player.pause = () => {
    if (!player.playing) return;
    player.offset = Math.max(0, player.position());
    player.playing = false;
    for (const voice of player.voices) { voice.source.stop(); voice.source.disconnect(); voice.gain.disconnect(); }
    at("play").textContent = "▶";
    at("play").setAttribute("aria-label", "play");
    show();
  };

  player.seek = position => {
    const again = player.playing;
    player.pause();
    player.offset = Math.min(Math.max(position, 0), player.duration);
    show();
    return again ? player.play() : undefined;
  };

  player.switchTo = number => {
    if (!player.voices.some(voice => voice.number === number)) return;
    player.current = number;
    if (player.playing) for (const voice of player.voices) // 3 ms: no gap, no click
      voice.gain.gain.setTargetAtTime(voice.number === number ? loudness(voice) : 0, player.context.currentTime, 0.003);
    for (const voice of player.voices) {
      voice.card.dataset.current = voice.number === number;
      voice.card.firstChild.setAttribute("aria-pressed", voice.number === number);
    }
  };

  const loudness = voice => at("level").checked && voice.rms > 0 ? Math.min(player.rms / voice.rms, 1 / voice.peak) : 1;

  function tick() {
    if (!player.playing) return;
    show();
    if (player.position() < player.duration) return requestAnimationFrame(tick);
    player.pause();
    player.offset = 0;
    show();
    if (at("loop").checked) player.play();
  }

  function show() {
    const position = Math.max(0, player.position());
    at("seek").value = player.duration ? position / player.duration : 0;
    at("clock").textContent = `${position.toFixed(1)} of ${player.duration.toFixed(1)} s`;
    for (const voice of player.voices) voice.needle.style.left = `${100 * position / (player.duration || 1)}%`;
  }

  function close() {
    player.pause();
    player.ticket++;
    Object.assign(player, { voices: [], offset: 0, duration: 0 });
    at("voices").replaceChildren();
    at("play").disabled = at("seek").disabled = true;
    at("status").textContent = "";
  }

  async function open(k) {
    const wasPlaying = player.playing, before = player.current;
    close();
    const ticket = player.ticket, key = `${state.group}/${k}`, utterance = group().utterances[k];
    state.utterance = k;
    for (const row of at("utterances").tBodies[0].rows) row.toggleAttribute("aria-current", false);
    const row = at("utterances").querySelector(`tr[data-k="${k}"]`);
    if (row) { row.setAttribute("aria-current", "true"); row.scrollIntoView({ block: "nearest" }); }
    at("heading").textContent = utterance.id;
    at("text").textContent = [utterance.speaker, utterance.text].filter(Boolean).join(": ");
    if (!heard.has(key)) { at("status").textContent = "The audio of this utterance was not put beside this page (--utterances, --audio)."; return; }
    at("status").textContent = "loading …";
    let waves;
    try { waves = await fetchWaves(key); } catch (error) { if (ticket === player.ticket) at("status").textContent = `${error.message}; keep the folder audio and report.html together.`; return; }
    const wanted = visible().filter(({ number }) => waves[number] !== null && waves[number] !== undefined);
    if (!wanted.length) { at("status").textContent = "None of the systems that are shown has this utterance."; return; }
    const contents = wanted.map(({ number }) => bytes(waves[number]));
    const rate = rateOf(contents[0]);
    if (!player.context || player.context.sampleRate !== rate) {
      if (player.context) player.context.close();
      player.context = new AudioContext({ sampleRate: rate });
    }
    const buffers = await Promise.all(contents.map(content => player.context.decodeAudioData(content)));
    if (ticket !== player.ticket) return; // somebody went on to another utterance
    player.voices = wanted.map(({ row, number }, place) => voiceOf(row, number, place, buffers[place], k));
    player.duration = Math.max(...buffers.map(buffer => buffer.duration));
    player.rms = player.voices[0].rms;
    at("voices").replaceChildren(...player.voices.map(voice => voice.card));
    player.switchTo(player.voices.some(voice => voice.number === before) ? before : player.voices[0].number);
    at("play").disabled = at("seek").disabled = false;
    at("status").textContent = "";
    at("play").focus({ preventScroll: true });
    show();
    paint();
    if (wasPlaying) player.play();
  }

  function voiceOf(row, number, place, buffer, k) {
    const samples = buffer.getChannelData(0), scores = row.scores[state.metric];
    let energy = 0, peak = 1e-9;
    for (const sample of samples) { energy += sample * sample; peak = Math.max(peak, Math.abs(sample)); }
    const value = scores && scores[k] !== null ? `${metric().label} ${digits(scores[k], metric().digits)}` : "";
    const needle = element("i"), canvas = element("canvas", { width: 600, height: 120 });
    const picture = element("div", { className: "picture" }, canvas, needle);
    picture.addEventListener("click", event => player.seek((event.clientX - picture.getBoundingClientRect().left) / picture.clientWidth * player.duration));
    const button = element("button", { type: "button" }, element("span", {}, place < 9 ? element("kbd", {}, String(place + 1)) : null, ` ${row.name}`), element("span", {}, value));
    const card = element("div", { className: "voice" }, button, picture);
    button.addEventListener("click", () => player.switchTo(number));
    return { number, row, buffer, samples, rms: Math.sqrt(energy / samples.length), peak, card, needle, canvas, level: null };
  }

  // ---- spectrograms ---------------------------------------------------------------------------------------------------

  const SIZE = 1024, HALF = SIZE / 2;
  const WINDOW = Float32Array.from({ length: SIZE }, (_, n) => 0.5 - 0.5 * Math.cos(2 * Math.PI * n / SIZE));
  const TWIDDLE = Array.from({ length: HALF }, (_, n) => [Math.cos(2 * Math.PI * n / SIZE), -Math.sin(2 * Math.PI * n / SIZE)]);
  const REVERSED = Uint16Array.from({ length: SIZE }, (_, n) => parseInt(n.toString(2).padStart(10, "0").split("").reverse().join(""), 2));

  function transform(real, imaginary) { // radix 2, in place; the input is in bit-reversed order
    for (let span = 1; span < SIZE; span *= 2) {
      const stride = HALF / span;
      for (let start = 0; start < SIZE; start += 2 * span) for (let n = 0; n < span; n++) {
        const [c, s] = TWIDDLE[n * stride], a = start + n, b = a + span;
        const re = real[b] * c - imaginary[b] * s, im = real[b] * s + imaginary[b] * c;
        real[b] = real[a] - re; imaginary[b] = imaginary[a] - im;
        real[a] += re; imaginary[a] += im;
      }
    }
  }

  /* dB, one column of HALF / 4 bands (the strongest of four bins) per pixel */
  function levels(samples, width, duration, rate) {
    const bands = HALF / 4, level = new Float32Array(width * bands), real = new Float32Array(SIZE), imaginary = new Float32Array(SIZE);
    for (let x = 0; x < width; x++) {
      const start = Math.round((x + 0.5) / width * duration * rate) - HALF;
      for (let n = 0; n < SIZE; n++) { real[REVERSED[n]] = (samples[start + n] || 0) * WINDOW[n]; }
      imaginary.fill(0);
      transform(real, imaginary);
      for (let band = 0; band < bands; band++) {
        let power = 1e-14;
        for (let n = 4 * band; n < 4 * band + 4; n++) power = Math.max(power, real[n] * real[n] + imaginary[n] * imaginary[n]);
        level[x * bands + band] = 10 * Math.log10(power);
      }
    }
    return level;
  }

  async function paint() {
    const ticket = player.ticket, reference = player.voices.find(voice => voice.row.baseline === "recording") || player.voices[0];
    for (const voice of [reference, ...player.voices]) if (!voice.level) {
      voice.level = levels(voice.samples, voice.canvas.width, player.duration, player.context.sampleRate);
      await new Promise(resolve => setTimeout(resolve));
      if (ticket !== player.ticket) return;
    }
    let top = -Infinity;
    for (const value of reference.level) if (value > top) top = value;
    const floor = top - data.range_db, differ = at("difference").checked;
    for (const voice of player.voices) {
      const { canvas, level } = voice, context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height), bands = HALF / 4;
      for (let y = 0; y < canvas.height; y++) for (let x = 0; x < canvas.width; x++) {
        const cell = x * bands + Math.floor((1 - (y + 0.5) / canvas.height) * bands), to = 4 * (y * canvas.width + x);
        const colour = differ && voice !== reference
          ? diverging((Math.max(level[cell], floor) - Math.max(reference.level[cell], floor)) / 30)
          : data.colours[Math.min(255, Math.max(0, Math.round((level[cell] - floor) / data.range_db * 255)))];
        image.data.set(colour, to);
        image.data[to + 3] = 255;
      }
      context.putImageData(image, 0, 0);
    }
    if (player.voices.length > 1 && differ) at("status").textContent = `Red: more than ${reference.row.name}, blue: less; full colour at 30 dB.`;
    else if (at("status").textContent.startsWith("Red")) at("status").textContent = "";
    at("player").dataset.painted = differ ? "differences" : "levels";
  }
  function diverging(share) { // white at 0, red above, blue below
    const fade = Math.round(255 * (1 - Math.min(1, Math.abs(share))));
    return share > 0 ? [255, fade, fade] : [fade, fade, 255];
  }

  // ---- the rest -------------------------------------------------------------------------------------------------------

  function origins() {
    at("origins").replaceChildren(...group().rows.map((row, number) => {
      const facts = { directory: row.place, again: row.again, ...row.facts };
      return element("details", {}, element("summary", {}, element("b", {}, `${number + 1} ${row.name}`)),
        element("div", { className: "body" }, element("dl", {}, ...Object.entries(facts).flatMap(([name, fact]) => [element("dt", {}, name), element("dd", {}, element("code", {}, String(fact)))]))));
    }));
    at("definitions").replaceChildren(...Object.values(group().metrics).flatMap(each => [element("dt", {}, heading(each)), element("dd", {}, `${each.definition}${each.unit ? ` (${each.unit})` : ""}`)]));
  }

  function scores() { overview(); systems(); plots(); differences(); utterances(); }

  function enter(number) {
    close();
    Object.assign(state, { group: number, utterance: null });
    const names = Object.keys(group().metrics);
    if (!names.includes(state.metric)) state.metric = names[0];
    const rows = group().rows, recording = rows.findIndex(row => row.baseline === "recording"), model = rows.findIndex(row => row.kind !== "baseline");
    state.against = Math.max(0, recording);
    state.subject = model < 0 ? rows.length - 1 : model;
    choose(at("metric"), names.map(name => heading(group().metrics[name])), names.indexOf(state.metric));
    choose(at("against"), rows.map(row => row.name), state.against);
    choose(at("subject"), rows.map(row => row.name), state.subject);
    at("apart").hidden = !group().apart;
    at("apart").textContent = group().apart ? `${group().title} is ${group().apart}.` : "";
    at("heading").textContent = "Choose an utterance";
    at("text").textContent = "";
    worstFirst();
    scores();
    origins();
  }

  choose(at("group"), data.groups.map(each => `${each.title} (${each.rows.length} systems, ${each.n} utterances)`), 0);
  at("group").addEventListener("change", event => enter(Number(event.target.value)));
  at("metric").addEventListener("change", event => { state.metric = Object.keys(group().metrics)[event.target.value]; worstFirst(); scores(); reopen(); });
  at("against").addEventListener("change", event => { state.against = Number(event.target.value); differences(); utterances(); });
  at("subject").addEventListener("change", event => { state.subject = Number(event.target.value); utterances(); });
  at("filter").addEventListener("input", event => { state.filter = words(event.target.value); scores(); });
  at("filter").addEventListener("change", reopen);
  at("find").addEventListener("input", event => { state.find = words(event.target.value); utterances(); });
  at("play").addEventListener("click", () => player.playing ? player.pause() : player.play());
  at("seek").addEventListener("input", event => player.seek(event.target.value * player.duration));
  at("level").addEventListener("change", () => player.switchTo(player.current));
  at("difference").addEventListener("change", paint);
  function reopen() { if (state.utterance !== null) open(state.utterance); }

  document.addEventListener("keydown", event => {
    const typing = event.target.matches("input[type=search], select, textarea") || event.ctrlKey || event.metaKey || event.altKey;
    const pressing = event.target.matches("button, input, summary") && (event.key === " " || event.key.startsWith("Arrow"));
    const playing = event.target.id === "play" && event.key === " "; // the button does it by itself
    if (typing || playing || (pressing && !event.target.closest(".voice, #play"))) return;
    const place = player.voices.findIndex(voice => voice.number === player.current);
    const step = by => {
      const here = listed.findIndex(each => each.k === state.utterance), next = listed[here + by];
      if (next) open(next.k);
    };
    const voice = by => player.voices.length && player.switchTo(player.voices[(place + by + player.voices.length) % player.voices.length].number);
    const keys = { " ": () => player.playing ? player.pause() : player.play(), ArrowLeft: () => player.seek(player.position() - 1), ArrowRight: () => player.seek(player.position() + 1),
      ArrowUp: () => voice(-1), ArrowDown: () => voice(1), n: () => step(1), p: () => step(-1) };
    if (/^[1-9]$/.test(event.key) && player.voices[event.key - 1]) player.switchTo(player.voices[event.key - 1].number);
    else if (keys[event.key] && (player.voices.length || /^[np]$/.test(event.key))) keys[event.key]();
    else return;
    event.preventDefault();
  });

  enter(0);
}
