import type { PermissionDraft } from '../access/permission.ts';
import type { RoleDraft } from '../access/role.ts';
import type { ApiDraft } from '../apis/api.ts';
import type { ClientFields, ClientKind } from '../clients/client.ts';
import type { NodeDraft, NodeFields } from '../nodes/node.ts';
import type { NormalForm } from '../passwords/password-text.ts';
import type { OwnSettings } from '../tenants/settings.ts';
import type { TenantConfig, TenantType } from '../tenants/tenant.ts';
import type { UserDraft } from '../users/user.ts';
import type { WebhookDraft } from '../webhooks/webhook.ts';

/** Tenants as a file declares them. What it names is made so; what it does not name is left alone. */
export type Blueprint = { tenants: readonly TenantBlueprint[] };

export type TenantBlueprint = {
  slug: string;
  name?: string | undefined;
  type?: TenantType | undefined;
  country?: string | undefined;
  config?: TenantConfig | undefined;
  status?: 'active' | 'suspended' | undefined;
  settings?: OwnSettings | undefined;
  domains?: readonly DomainBlueprint[] | undefined;
  apis?: readonly ApiDraft[] | undefined;
  /** Permissions of the tenant's own; those that its roles name are there anyway. */
  permissions?: readonly PermissionDraft[] | undefined;
  /** Roles of the tenant's own; system roles are there anyway. */
  roles?: readonly RoleDraft[] | undefined;
  users?: readonly UserBlueprint[] | undefined;
  /** The organisation tree below the root, which is the tenant itself. */
  nodes?: readonly NodeBlueprint[] | undefined;
  /** Who belongs to the root. */
  members?: readonly MemberBlueprint[] | undefined;
  clients?: readonly ClientBlueprint[] | undefined;
  webhooks?: readonly WebhookBlueprint[] | undefined;
};

export type NodeBlueprint = NodeFields & {
  type: NodeDraft['type'];
  /** For a node that moves house; counts only when the node is made. */
  id?: string | undefined;
  members?: readonly MemberBlueprint[] | undefined;
  /** What is below it. */
  nodes?: readonly NodeBlueprint[] | undefined;
};

export type MemberBlueprint = {
  /** The e-mail address of a user of the tenant. */
  user: string;
  /** All roles of the user at that node. */
  roles?: readonly string[] | undefined;
};

/** The operator who applies the file vouches for a domain that is `verified`. */
export type DomainBlueprint = string | { domain: string; verified?: boolean | undefined };

/** Another system's hash, or one of Gatehouse with what went into it. */
export type HashBlueprint = string | { hash: string; pepper?: string | undefined; form?: NormalForm | undefined };

export type UserBlueprint = UserDraft & {
  /** The subject in tokens, for a user who moves house; counts only when the user is made. */
  id?: string | undefined;
  /** Set when the user is made, and whenever it is not the user's password. */
  password?: string | undefined;
  /** Set when the user has no password. */
  passwordHash?: HashBlueprint | undefined;
  mustChangePassword?: boolean | undefined;
  /** All roles of the user. */
  roles?: readonly string[] | undefined;
};

export type ClientBlueprint = ClientFields & {
  clientId: string;
  kind: ClientKind;
  /** Becomes the only secret of the client, unless it is one already. */
  clientSecret?: string | undefined;
  /** All roles of the client, for what it does with its own credentials. */
  roles?: readonly string[] | undefined;
};

export type WebhookBlueprint = Omit<WebhookDraft, 'description'> & {
  description?: string | undefined;
  /** Becomes the only secret of the webhook, unless it is one already. Made, and told to nobody, where it is left out. */
  secret?: string | undefined;
};

export type Kind =
  | 'tenant'
  | 'domain'
  | 'api'
  | 'permission'
  | 'role'
  | 'user'
  | 'node'
  | 'member'
  | 'client'
  | 'webhook';

/** One difference between a file and the database. */
export type Difference = {
  /** `kept`: in the database and not in the file, hence left alone. */
  action: 'create' | 'change' | 'kept';
  tenant: string;
  kind: Kind;
  name: string;
  /** What changes, never its value. */
  fields?: readonly string[];
};

/** One reason why a file cannot be applied. `path` leads to the place in the file: `tenants[0].users[2].email`. */
export type Mistake = { path: string; message: string };
