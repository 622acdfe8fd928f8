type Region = { region: string; zones: { name: string; label: string }[] };

let known: readonly string[] | undefined;

/** The zones of the IANA database by region, with the one a person has, under whatever name. */
export function timezonesWith(own: string | null): Region[] {
  known ??= ['UTC', ...Intl.supportedValuesOf('timeZone').filter((name) => name.includes('/'))];
  const names = own === null || known.includes(own) ? known : [own, ...known];
  return [...Map.groupBy(names, regionOf)].map(([region, zones]) => ({
    region,
    zones: zones.map((name) => ({ name, label: labelOf(name) })),
  }));
}

const regionOf = (name: string): string => (name.includes('/') ? name.slice(0, name.indexOf('/')) : name);
const labelOf = (name: string): string => name.slice(name.indexOf('/') + 1).replaceAll('_', ' ');
