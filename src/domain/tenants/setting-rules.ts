/** The value of a setting as it is stored, or undefined when it is not allowed. */
export type Rule = (value: unknown) => unknown;

export const flag: Rule = (value) => (typeof value === 'boolean' ? value : undefined);

export const whole =
  (min: number, max: number): Rule =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max ? value : undefined;

export const text =
  (read: (value: string) => string | undefined): Rule =>
  (value) =>
    typeof value === 'string' ? read(value) : undefined;

export const oneOf =
  <T>(...values: readonly T[]): Rule =>
  (value) =>
    values.includes(value as T) ? value : undefined;

/** A list without repetitions, each item by the rule. */
export const list =
  (each: Rule, max: number): Rule =>
  (value) => {
    if (!Array.isArray(value) || value.length > max) return undefined;
    const items = value.map(each);
    return items.includes(undefined) || new Set(items).size < items.length ? undefined : items;
  };

export const color = text((value) => (/^#[0-9a-f]{6}$/i.test(value) ? value.toLowerCase() : undefined));
