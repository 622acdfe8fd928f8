/**
 * The core tells its notices on the console, once a process: that it does not know the runtime's release line, that a
 * body was parsed before it (we do, on purpose). They are not for an operator's log. Imported before the core.
 */
for (const level of ['info', 'warn'] as const) {
  const print = console[level].bind(console);
  console[level] = (...values: unknown[]) => {
    if (!String(values[0]).includes('oidc-provider ')) print(...values);
  };
}
