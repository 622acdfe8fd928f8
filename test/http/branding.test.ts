import { expect } from 'chai';
import fc from 'fast-check';
import {
  type BrandTokens,
  brandCss,
  brandHref,
  contrast,
  readableOn,
  readBrandQuery,
} from '../../src/http/branding.ts';
import { Failure } from '../../src/kernel/failure.ts';

const color = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, '0')}`);

/** The custom properties of a stylesheet, in light and in dark. */
function properties(css: string): [light: Map<string, string>, dark: Map<string, string>] {
  const [light = '', dark = ''] = [...css.matchAll(/:root\{([^}]*)\}/g)].map(([, body]) => body);
  const read = (body: string) => new Map(body.split(';').map((line) => line.slice(2).split(':') as [string, string]));
  return [read(light), read(dark)];
}

function expectRefusal(code: string, work: () => unknown): void {
  expect(work).to.throw(Failure).with.property('code', code);
}

describe('contrast', () => {
  it('is that of WCAG', () => {
    expect(contrast('#000000', '#ffffff')).to.equal(21);
    expect(contrast('#777777', '#ffffff')).to.be.closeTo(4.48, 0.01);
    expect(contrast('#2347c5', '#2347c5')).to.equal(1);
  });

  it('of the text chosen for a colour is at least 4.5, for every colour', () => {
    fc.assert(fc.property(color, (background) => contrast(readableOn(background), background) >= 4.5));
  });
});

describe("a tenant's stylesheet", () => {
  it('can be read in light and in dark, whatever colours the tenant chose', () => {
    fc.assert(
      fc.property(color, color, color, (primaryColor, accentColor, backgroundColor) => {
        for (const [index, found] of properties(brandCss({ primaryColor, accentColor, backgroundColor })).entries()) {
          const surface = index === 0 ? '#ffffff' : '#161920';
          expect(contrast(found.get('on-primary')!, found.get('primary')!)).to.be.at.least(4.5);
          expect(contrast(found.get('on-primary')!, found.get('primary-hover')!)).to.be.at.least(4.5);
          expect(contrast(found.get('accent')!, surface)).to.be.at.least(4.5);
          expect(contrast(found.get('primary-edge')!, surface)).to.be.at.least(3);
          expect(contrast(found.get('on-backdrop')!, found.get('backdrop')!)).to.be.at.least(4.5);
        }
      }),
    );
  });

  it('keeps the colours of the tenant where they can be read', () => {
    const [light] = properties(brandCss({ primaryColor: '#0F766E', backgroundColor: '#eef5f3', radius: 6 }));
    expect(Object.fromEntries(light)).to.include({
      primary: '#0f766e',
      'on-primary': '#ffffff',
      accent: '#0f766e',
      backdrop: '#eef5f3',
      radius: '6px',
    });
  });

  it('does not glare at night', () => {
    const [, dark] = properties(brandCss({ backgroundColor: '#ffffff' }));
    expect(contrast(dark.get('backdrop')!, '#000000')).to.be.below(1.5);
  });

  it('takes nothing that is not exactly a colour', () => {
    const bad = [
      'red',
      '#fff',
      '#12345g',
      '#123456;}body{display:none',
      'url(//x)',
      '#123456\n',
      '',
      'var(--x)',
      ' #123456',
      5,
      null,
      ['#123456'],
    ];
    for (const primaryColor of bad) {
      expectRefusal('invalid_input', () => brandCss({ primaryColor } as unknown as BrandTokens));
      expectRefusal('invalid_input', () => brandHref({ backgroundColor: primaryColor } as unknown as BrandTokens));
    }
  });

  it('takes a radius of 0 to 24 whole pixels', () => {
    expect(brandCss({ radius: 24 })).to.include('--radius:24px');
    for (const radius of [-1, 25, 1.5, Number.NaN, '6'])
      expectRefusal('invalid_input', () => brandCss({ radius } as BrandTokens));
  });
});

describe("the address of a tenant's stylesheet", () => {
  it('holds its tokens', () => {
    const tokens = { primaryColor: '#0f766e', accentColor: '#112233', backgroundColor: '#eef5f3', radius: 6 };
    const href = brandHref(tokens);
    expect(href).to.equal('/assets/brand.css?primaryColor=0f766e&accentColor=112233&backgroundColor=eef5f3&radius=6');
    expect(readBrandQuery(href.slice(href.indexOf('?')))).to.deep.equal(tokens);
  });

  it('holds nothing else', () => {
    for (const query of [
      '?x=1',
      '?radius=6&radius=7',
      '?primaryColor=%230f766e',
      '?radius=-1',
      '?radius=1e1',
      '?__proto__=1',
    ]) {
      expectRefusal('invalid_input', () => readBrandQuery(query));
    }
  });
});
