"use strict";
// Sound: how it is loaded, and how it plays.

const CROSSFADE = 0.01; // seconds
const waiting = new Map(); // name -> what to do with its text

function receive(name, text) {
  // called by audio/<name>.js: a page on a disk may load scripts, but not data
  waiting.get(name)(Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer);
}

function fetched(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const end = (settle, value) => {
      script.remove();
      waiting.delete(name);
      settle(value);
    };
    waiting.set(name, bytes => end(resolve, bytes));
    script.onerror = () => end(reject, new Error(`audio/${name}.js cannot be loaded; is the folder complete?`));
    script.src = `audio/${name}.js`;
    document.head.append(script);
  });
}

// Plays buffers of one length in step, of which one is heard: switching keeps the position to the sample.
class Player {
  constructor(context) {
    this.context = context;
    this.tracks = [];
    this.selected = 0;
    this.rest = 0; // position while nothing plays
    this.onend = () => {};
  }

  get playing() {
    return this.tracks.length > 0;
  }

  get duration() {
    return this.buffers[0].duration;
  }

  get position() {
    if (!this.playing) return this.rest;
    const since = Math.max(0, this.context.currentTime - this.origin);
    return this.loop ? since % this.duration : Math.min(since, this.duration);
  }

  load(buffers) {
    this.stop();
    this.buffers = buffers;
    this.rest = 0;
  }

  start(position = this.rest) {
    this.stop();
    const when = this.context.currentTime + 0.02;
    this.origin = when - position;
    this.tracks = this.buffers.map((buffer, at) => {
      const source = new AudioBufferSourceNode(this.context, { buffer, loop: this.loop });
      const gain = new GainNode(this.context, { gain: at === this.selected ? 1 : 0 });
      source.connect(gain).connect(this.context.destination);
      source.start(when, position);
      return { source, gain };
    });
    const tracks = this.tracks;
    tracks[0].source.onended = () => {
      if (tracks !== this.tracks) return;
      this.tracks = [];
      this.rest = 0;
      this.onend();
    };
  }

  stop() {
    this.rest = this.position;
    const tracks = this.tracks;
    this.tracks = [];
    tracks.forEach(({ source, gain }) => {
      source.stop();
      gain.disconnect();
    });
  }

  select(chosen) {
    this.selected = chosen;
    const now = this.context.currentTime;
    this.tracks.forEach(({ gain }, at) => {
      gain.gain.cancelScheduledValues(now);
      gain.gain.setValueAtTime(gain.gain.value, now);
      gain.gain.linearRampToValueAtTime(at === chosen ? 1 : 0, now + CROSSFADE);
    });
  }

  repeat(loop) {
    const position = this.position;
    this.loop = loop;
    if (this.playing) this.origin = this.context.currentTime - position;
    this.tracks.forEach(({ source }) => {
      source.loop = loop;
    });
  }
}
