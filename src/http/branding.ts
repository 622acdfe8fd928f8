import { Failure } from '../kernel/failure.ts';

/** The look of a tenant's pages. What is not set is the house's own. Colours are `#rrggbb`. */
export type BrandTokens = {
  /** Buttons. */
  readonly primaryColor?: string | undefined;
  /** Links, marks and the ring around what has the focus; as `primaryColor` when it is not set. */
  readonly accentColor?: string | undefined;
  /** Behind the card, on wide screens. */
  readonly backgroundColor?: string | undefined;
  /** Corner radius of buttons and fields, in CSS pixels: a whole number, 0 to 24. */
  readonly radius?: number | undefined;
};

type Rgb = readonly [number, number, number];

const COLOR = /^#[0-9a-f]{6}$/i;
const COLOR_TOKENS = ['primaryColor', 'accentColor', 'backgroundColor'] as const;
const MAX_RADIUS = 24;
const TEXT_CONTRAST = 4.5; // WCAG 2.2, 1.4.3
const EDGE_CONTRAST = 3; // WCAG 2.2, 1.4.11
/** The card's colour in gatehouse.css (`--surface`), by which the contrast is reckoned. */
const SURFACE = { light: '#ffffff', dark: '#161920' } as const;
const DARK_BACKDROP = '#0c0e13';
/** The house's own colours, as gatehouse.css has them. */
const HOUSE = { primary: '#2347c5', backdrop: '#f2f3f7' } as const;

/**
 * The tenant's stylesheet, which follows gatehouse.css: custom properties only, for light and dark. Text on a colour, and
 * a colour used as text, is made readable here, whatever the tenant chose.
 *
 * @throws Failure `invalid_input` for a token that is not exactly a colour, or a radius out of bounds
 */
export function brandCss(tokens: BrandTokens): string {
  assertTokens(tokens);
  return `:root{${declarations(tokens, 'light')}}\n@media (prefers-color-scheme:dark){:root{${declarations(tokens, 'dark')}}}\n`;
}

/** The colours of a letter, which has no stylesheet: mail programs want them at each element. */
export type LetterColors = { primary: string; onPrimary: string; edge: string; accent: string; backdrop: string };

/** The same rules for a letter, on light or on dark. */
export function letterColors(tokens: BrandTokens, scheme: 'light' | 'dark'): LetterColors {
  assertTokens(tokens);
  const { primaryColor: primary = HOUSE.primary, accentColor = primary, backgroundColor } = tokens;
  const ground = scheme === 'light' ? (backgroundColor ?? HOUSE.backdrop) : DARK_BACKDROP;
  return {
    primary,
    onPrimary: readableOn(primary),
    edge: standingOut(primary, SURFACE[scheme], EDGE_CONTRAST),
    accent: standingOut(accentColor, SURFACE[scheme], TEXT_CONTRAST),
    backdrop: ground,
  };
}

/** Where the stylesheet of these tokens is found: the tokens are its address, so it can be cached for ever. */
export function brandHref(tokens: BrandTokens): string {
  assertTokens(tokens);
  const query = new URLSearchParams();
  for (const name of COLOR_TOKENS) if (tokens[name] !== undefined) query.set(name, tokens[name].slice(1).toLowerCase());
  if (tokens.radius !== undefined) query.set('radius', String(tokens.radius));
  return `/assets/brand.css?${query}`;
}

/**
 * The tokens of a stylesheet's address, the inverse of `brandHref`.
 *
 * @throws Failure `invalid_input` for anything else in the query, or a token that is not valid
 */
export function readBrandQuery(query: string): BrandTokens {
  const tokens: Record<string, string | number> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const known = name === 'radius' || (COLOR_TOKENS as readonly string[]).includes(name);
    if (!known || name in tokens) throw new Failure('invalid_input', { field: name });
    tokens[name] = name === 'radius' ? (/^\d{1,2}$/.test(value) ? Number(value) : Number.NaN) : `#${value}`;
  }
  assertTokens(tokens);
  return tokens;
}

/** Contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio"). */
export function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(parse(a)), luminance(parse(b))].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** The text colour for a background: near-black or white where that is readable, else pure black. */
export function readableOn(background: string): string {
  const best = contrast('#ffffff', background) >= contrast('#14161a', background) ? '#ffffff' : '#14161a';
  return contrast(best, background) >= TEXT_CONTRAST ? best : '#000000';
}

function assertTokens(tokens: BrandTokens): void {
  for (const name of COLOR_TOKENS) {
    const value: unknown = tokens[name];
    if (value !== undefined && !(typeof value === 'string' && COLOR.test(value)))
      throw new Failure('invalid_input', { field: name });
  }
  const { radius } = tokens;
  if (radius !== undefined && !(Number.isInteger(radius) && radius >= 0 && radius <= MAX_RADIUS)) {
    throw new Failure('invalid_input', { field: 'radius' });
  }
}

function declarations(tokens: BrandTokens, scheme: 'light' | 'dark'): string {
  const surface = SURFACE[scheme];
  const [primary, background] = [tokens.primaryColor?.toLowerCase(), tokens.backgroundColor?.toLowerCase()];
  const accent = tokens.accentColor?.toLowerCase() ?? primary;
  const properties: [string, string][] = [];
  if (primary) {
    const text = readableOn(primary);
    const away = text === '#ffffff' ? '#000000' : '#ffffff';
    properties.push(
      ['primary', primary],
      ['on-primary', text],
      ['primary-hover', mixed(primary, away, 0.14)],
      ['primary-edge', standingOut(primary, surface, EDGE_CONTRAST)],
    );
  }
  if (accent) properties.push(['accent', standingOut(accent, surface, TEXT_CONTRAST)]);
  if (background) {
    // A light background would glare on a dark page: there, only a dark one is kept.
    const backdrop = scheme === 'light' || luminance(parse(background)) < 0.08 ? background : DARK_BACKDROP;
    properties.push(['backdrop', backdrop], ['on-backdrop', readableOn(backdrop)], ['glow', 'transparent']);
  }
  if (tokens.radius !== undefined) properties.push(['radius', `${tokens.radius}px`]);
  return properties.map(([name, value]) => `--${name}:${value}`).join(';');
}

/** The colour, moved towards black or white until it stands out from the surface by `least`. */
function standingOut(color: string, surface: string, least: number): string {
  const pole = luminance(parse(surface)) > 0.5 ? '#000000' : '#ffffff';
  for (let share = 0; share < 1; share += 0.05) {
    const candidate = mixed(color, pole, share);
    if (contrast(candidate, surface) >= least) return candidate;
  }
  return pole;
}

function mixed(color: string, other: string, share: number): string {
  const [a, b] = [parse(color), parse(other)];
  return `#${a
    .map((value, i) =>
      Math.round(value + (b[i]! - value) * share)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

function parse(color: string): Rgb {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)) as unknown as Rgb;
}

/** Relative luminance, 0 to 1 (WCAG 2.2). */
function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
