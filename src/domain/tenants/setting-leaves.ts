/** A list is a value, not a group of settings. */
type Group<T> =
  NonNullable<T> extends readonly unknown[] ? never : NonNullable<T> extends object ? NonNullable<T> : never;
/** Any of the settings. */
export type Sparse<T> = {
  [Key in keyof T]?: ([Group<T[Key]>] extends [never] ? T[Key] : Sparse<Group<T[Key]>>) | undefined;
};
/** The same, and null where one goes back to its default. */
export type Erasable<T> = {
  [Key in keyof T]?: ([Group<T[Key]>] extends [never] ? T[Key] | null : Erasable<Group<T[Key]>>) | undefined;
};

/** The path of one setting: `tokens.idTokenSeconds`. */
export type Leaf<T> = {
  [Key in keyof T & string]-?: [Group<T[Key]>] extends [never] ? Key : `${Key}.${Leaf<Group<T[Key]>>}`;
}[keyof T & string];

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `{ tokens: { idTokenSeconds: 60 } }` as `tokens.idTokenSeconds` and 60; settings have two levels. */
export function leavesOf(settings: object): [path: string, value: unknown][] {
  return Object.entries(settings).flatMap(([key, value]) =>
    isGroup(value)
      ? Object.entries(value).map(([inner, item]): [string, unknown] => [`${key}.${inner}`, item])
      : [[key, value] as [string, unknown]],
  );
}
