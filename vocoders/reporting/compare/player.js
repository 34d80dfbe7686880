// ---- waves: scripts beside the page, because a page opened as a file may load those and nothing else -----------------

const MOST = 12; // utterances whose waves are kept in memory
const embedded = new Map(),
  arrived = new Map(),
  waiting = new Map();
window.vocodersAudio = (name, waves) => {
  if (!waiting.has(name)) return embedded.set(name, waves);
  arrived.set(name, waves);
  while (arrived.size > MOST) arrived.delete(arrived.keys().next().value);
  waiting.get(name)(waves);
  waiting.delete(name);
};
function fetchWaves(name) {
  const there = embedded.get(name) || arrived.get(name);
  if (there) return Promise.resolve(there);
  return new Promise((resolve, reject) => {
    waiting.set(name, resolve);
    const script = element("script", { src: `audio/${name}.js` });
    script.addEventListener("error", () => reject(new Error(`audio/${name}.js is not beside this page`)));
    script.addEventListener("load", () => script.remove());
    document.head.append(script);
  });
}
const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer;
const rateOf = content => {
  const b = new Uint8Array(content);
  return (b[18] << 12) | (b[19] << 4) | (b[20] >> 4);
}; // of FLAC's STREAMINFO

// ---- player: all systems run at once, one is let through ------------------------------------------------------------

const player = {
  context: null,
  voices: [],
  playing: false,
  starting: false,
  offset: 0,
  began: 0,
  current: null,
  duration: 0,
  ticket: 0,
};
window.comparisonPlayer = player;

player.position = () =>
  player.playing ? Math.min(player.context.currentTime - player.began, player.duration) : player.offset;

player.play = async () => {
  if (player.playing || player.starting || !player.voices.length) return;
  const { ticket } = player;
  player.starting = true;
  await player.context.resume();
  if (!player.starting || ticket !== player.ticket) return; // paused, or gone on to another utterance, meanwhile
  player.starting = false;
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
  player.starting = false;
  if (!player.playing) return;
  player.offset = Math.max(0, player.position());
  player.playing = false;
  for (const voice of player.voices) {
    voice.source.stop();
    voice.source.disconnect();
    voice.gain.disconnect();
  }
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
  if (player.playing)
    for (const voice of player.voices)
      // 3 ms: no gap, no click
      voice.gain.gain.setTargetAtTime(voice.number === number ? loudness(voice) : 0, player.context.currentTime, 0.003);
  for (const voice of player.voices) {
    voice.card.dataset.current = voice.number === number;
    voice.card.firstChild.setAttribute("aria-pressed", voice.number === number);
  }
};

const loudness = voice => (at("level").checked && voice.rms > 0 ? Math.min(player.rms / voice.rms, 1 / voice.peak) : 1);

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
  for (const voice of player.voices) voice.needle.style.left = `${(100 * position) / (player.duration || 1)}%`;
}

function close() {
  player.pause();
  player.ticket++;
  Object.assign(player, { voices: [], offset: 0, duration: 0 });
  at("voices").replaceChildren();
  delete at("player").dataset.painted;
  at("play").disabled = at("seek").disabled = true;
  at("status").textContent = "";
}

/* Opens an utterance. With `stay`, it is the same one again: position and focus stay. */
async function open(k, stay = false) {
  const wasPlaying = player.playing,
    before = player.current,
    offset = stay ? player.position() : 0;
  close();
  const ticket = player.ticket,
    name = data.heard[`${state.group}/${k}`],
    utterance = group().utterances[k];
  state.utterance = k;
  for (const row of at("utterances").tBodies[0].rows) row.toggleAttribute("aria-current", false);
  const row = at("utterances").querySelector(`tr[data-k="${k}"]`);
  if (row) {
    row.setAttribute("aria-current", "true");
    row.scrollIntoView({ block: "nearest" });
  }
  at("heading").textContent = utterance.id;
  at("text").textContent = [utterance.speaker, utterance.text].filter(Boolean).join(": ");
  if (!name) {
    at("status").textContent = "The audio of this utterance was not put beside this page (--utterances, --audio).";
    return;
  }
  at("status").textContent = "loading …";
  let waves;
  try {
    waves = await fetchWaves(name);
  } catch (error) {
    if (ticket === player.ticket)
      at("status").textContent = `${error.message}; keep the folder audio and report.html together.`;
    return;
  }
  if (ticket !== player.ticket) return;
  const wanted = visible().filter(({ number }) => waves[number] !== null && waves[number] !== undefined);
  if (!wanted.length) {
    at("status").textContent = "None of the systems that are shown has this utterance.";
    return;
  }
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
  player.offset = Math.max(0, Math.min(offset, player.duration));
  if (!stay) at("play").focus({ preventScroll: true });
  show();
  paint();
  if (wasPlaying) player.play();
}

function voiceOf(row, number, place, buffer, k) {
  const samples = buffer.getChannelData(0);
  let energy = 0,
    peak = 1e-9;
  for (const sample of samples) {
    energy += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  const needle = element("i"),
    canvas = element("canvas", { width: 600, height: 120 });
  const picture = element("div", { className: "picture" }, canvas, needle);
  picture.addEventListener("click", event =>
    player.seek(((event.clientX - picture.getBoundingClientRect().left) / picture.clientWidth) * player.duration),
  );
  const button = element(
    "button",
    { type: "button" },
    element("span", {}, place < 9 ? element("kbd", {}, String(place + 1)) : null, ` ${row.name}`),
    element("span", {}, scoreWords(row, k)),
  );
  const card = element("div", { className: "voice" }, button, picture);
  button.addEventListener("click", () => player.switchTo(number));
  return {
    number,
    row,
    buffer,
    samples,
    rms: Math.sqrt(energy / samples.length),
    peak,
    card,
    needle,
    canvas,
    level: null,
  };
}

function scoreWords(row, k) {
  const scores = row.scores[state.metric];
  return scores && scores[k] !== null ? `${metric().label} ${digits(scores[k], metric().digits)}` : "";
}

function showScores() {
  for (const voice of player.voices)
    voice.card.firstChild.lastChild.textContent = scoreWords(voice.row, state.utterance);
}
