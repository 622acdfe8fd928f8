import type { Middleware } from 'koa';
import { Failure } from '../kernel/failure.ts';
import type { Assets } from './assets.ts';
import { brandCss, readBrandQuery } from './branding.ts';

const FOREVER = 'public, max-age=31536000, immutable';

/** `/assets/…`: the files of the pages, and the stylesheet of a tenant's colours, which its address spells out. */
export function serveAssets(assets: Assets): Middleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/assets/') || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
    const name = ctx.path.slice('/assets/'.length);
    if (name === 'brand.css') {
      try {
        ctx.body = brandCss(readBrandQuery(ctx.querystring));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        ctx.status = 404;
        return;
      }
      ctx.type = 'text/css';
      ctx.set('cache-control', FOREVER);
      return;
    }
    const asset = assets.find(name);
    if (!asset) return next();
    ctx.set('content-type', asset.type);
    ctx.set('cache-control', ctx.query['v'] === asset.version ? FOREVER : 'public, max-age=300');
    ctx.vary('accept-encoding');
    const zipped = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
    if (zipped) ctx.set('content-encoding', 'gzip');
    ctx.body = zipped ? asset.gzipped : asset.body;
  };
}
