/*
 * Answers the proof of work of a form (ALTCHA, version 2) while the person fills it in: PBKDF2 by the browser's own Web
 * Crypto, and nothing else. Without this script, or where there is no Web Crypto, the form goes out without an answer.
 */
(() => {
  'use strict';
  const form = document.querySelector('form[data-captcha-challenge]');
  const status = form?.querySelector('[data-captcha-status]');
  if (!form || !status || !window.crypto?.subtle) return;

  const AT_ONCE = 16;
  const challenge = JSON.parse(form.dataset.captchaChallenge);
  const { nonce, salt, keyPrefix, keyLength, cost } = challenge.parameters;
  const bytesOf = (hex) => Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
  const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const rules = { name: 'PBKDF2', hash: 'SHA-256', salt: bytesOf(salt), iterations: cost };
  const start = bytesOf(nonce);

  /** What the work gives for one counter. */
  async function derive(counter) {
    const password = new Uint8Array(start.length + 4);
    password.set(start);
    new DataView(password.buffer).setUint32(start.length, counter);
    const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
    return hexOf(new Uint8Array(await crypto.subtle.deriveBits(rules, key, keyLength * 8)));
  }

  async function solve() {
    for (let first = 0; ; first += AT_ONCE) {
      const keys = await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => derive(first + at)));
      const at = keys.findIndex((key) => key.startsWith(keyPrefix));
      if (at !== -1) return { counter: first + at, derivedKey: keys[at] };
    }
  }

  let waiting;
  let isSolved = false;
  form.addEventListener('submit', (event) => {
    if (isSolved) return;
    event.preventDefault();
    waiting = event.submitter;
    status.textContent = status.dataset.working;
  });

  solve()
    .then((solution) => {
      form.elements.captcha.value = btoa(JSON.stringify({ challenge, solution }));
    })
    // What could not be solved goes out without an answer, as it does without this script.
    .catch(() => {})
    .then(() => {
      isSolved = true;
      status.textContent = '';
      if (waiting !== undefined) form.requestSubmit(waiting);
    });
})();
