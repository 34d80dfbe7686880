"use strict";
// The order, as in order.py

function presentation(seed, listener, mode, screens) {
  const training = screens.filter(screen => screen.training);
  const counted = screens.filter(screen => !screen.training);
  const reverse = mode === "ab" && draw(seed, listener, "reverse", 0) % 2 === 1;
  const order = screen => {
    if (mode === "mushra") return shuffled(screen.items, seed, listener, screen.id);
    return reverse ? [...screen.items].reverse() : [...screen.items];
  };
  return [...training, ...shuffled(counted, seed, listener, "screens")].map(screen => [screen.id, order(screen)]);
}

function shuffled(things, seed, listener, purpose) {
  const order = [...things];
  for (let last = order.length - 1; last > 0; last--) {
    const chosen = Math.floor((draw(seed, listener, purpose, last) * (last + 1)) / 2 ** 32);
    [order[last], order[chosen]] = [order[chosen], order[last]];
  }
  return order;
}

function draw(seed, listener, purpose, number) {
  return finalized(fnv1a(`${seed}/${listener}/${purpose}`) + Math.imul(number, 0x9e3779b9));
}

function fnv1a(text) {
  return new TextEncoder().encode(text).reduce((value, byte) => Math.imul(value ^ byte, 0x01000193), 0x811c9dc5);
}

function finalized(value) {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
