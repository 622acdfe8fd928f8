import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { createAssets } from '../../src/http/assets.ts';

const assets = createAssets();

describe('the files of the pages', () => {
  it('are found by the name in their address, which changes with their content', () => {
    const [, name, version] = /^\/assets\/([\w.]+)\?v=([0-9a-f]{12})$/.exec(assets.href('gatehouse.css')) ?? [];
    const asset = assets.find(name!);
    expect(asset).to.include({ version, type: 'text/css; charset=utf-8' });
    expect(asset?.body).to.deep.equal(readFileSync('views/assets/gatehouse.css'));
    expect(gunzipSync(asset!.gzipped)).to.deep.equal(asset?.body);
  });

  it('are no others than those of the folder', () => {
    for (const name of ['../login.ejs', '../../package.json', '', '.', '__proto__', 'gatehouse.css/'])
      expect(assets.find(name)).to.equal(undefined);
    expect(() => assets.href('nothing.css')).to.throw('nothing.css');
  });
});
