'use strict';

/*
 * Passkeys on our pages (WebAuthn Level 3), and the only script they have. Nothing is decided here: a button hands the
 * options that came with the page to the browser, and posts what the authenticator has answered with its form.
 *
 *   <button name="action" value="…" hidden data-passkey="get|create" data-passkey-options="{…}">
 *     in a form with a field `passkey`. `data-passkey-autofill`: passkeys are also offered where the user name is typed.
 *   <p role="status" data-passkey-status data-failed="…" data-exists="…">
 *     in that form: what it says when no passkey came, or when the authenticator has one already.
 *   <span data-passkey-signal='{"kind": "unknown|accepted|user", …}'>
 *     what the browser is told of its passkeys, where it listens (§5.1.10).
 *   <form data-passkey-offer>
 *     a browser that could keep a passkey says so in the cookie `gh_passkeys`.
 *
 * Where the browser cannot do this, buttons stay hidden, and with them whatever is `data-passkey-only`.
 */
(() => {
  const api = window.PublicKeyCredential;
  if (!api?.parseRequestOptionsFromJSON || !api.parseCreationOptionsFromJSON) return;

  const signals = {
    unknown: 'signalUnknownCredential',
    accepted: 'signalAllAcceptedCredentials',
    user: 'signalCurrentUserDetails',
  };
  // Less than a challenge lives (five minutes): the page is then asked for anew, and its options are taken from there.
  const freshMs = 240_000;
  let loaded = performance.now();
  let current = new AbortController();
  let renewal;

  async function optionsOf(button) {
    if (performance.now() - loaded > freshMs) {
      const answer = await fetch(location.href, { redirect: 'error' });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      loaded = performance.now();
      for (const old of document.querySelectorAll('[data-passkey]')) {
        const fresh = page.querySelector(`[data-passkey][value="${old.value}"]`);
        old.dataset.passkeyOptions = fresh?.dataset.passkeyOptions ?? '';
      }
    }
    return JSON.parse(button.dataset.passkeyOptions);
  }

  /** One ceremony; the one before it ends. */
  async function run(button, more = {}) {
    clearTimeout(renewal);
    current.abort();
    current = new AbortController();
    const { signal } = current;
    const isCreation = button.dataset.passkey === 'create';
    const options = await optionsOf(button);
    signal.throwIfAborted();
    const publicKey = isCreation ? api.parseCreationOptionsFromJSON(options) : api.parseRequestOptionsFromJSON(options);
    const credential = await navigator.credentials[isCreation ? 'create' : 'get']({ publicKey, signal, ...more });
    button.form.elements.namedItem('passkey').value = JSON.stringify(credential);
    button.form.requestSubmit(button);
  }

  function say(button, key) {
    const status = button.form.querySelector('[data-passkey-status]');
    if (status) status.textContent = key ? (status.dataset[key] ?? '') : '';
  }

  async function press(button) {
    say(button);
    button.setAttribute('aria-busy', 'true');
    try {
      await run(button);
    } catch (error) {
      // Given up, too late, or not possible. What is offered beside it still is.
      if (error.name !== 'AbortError') say(button, error.name === 'InvalidStateError' ? 'exists' : 'failed');
      if (button.hasAttribute('data-passkey-autofill')) autofill(button);
    } finally {
      button.removeAttribute('aria-busy');
    }
  }

  /** Offers passkeys among the names that the browser fills in. */
  async function autofill(button) {
    if (!(await api.isConditionalMediationAvailable?.())) return;
    run(button, { mediation: 'conditional' }).catch(() => {});
    renewal = setTimeout(() => autofill(button), freshMs + 1_000);
  }

  async function tellThatOneCouldBeKept() {
    if (/(^|; )gh_passkeys=/.test(document.cookie)) return;
    if (!(await api.isUserVerifyingPlatformAuthenticatorAvailable())) return;
    document.cookie = `gh_passkeys=can; SameSite=Lax${location.protocol === 'https:' ? '; Secure' : ''}`;
  }

  for (const element of document.querySelectorAll('[data-passkey-only]')) element.hidden = false;
  for (const button of document.querySelectorAll('[data-passkey]')) {
    button.hidden = false;
    button.addEventListener('click', (event) => {
      event.preventDefault();
      press(button);
    });
    if (button.hasAttribute('data-passkey-autofill')) autofill(button);
  }
  for (const { dataset } of document.querySelectorAll('[data-passkey-signal]')) {
    const { kind, ...about } = JSON.parse(dataset.passkeySignal);
    api[signals[kind]]?.(about).catch(() => {});
  }
  if (document.querySelector('[data-passkey-offer]')) tellThatOneCouldBeKept();
})();
