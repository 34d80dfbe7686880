// ---- spectrograms ---------------------------------------------------------------------------------------------------

const SIZE = 1024,
  HALF = SIZE / 2;
const WINDOW = Float32Array.from({ length: SIZE }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / SIZE));
const TWIDDLE = Array.from({ length: HALF }, (_, n) => [
  Math.cos((2 * Math.PI * n) / SIZE),
  -Math.sin((2 * Math.PI * n) / SIZE),
]);
const REVERSED = Uint16Array.from({ length: SIZE }, (_, n) =>
  parseInt(n.toString(2).padStart(10, "0").split("").reverse().join(""), 2),
);

function transform(real, imaginary) {
  // radix 2, in place; the input is in bit-reversed order
  for (let span = 1; span < SIZE; span *= 2) {
    const stride = HALF / span;
    for (let start = 0; start < SIZE; start += 2 * span)
      for (let n = 0; n < span; n++) {
        const [c, s] = TWIDDLE[n * stride],
          a = start + n,
          b = a + span;
        const re = real[b] * c - imaginary[b] * s,
          im = real[b] * s + imaginary[b] * c;
        real[b] = real[a] - re;
        imaginary[b] = imaginary[a] - im;
        real[a] += re;
        imaginary[a] += im;
      }
  }
}

/* dB, one column of HALF / 4 bands (the strongest of four bins) per pixel */
function levels(samples, width, duration, rate) {
  const bands = HALF / 4,
    level = new Float32Array(width * bands),
    real = new Float32Array(SIZE),
    imaginary = new Float32Array(SIZE);
  for (let x = 0; x < width; x++) {
    const start = Math.round(((x + 0.5) / width) * duration * rate) - HALF;
    for (let n = 0; n < SIZE; n++) {
      real[REVERSED[n]] = (samples[start + n] || 0) * WINDOW[n];
    }
    imaginary.fill(0);
    transform(real, imaginary);
    for (let band = 0; band < bands; band++) {
      let power = 1e-14;
      for (let n = 4 * band; n < 4 * band + 4; n++)
        power = Math.max(power, real[n] * real[n] + imaginary[n] * imaginary[n]);
      level[x * bands + band] = 10 * Math.log10(power);
    }
  }
  return level;
}

async function paint() {
  if (!player.voices.length) return;
  const ticket = player.ticket,
    reference = player.voices.find(voice => voice.row.baseline === "recording") || player.voices[0];
  for (const voice of [reference, ...player.voices])
    if (!voice.level) {
      voice.level = levels(voice.samples, voice.canvas.width, player.duration, player.context.sampleRate);
      await new Promise(resolve => setTimeout(resolve));
      if (ticket !== player.ticket) return;
    }
  let top = -Infinity;
  for (const value of reference.level) if (value > top) top = value;
  const floor = top - data.range_db,
    differ = at("difference").checked;
  for (const voice of player.voices) {
    const { canvas, level } = voice,
      context = canvas.getContext("2d"),
      image = context.createImageData(canvas.width, canvas.height),
      bands = HALF / 4;
    for (let y = 0; y < canvas.height; y++)
      for (let x = 0; x < canvas.width; x++) {
        const cell = x * bands + Math.floor((1 - (y + 0.5) / canvas.height) * bands),
          to = 4 * (y * canvas.width + x);
        const colour =
          differ && voice !== reference
            ? diverging((Math.max(level[cell], floor) - Math.max(reference.level[cell], floor)) / 30)
            : data.colours[Math.min(255, Math.max(0, Math.round(((level[cell] - floor) / data.range_db) * 255)))];
        image.data.set(colour, to);
        image.data[to + 3] = 255;
      }
    context.putImageData(image, 0, 0);
  }
  if (player.voices.length > 1 && differ)
    at("status").textContent = `Red: more than ${reference.row.name}, blue: less; full colour at 30 dB.`;
  else if (at("status").textContent.startsWith("Red")) at("status").textContent = "";
  at("player").dataset.painted = differ ? "differences" : "levels";
}
function diverging(share) {
  // white at 0, red above, blue below
  const fade = Math.round(255 * (1 - Math.min(1, Math.abs(share))));
  return share > 0 ? [255, fade, fade] : [fade, fade, 255];
}
