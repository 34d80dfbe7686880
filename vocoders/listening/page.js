"use strict";
// A blind listening test.  TEST says what is on which screen; samples have names that tell nothing.

const TEST = JSON.parse(document.getElementById("test").textContent);
const $ = id => document.getElementById(id);

// What is kept: in this browser after every change, and in the file at the end

let session; // {test, listener, started, at, screens: {id: {ratings, plays, heard, seconds}}}
const place = listener => `listening/${TEST.test}/${listener}`;

function keep() {
  try {
    localStorage.setItem(place(session.listener), JSON.stringify(session));
    localStorage.setItem(`listening/${TEST.test}`, session.listener);
  } catch {
    $("trouble").textContent = "This browser keeps nothing: do not close the page before the end.";
  }
}

function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function result() {
  const screens = order.map(([id, names]) => {
    const { ratings, plays, seconds } = session.screens[id];
    return {
      id,
      training: screenOf[id].training,
      order: names,
      ratings,
      plays,
      seconds: Math.round(seconds * 10) / 10,
    };
  });
  const { test, listener, started, finished } = session;
  return { kind: "result of a listening test", test, mode: TEST.mode, listener, started, finished, screens };
}

// Screens

const screenOf = Object.fromEntries(TEST.screens.map(screen => [screen.id, screen]));
const TASKS = {
  mushra: "Rate every sample against the reference: one of them is the reference itself.",
  ab: "Which of the two sounds better?",
  mos: "How good does this sound?",
};
const KEYS = {
  mushra: {
    0: "play the reference",
    "1 to 9": "play a sample and go to its slider",
    "← →": "rate (PageUp, PageDown: in tens)",
  },
  ab: { "1, 2": "play A or B", "←": "A sounds better", "↓": "no preference", "→": "B sounds better" },
  mos: { "1 to 5": "rate", "← →": "change the rating" },
};
const CHOICES = { ArrowLeft: 0, ArrowDown: 1, ArrowRight: 2 }; // in ab
const LEAST = 1; // seconds of a MUSHRA sample that must have been heard; of others, all

let order, context, player, tracks, shown, since, ready;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function decoded(id) {
  const names = trackNames(id);
  return Promise.all(names.map(async name => context.decodeAudioData(await fetched(name))));
}

function trackNames(id) {
  const { reference } = screenOf[id];
  const items = order.find(([other]) => other === id)[1];
  return reference ? [reference, ...items] : items;
}

const loaded = new Map(); // screen -> promise of its buffers; of this and the next one only

function buffersOf(at) {
  for (const old of loaded.keys()) if (old < at) loaded.delete(old);
  if (!loaded.has(at)) loaded.set(at, decoded(order[at][0]));
  return loaded.get(at);
}

async function show() {
  const at = session.at;
  $("intro").hidden = true;
  $("screen").hidden = at === order.length;
  $("end").hidden = at < order.length;
  if (at === order.length) return $("end").querySelector("h2").focus();
  const id = order[at][0];
  const counted = order.filter(([other]) => !screenOf[other].training);
  const number = counted.findIndex(([other]) => other === id) + 1;
  $("heading").textContent = number ? `Screen ${number} of ${counted.length}` : "Practice: this does not count";
  Object.assign($("done"), { max: counted.length, value: Math.max(0, number - 1) });
  $("next").textContent = at === order.length - 1 ? "Finish" : "Next";
  tracks = trackNames(id);
  shown = session.screens[id] ??= { ratings: {}, plays: {}, heard: {}, seconds: 0 };
  ready = false;
  since = performance.now();
  $("samples").replaceChildren(...BUILD[TEST.mode](order[at][1], screenOf[id].reference));
  say("Loading …");
  $("heading").focus();
  try {
    player.load(await buffersOf(at));
  } catch (error) {
    say("");
    $("trouble").textContent = error.message;
    return;
  }
  player.selected = 0;
  ready = true;
  since = performance.now();
  say(number === 1 && at > 0 && !shown.seconds ? "Practice is over: from here on it counts." : "");
  paint();
  if (at + 1 < order.length) buffersOf(at + 1).catch(() => {}); // told when it is shown
}

const BUILD = {
  mushra: (items, reference) => [
    element("div", { className: "row" }, trackButton(reference, "Reference"), scaleNames()),
    ...items.map((name, at) => {
      const value = element("output", { textContent: shown.ratings[name] ?? "–" });
      const slider = element("input", { type: "range", min: 0, max: 100, step: 1, value: shown.ratings[name] ?? 0 });
      slider.setAttribute("aria-label", `Rating of sample ${at + 1}`);
      const tell = () => {
        const open = !(name in shown.ratings);
        slider.classList.toggle("open", open);
        slider.setAttribute("aria-valuetext", open ? "not rated" : `${slider.value}, ${regionOf(slider.value)}`);
      };
      const rate = () => {
        value.textContent = slider.value;
        rated(name, Number(slider.value));
        tell();
      };
      slider.addEventListener("input", rate);
      slider.addEventListener("pointerup", rate); // where it already stands, it is meant too
      slider.addEventListener("keyup", event => {
        if (/^(Arrow|Page|Home|End)/.test(event.key)) rate();
      });
      tell();
      return element("div", { className: "row" }, trackButton(name, `Sample ${at + 1}`), slider, value);
    }),
  ],
  ab: items => [
    element("div", { className: "pair" }, ...items.map((name, at) => trackButton(name, "AB"[at]))),
    choices("Your choice", [
      ["A", { [items[0]]: 1, [items[1]]: 0 }],
      ["No preference", { [items[0]]: 0.5, [items[1]]: 0.5 }],
      ["B", { [items[0]]: 0, [items[1]]: 1 }],
    ]),
  ],
  mos: items => [
    choices(
      "Quality",
      mosValues().map(value => [`${value} ${TEST.scale.names[value - 1] ?? ""}`, { [items[0]]: value }]),
    ),
  ],
};

function mosValues() {
  const { low, high, step } = TEST.scale;
  return Array.from({ length: (high - low) / step + 1 }, (_, at) => high - at * step);
}

function regionOf(value) {
  return TEST.scale.names[Math.min(4, Math.floor(value / 20))];
}

function scaleNames() {
  const names = element(
    "div",
    { className: "names" },
    ...TEST.scale.names.map(textContent => element("span", { textContent })),
  );
  names.setAttribute("aria-hidden", "true");
  return names;
}

function trackButton(name, label) {
  const button = element("button", { type: "button", textContent: label, onclick: () => choose(tracks.indexOf(name)) });
  button.dataset.track = tracks.indexOf(name);
  return button;
}

function choices(legend, options) {
  const labels = options.map(([text, ratings]) => {
    const checked = Object.keys(ratings).every(name => shown.ratings[name] === ratings[name]);
    const radio = element("input", { type: "radio", name: "choice", checked });
    radio.addEventListener("change", () => Object.entries(ratings).forEach(([name, value]) => rated(name, value)));
    return element("label", { className: "choice" }, radio, text);
  });
  const className = options.length === 3 ? "across" : "";
  return element("fieldset", { className }, element("legend", { textContent: legend }), ...labels);
}

function rated(name, value) {
  shown.ratings[name] = value;
  say("");
  account();
  keep();
}

// Playing

let frame;
let heardSince; // when the present sample began to be heard

function account() {
  // adds what has been heard and how long the screen has been there
  const now = performance.now();
  if (player.playing && heardSince !== undefined) {
    const name = tracks[player.selected];
    shown.heard[name] = (shown.heard[name] ?? 0) + (context.currentTime - heardSince);
  }
  heardSince = player.playing ? context.currentTime : undefined;
  shown.seconds += (now - since) / 1000;
  since = now;
}

function play(position) {
  context.resume();
  account();
  player.start(position);
  begun();
}

function begun() {
  const name = tracks[player.selected];
  shown.plays[name] = (shown.plays[name] ?? 0) + 1;
  heardSince = context.currentTime;
  say("");
  keep();
  paint();
}

function pause() {
  account();
  player.stop();
  heardSince = undefined;
  keep();
  paint();
}

function choose(track) {
  // to hear this one: in MUSHRA from where the other one is, else from the beginning
  if (!ready) return;
  account();
  const switching = player.playing && TEST.mode === "mushra";
  player.select(track);
  if (switching) begun();
  else play(TEST.mode === "mushra" ? player.rest : 0);
}

function toggle() {
  if (!ready) return;
  if (player.playing) pause();
  else play(player.rest);
}

function ended() {
  const name = tracks[player.selected];
  shown.heard[name] = (shown.heard[name] ?? 0) + (context.currentTime - heardSince);
  heardSince = undefined;
  account();
  keep();
  paint();
}

function paint() {
  const { duration, position } = player;
  $("play").textContent = player.playing ? "Pause" : "Play";
  $("place").max = duration;
  $("place").value = position;
  $("time").textContent = `${position.toFixed(1)} / ${duration.toFixed(1)} s`;
  document.querySelectorAll("[data-track]").forEach(button => {
    button.setAttribute("aria-pressed", player.playing && Number(button.dataset.track) === player.selected);
  });
  cancelAnimationFrame(frame);
  if (player.playing) frame = requestAnimationFrame(paint);
}

function say(text) {
  $("message").textContent = text;
}

// Going on

function missing() {
  // [what is missing in words, where to go for it], or nothing
  const items = order[session.at][1];
  const needed = TEST.mode === "mushra" ? Math.min(LEAST, player.duration) : player.duration;
  const lacking = test => items.flatMap((name, at) => (test(name) ? [at] : []));
  const unheard = lacking(name => (shown.heard[name] ?? 0) < needed - 0.1);
  const reference = screenOf[order[session.at][0]].reference;
  if (reference && (shown.heard[reference] ?? 0) < needed - 0.1) {
    return ["Please listen to the reference first.", buttonOf(reference)];
  }
  const unrated = lacking(name => !(name in shown.ratings));
  if (unheard.length) return [`Please listen to ${named(unheard)} first.`, buttonOf(items[unheard[0]])];
  const please = TEST.mode === "mushra" ? `Please rate ${named(unrated)} first.` : "Please choose first.";
  if (unrated.length) return [please, $("samples").querySelectorAll("input")[unrated[0]]];
}

function named(places) {
  // which samples, in words
  if (TEST.mode === "mos") return "the sample (to its end)";
  if (TEST.mode === "ab") return `${places.map(at => "AB"[at]).join(" and ")} (to the end)`;
  return `sample${places.length > 1 ? "s" : ""} ${places.map(at => at + 1).join(", ")}`;
}

function buttonOf(name) {
  return document.querySelector(`[data-track="${tracks.indexOf(name)}"]`) ?? $("play");
}

function next() {
  if (!ready) return;
  account();
  const lacks = missing();
  if (lacks) {
    say(lacks[0]);
    lacks[1].focus();
    return;
  }
  pause();
  ready = false;
  session.at++;
  if (session.at === order.length) session.finished = new Date().toISOString();
  keep();
  show();
}

function download() {
  const blob = new Blob([JSON.stringify(result(), null, 2) + "\n"], { type: "application/json" });
  const link = element("a", { href: URL.createObjectURL(blob), download: `${TEST.test}-${session.listener}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function begin(event) {
  event.preventDefault();
  const listener = $("listener").value;
  const old = kept(place(listener));
  session = old
    ? JSON.parse(old)
    : { test: TEST.test, listener, started: new Date().toISOString(), at: 0, screens: {} };
  order = presentation(TEST.seed, listener, TEST.mode, TEST.screens);
  try {
    context ??= new AudioContext({ sampleRate: TEST.rate });
  } catch {
    context = new AudioContext(); // a browser that takes no rate resamples
  }
  player = new Player(context);
  player.onend = ended;
  player.loop = $("loop").checked;
  $("task").textContent = TASKS[TEST.mode];
  const keys = { space: "play, pause", ...KEYS[TEST.mode], Enter: "next screen" };
  $("keys").replaceChildren(
    ...Object.entries(keys).flatMap(([key, what]) => [
      element("dt", { textContent: key }),
      element("dd", { textContent: what }),
    ]),
  );
  keep();
  show();
}

function pressed(event) {
  const { target, key } = event;
  if ($("screen").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  const native = target.matches("button, summary, [type=checkbox]");
  if (key === " " && !native && !target.matches("[type=radio]:not(:checked)")) toggle();
  else if (key === "Enter" && !native) next();
  else if (/^\d$/.test(key)) digit(Number(key));
  else if (TEST.mode === "ab" && key in CHOICES && target !== $("place")) radio(CHOICES[key]);
  else return;
  event.preventDefault();
}

function digit(number) {
  if (!ready) return;
  if (TEST.mode === "mos") {
    if (mosValues().includes(number)) radio(mosValues().indexOf(number));
    return;
  }
  const track = TEST.mode === "mushra" ? number : number - 1;
  if (track < 0 || track >= tracks.length) return;
  choose(track);
  if (TEST.mode === "mushra")
    (number ? $("samples").querySelectorAll("input")[number - 1] : buttonOf(tracks[0])).focus();
}

function radio(number) {
  const input = $("samples").querySelectorAll("input")[number];
  input.focus();
  input.click();
}

$("intro").addEventListener("submit", begin);
$("listener").value = kept(`listening/${TEST.test}`) ?? "";
$("play").addEventListener("click", toggle);
$("next").addEventListener("click", next);
$("download").addEventListener("click", download);
$("loop").addEventListener("change", () => player.repeat($("loop").checked));
$("place").addEventListener("input", () => {
  if (!ready) return;
  const position = Number($("place").value);
  if (player.playing) play(position);
  else {
    player.rest = position;
    paint();
  }
});
document.addEventListener("keydown", pressed);
addEventListener("pagehide", () => {
  if (session && ready) {
    account();
    keep();
  }
});
