// ---- the rest -------------------------------------------------------------------------------------------------------

function origins() {
  at("origins").replaceChildren(
    ...group().rows.map((row, number) => {
      const facts = {
        recipe: row.recipe,
        "commands run in": row.work,
        directory: row.place,
        ...row.facts,
        ...row.settings,
      };
      return element(
        "details",
        {},
        element("summary", {}, element("b", {}, `${number + 1} ${row.name}`)),
        element(
          "div",
          { className: "body" },
          element(
            "dl",
            {},
            ...Object.entries(facts).flatMap(([name, fact]) => [
              element("dt", {}, name),
              element("dd", {}, element("code", {}, String(fact))),
            ]),
          ),
        ),
      );
    }),
  );
  at("definitions").replaceChildren(
    ...Object.values(group().metrics).flatMap(each => [
      element("dt", {}, heading(each)),
      element("dd", {}, `${each.definition}${each.unit ? ` (${each.unit})` : ""}`),
    ]),
  );
}

function scores() {
  overview();
  systems();
  plots();
  differences();
  utterances();
}

function enter(number) {
  close();
  Object.assign(state, { group: number, utterance: null });
  const names = Object.keys(group().metrics);
  if (!names.includes(state.metric)) state.metric = names[0];
  const rows = group().rows,
    recording = rows.findIndex(row => row.baseline === "recording"),
    model = rows.findIndex(row => row.kind !== "baseline");
  state.against = Math.max(0, recording);
  state.subject = model < 0 ? rows.length - 1 : model;
  choose(
    at("metric"),
    names.map(name => heading(group().metrics[name])),
    names.indexOf(state.metric),
  );
  choose(
    at("against"),
    rows.map(row => row.name),
    state.against,
  );
  choose(
    at("subject"),
    rows.map(row => row.name),
    state.subject,
  );
  at("apart").hidden = !group().apart;
  at("apart").textContent = group().apart ? `${group().title} is ${group().apart}.` : "";
  at("heading").textContent = "Choose an utterance";
  at("text").textContent = "";
  worstFirst();
  scores();
  origins();
}

choose(
  at("group"),
  data.groups.map(each => `${each.title} (${each.rows.length} systems, ${each.n} utterances)`),
  0,
);
at("group").addEventListener("change", event => enter(Number(event.target.value)));
at("metric").addEventListener("change", event => {
  state.metric = Object.keys(group().metrics)[event.target.value];
  worstFirst();
  scores();
  showScores();
});
at("against").addEventListener("change", event => {
  state.against = Number(event.target.value);
  differences();
  utterances();
});
at("subject").addEventListener("change", event => {
  state.subject = Number(event.target.value);
  utterances();
});
at("filter").addEventListener("input", event => {
  state.filter = words(event.target.value);
  scores();
});
at("filter").addEventListener("change", reopen);
at("find").addEventListener("input", event => {
  state.find = words(event.target.value);
  utterances();
});
at("play").addEventListener("click", () => (player.playing ? player.pause() : player.play()));
at("seek").addEventListener("input", event => player.seek(event.target.value * player.duration));
at("level").addEventListener("change", () => player.switchTo(player.current));
at("difference").addEventListener("change", paint);
function reopen() {
  if (state.utterance !== null) open(state.utterance, true);
}

document.addEventListener("keydown", event => {
  const { target, key } = event,
    here = target.closest(".listening") !== null;
  if (target.matches("input[type=search], select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === " " && target.matches("button, input, summary")) return; // they do it by themselves
  if ((key === " " || key.startsWith("Arrow")) && !(here && target.id !== "seek")) return; // elsewhere they scroll
  const place = player.voices.findIndex(voice => voice.number === player.current);
  const step = by => {
    const here = listed.findIndex(each => each.k === state.utterance),
      next = listed[here + by];
    if (next) open(next.k);
  };
  const voice = by =>
    player.voices.length &&
    player.switchTo(player.voices[(place + by + player.voices.length) % player.voices.length].number);
  const keys = {
    " ": () => (player.playing ? player.pause() : player.play()),
    ArrowLeft: () => player.seek(player.position() - 1),
    ArrowRight: () => player.seek(player.position() + 1),
    ArrowUp: () => voice(-1),
    ArrowDown: () => voice(1),
    n: () => step(1),
    p: () => step(-1),
  };
  if (/^[1-9]$/.test(key) && player.voices[key - 1]) player.switchTo(player.voices[key - 1].number);
  else if (keys[key] && (player.voices.length || /^[np]$/.test(key))) keys[key]();
  else return;
  event.preventDefault();
});

enter(0);
