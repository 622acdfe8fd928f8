import type { Contract } from './contract.ts';
import type { Operation } from './operation.ts';

/** An operation as it stands in its contract. */
export type Route = { contract: Contract; name: string; operation: Operation };

export type Found =
  | { kind: 'route'; route: Route; params: Record<string, string> }
  /** The path is known, with other methods. */
  | { kind: 'method'; contract: Contract; allow: string }
  /** The path is nobody's, below the base of this contract. */
  | { kind: 'absent'; contract: Contract }
  | undefined;

type Node = { literals: Map<string, Node>; parameter?: Node; routes: Map<string, Route> };

/** Every operation of every contract, in the order of the contracts. */
export function routesOf(contracts: readonly Contract[]): Route[] {
  return contracts.flatMap((contract) =>
    Object.entries(contract.operations).map(([name, operation]) => ({ contract, name, operation })),
  );
}

/**
 * Finds operations by method and path, over all contracts at once: one may have a path below the base of another. A
 * literal segment comes before a parameter (`/users/me` before `/users/:id`), whatever the order of the files.
 *
 * @throws Error at start, when two operations claim the same method and path
 */
export function createRoutes(contracts: readonly Contract[]): { find(method: string, path: string): Found } {
  const root = newNode();
  for (const route of routesOf(contracts)) add(root, route);
  const bases = contracts
    .flatMap((contract) => contract.bases.map((base) => ({ base, contract })))
    .sort((a, b) => b.base.length - a.base.length);

  return {
    find(method, path) {
      const segments = path.split('/').slice(1);
      const values: string[] = [];
      const node = walk(root, segments, 0, values);
      const route = node?.routes.get(method === 'HEAD' ? 'GET' : method);
      if (route) return { kind: 'route', route, params: named(route.operation.path, values) };
      const [other] = node?.routes.values() ?? [];
      if (node && other) return { kind: 'method', contract: other.contract, allow: allowOf(node) };
      const owner = bases.find(({ base }) => path === base || path.startsWith(`${base}/`));
      return owner && { kind: 'absent', contract: owner.contract };
    },
  };
}

const newNode = (): Node => ({ literals: new Map(), routes: new Map() });

function add(root: Node, route: Route): void {
  const { method, path } = route.operation;
  let node = root;
  for (const segment of path.split('/').slice(1)) {
    const isParameter = segment.startsWith(':');
    const next = (isParameter ? node.parameter : node.literals.get(segment)) ?? newNode();
    if (isParameter) node.parameter = next;
    else node.literals.set(segment, next);
    node = next;
  }
  if (node.routes.has(method)) throw new Error(`two operations claim ${method} ${path}`);
  node.routes.set(method, route);
}

/** The node of a path; fills in the values of its parameters. Goes back where a literal led nowhere. */
function walk(node: Node, segments: readonly string[], at: number, values: string[]): Node | undefined {
  if (at === segments.length) return node.routes.size > 0 ? node : undefined;
  const segment = segments[at]!;
  const literal = node.literals.get(segment);
  const found = literal && walk(literal, segments, at + 1, values);
  if (found || !node.parameter) return found;
  const value = decoded(segment);
  if (!value) return undefined;
  values.push(value);
  const below = walk(node.parameter, segments, at + 1, values);
  if (!below) values.pop();
  return below;
}

/** Undefined for what is no text: nothing that could be stored is called so. */
function decoded(segment: string): string | undefined {
  try {
    const text = decodeURIComponent(segment);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

function named(path: string, values: readonly string[]): Record<string, string> {
  const names = path.split('/').filter((segment) => segment.startsWith(':'));
  return Object.fromEntries(names.map((name, index) => [name.slice(1), values[index]!]));
}

function allowOf({ routes }: Node): string {
  const methods = [...routes.keys()];
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].sort().join(', ');
}
