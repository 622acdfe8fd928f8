import { isCountry } from '../../kernel/country.ts';
import { Failure } from '../../kernel/failure.ts';
import type { NodeId, TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';
import { versionOf } from '../../kernel/version.ts';

export const NODE_TYPES = ['organization', 'facility', 'department', 'team'] as const;

export type NodeType = 'tenant' | (typeof NODE_TYPES)[number];
/** `archived`: out of use, and all that is below it. Nothing joins it, and what is allowed there counts nowhere. */
export type NodeStatus = 'active' | 'archived';

/** A place in a tenant's organisation tree. The root is the tenant itself, with its id and its name. */
export type OrgNode = {
  id: NodeId;
  /** Null for the root. */
  parentId: NodeId | null;
  type: NodeType;
  /** Siblings differ by it, in whatever case. */
  name: string;
  legalName: string | null;
  /** ISO 3166-1 alpha-2. */
  country: string | null;
  /** Of the node itself; one above it may be archived all the same. */
  status: NodeStatus;
  createdAt: Date;
  updatedAt: Date;
};

/** What is said of a node; null takes a value away. */
export type NodeFields = {
  name: string;
  legalName?: string | null | undefined;
  country?: string | null | undefined;
  status?: NodeStatus | undefined;
};

export type NodeDraft = NodeFields & {
  type: Exclude<NodeType, 'tenant'>;
  /** The root unless told. */
  parentId?: NodeId | undefined;
};

/** What is left out stays; another parent moves the node with all that is below it. */
export type NodeChange = { [Key in keyof NodeFields]?: NodeFields[Key] | undefined } & {
  parentId?: NodeId | undefined;
};

/** The columns of a node that are derived from what is said of it. */
export type NodeValues = Pick<OrgNode, 'name' | 'legalName' | 'country' | 'status'> & {
  nameKey: string;
  legalKey: string | null;
};

/** Another one as soon as anything is said otherwise of the node. */
export const versionOfNode = ({ updatedAt: _, ...node }: OrgNode): string => versionOf(node);

/** What the audit trail tells of a node. */
export const auditedNode = ({
  type,
  parentId,
  name,
  legalName,
  country,
  status,
}: Omit<OrgNode, 'createdAt' | 'updatedAt'>) => ({
  type,
  parentId,
  name,
  legalName,
  country,
  status,
});

/** The root of a tenant's tree has the tenant's id. */
export const rootOf = (tenantId: TenantId): NodeId => tenantId as string as NodeId;

const RANKS: Record<NodeType, number> = { tenant: 0, organization: 1, facility: 2, department: 3, team: 4 };

/**
 * Whether a node of one type may stand right below one of another: organization, facility, department, team, from the
 * outside in. A level may be left out, and may be repeated: a ward of a ward, a company of a group.
 */
export const mayHold = (above: NodeType, below: NodeType): boolean =>
  below !== 'tenant' && RANKS[below] >= RANKS[above];

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/** The form in which names are compared, sorted and searched. */
export const keyOfName = (name: string): string => name.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();

/** @throws Failure `invalid_input` */
export function checkedNode({ name, legalName, country, status }: NodeFields): NodeValues {
  const given = nameOf('name', name);
  const legal = legalName == null ? null : nameOf('legalName', legalName);
  if (country != null && !isCountry(country))
    invalid('country', 'must be a country by two capital letters (ISO 3166-1)');
  return {
    name: given.name,
    nameKey: given.key,
    legalName: legal?.name ?? null,
    legalKey: legal?.key ?? null,
    country: country ?? null,
    status: status ?? 'active',
  };
}

function nameOf(field: string, raw: string): { name: string; key: string } {
  const name = plainName(raw, LIMITS.nameChars);
  if (name === undefined) return invalid(field, `must have 1 to ${LIMITS.nameChars} plain characters`);
  const key = keyOfName(name);
  // A single letter can stand for many (U+FDFA); an index takes so much and no more.
  return key === '' || key.length > LIMITS.nodeKeyChars ? invalid(field, 'must be a plain name') : { name, key };
}
