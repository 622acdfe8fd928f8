import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** A file of the pages, in memory. */
export type Asset = {
  readonly body: Buffer;
  readonly gzipped: Buffer;
  /** Content-Type. */
  readonly type: string;
  /** Part of its address, so an address never changes its content: `Cache-Control: public, max-age=31536000, immutable`. */
  readonly version: string;
};

export type Assets = {
  /** The address of a file, version included. A file that does not exist is a bug and throws. */
  href(name: string): string;
  /** The file of that name, or undefined. Names are looked up, never joined to a path. */
  find(name: string): Asset | undefined;
};

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Reads the files that the pages are made with, once. */
export function createAssets(folder = 'views/assets'): Assets {
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(folder)) {
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    if (!type) continue;
    const body = readFileSync(join(folder, name));
    const version = createHash('sha256').update(body).digest('hex').slice(0, 12);
    assets.set(name, { body, gzipped: gzipSync(body, { level: 9 }), type, version });
  }
  return {
    find: (name) => assets.get(name),
    href(name) {
      const asset = assets.get(name);
      if (!asset) throw new Error(`there is no asset ${name}`);
      return `/assets/${name}?v=${asset.version}`;
    },
  };
}
