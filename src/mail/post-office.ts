import { type Letter, shownName } from '../domain/mail/letter.ts';
import type { LetterService } from '../domain/mail/letter-service.ts';
import { issuerUrls } from '../domain/tenants/issuer-url.ts';
import { openSmtpPassword } from '../domain/tenants/smtp-password.ts';
import type { DirectoryTenant, TenantDirectory } from '../domain/tenants/tenant-directory.ts';
import { type OutboxHandler, Undeliverable } from '../jobs/outbox.ts';
import type { TenantCall } from '../kernel/call.ts';
import { canonicalEmail } from '../kernel/canonical.ts';
import type { TenantId } from '../kernel/ids.ts';
import type { LetterWriter, Sender, WrittenLetter } from './letter-writer.ts';
import { type Mail, type MailSender, Refused } from './mail-sender.ts';
import { type MailServer, tenantServer } from './mail-server.ts';

export type PostOfficeDeps = {
  letters: Pick<LetterService, 'open'>;
  directory: Pick<TenantDirectory, 'byId'>;
  writer: LetterWriter;
  sender: MailSender;
  publicUrl: URL;
  /** The operator's server, where there is one. */
  server: MailServer | undefined;
  /** The address that letters come from where a tenant has no server of its own. */
  from: string;
  /** Letters stand at `/dev/mail`, so nothing is lost where there is no server. */
  isShown: boolean;
  callIn(tenantId: TenantId): TenantCall;
};

/** A letter that was put down, with all that its tenant adds to it. */
export type Composed = { letter: Letter; tenant: DirectoryTenant; written: WrittenLetter };

/** Writes the letters of the outbox and hands them to the mail server of their tenant, or to the operator's. */
export function createPostOffice(deps: PostOfficeDeps) {
  const { letters, directory, writer, sender, publicUrl, callIn } = deps;

  /** Writes a letter as it goes out. Undefined where its tenant is gone. */
  async function compose(row: {
    tenantId: string;
    id: string;
    payload: Record<string, unknown>;
  }): Promise<Composed | undefined> {
    const call = callIn(row.tenantId as TenantId);
    const tenant = await directory.byId(call, call.tenantId);
    if (!tenant) return undefined;
    const letter = await letters.open(call, row);
    return { letter, tenant, written: writer.write(letter, senderOf(tenant, letter, publicUrl)) };
  }

  /** Delivers one row of kind `mail`. */
  const deliver: OutboxHandler = async (row, signal) => {
    const composed = await compose(row);
    if (!composed) throw new Undeliverable('the tenant is gone');
    const { letter, tenant, written } = composed;
    if (letter.until !== undefined && Date.parse(letter.until) <= Date.now())
      throw new Undeliverable('the letter came too late to be of use');
    if (!tenant.isActive) throw new Error('the tenant is suspended');
    const { server, from } = routeOf(tenant, deps);
    if (!server && deps.isShown) return;
    if (!server) throw new Error('there is no mail server: neither the tenant nor SMTP_URL names one');
    const mail = { ...written, ...headOf(row, letter, from) } satisfies Mail;
    await sender.send(server, mail, signal).catch((error: unknown) => {
      throw error instanceof Refused ? new Undeliverable(error.message) : error;
    });
  };

  return {
    compose,
    deliver,
    /** Closes the connections to mail servers. */
    close: () => sender.close(),
  };
}

export type PostOffice = ReturnType<typeof createPostOffice>;

/** Links lead to an issuer of the tenant: to that at which the person is, if it is one. */
function senderOf({ name, settings, ...tenant }: DirectoryTenant, { base }: Letter, publicUrl: URL): Sender {
  const { displayName, logoUrl, ...tokens } = settings.branding;
  const [first, ...others] = issuerUrls(publicUrl, tenant) as [string, ...string[]];
  return {
    brand: displayName ?? name,
    logoUrl,
    tokens,
    issuer: others.find((issuer) => issuer === base) ?? first,
    locale: settings.locale,
    timezone: settings.timezone,
  };
}

/** Which server takes the letters of a tenant, and from whom they come. */
function routeOf(tenant: DirectoryTenant, { server, from }: PostOfficeDeps) {
  const { smtp, branding } = tenant.settings;
  const name = smtp.fromName ?? branding.displayName ?? tenant.name;
  const own = tenantServer(smtp, (sealed) => openSmtpPassword(tenant.keyFor('seal'), tenant.id, sealed));
  return { server: own ?? server, from: { name, address: own ? smtp.fromAddress! : from } };
}

/** `id` is the row's: the same letter has the same Message-ID at each attempt. */
function headOf({ id, createdAt }: { id: string; createdAt: Date }, { to }: Letter, from: Mail['from']) {
  const domain = canonicalEmail(from.address)?.split('@').at(-1) ?? 'localhost';
  const address = to.address.trim().normalize('NFKC');
  return { messageId: `${id}@${domain}`, date: createdAt, from, to: { name: shownName(to.name), address } };
}
