/** The items in order, at most `size` at a time. */
export function* batchesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

/** What `read` gives, part by part, each behind the last item of the one before; until a part is smaller than `size`. */
export async function* partsOf<T>(size: number, read: (last: T | undefined) => Promise<T[]>): AsyncGenerator<T[]> {
  let last: T | undefined;
  for (;;) {
    const part = await read(last);
    yield part;
    if (part.length < size) return;
    last = part.at(-1);
  }
}
