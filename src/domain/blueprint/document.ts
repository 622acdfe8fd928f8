/** Without what is not there: null, and lists that are empty. Keys keep their order. */
export function compact<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(
      ([, item]) => item !== null && item !== undefined && !(Array.isArray(item) && item.length === 0),
    ),
  ) as T;
}

/** By code units, so that the order is the same whatever the database collates by. */
export const by =
  <T>(keyOf: (item: T) => string) =>
  (a: T, b: T) =>
    keyOf(a) < keyOf(b) ? -1 : 1;
