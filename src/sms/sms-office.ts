import type { TextMessage } from '../domain/sms/text-message.ts';
import type { TextMessageService } from '../domain/sms/text-message-service.ts';
import { issuerUrl } from '../domain/tenants/issuer-url.ts';
import { smsSecret } from '../domain/tenants/sms-secret.ts';
import type { DirectoryTenant, TenantDirectory } from '../domain/tenants/tenant-directory.ts';
import { createTexts, type Texts } from '../http/texts.ts';
import { type OutboxHandler, Undeliverable } from '../jobs/outbox.ts';
import type { TenantCall } from '../kernel/call.ts';
import type { TenantId } from '../kernel/ids.ts';
import { gatewayOf, SmsRefused, type SmsSender } from './sms-gateway.ts';

export type SmsOfficeDeps = {
  messages: Pick<TextMessageService, 'open'>;
  directory: Pick<TenantDirectory, 'byId'>;
  sender: SmsSender;
  publicUrl: URL;
  texts?: Texts;
  callIn(tenantId: TenantId): TenantCall;
};

/** Writes the text messages of the outbox and hands them to the gateway of their tenant. */
export function createSmsOffice(deps: SmsOfficeDeps) {
  const { messages, directory, sender, publicUrl, callIn, texts = createTexts('views/sms/texts') } = deps;

  /** Delivers one row of kind `sms`. */
  const deliver: OutboxHandler = async (row, signal) => {
    const call = callIn(row.tenantId as TenantId);
    const tenant = await directory.byId(call, call.tenantId);
    if (!tenant) throw new Undeliverable('the tenant is gone');
    const message = await messages.open(call, row);
    const validSeconds = Math.floor((Date.parse(message.until) - Date.now()) / 1000);
    if (validSeconds < 1) throw new Undeliverable('the message came too late to be of use');
    if (!tenant.isActive) throw new Error('the tenant is suspended');
    const open = (sealed: string) => smsSecret.open(tenant.keyFor('seal'), tenant.id, sealed);
    const gateway = gatewayOf(tenant.settings.sms, open);
    if (!gateway) throw new Undeliverable('the tenant has no gateway for text messages');
    const text = textOf(message, tenant, texts, issuerUrl(publicUrl, tenant));
    await sender.send(gateway, { id: row.id, to: message.to, text, validSeconds }, signal).catch((error: unknown) => {
      throw error instanceof SmsRefused ? new Undeliverable(error.message) : error;
    });
  };

  return { deliver };
}

export type SmsOffice = ReturnType<typeof createSmsOffice>;

/** The words, and a last line by which browsers fill the code in at our own host only (WICG, origin-bound codes). */
function textOf(
  { purpose, code, languages }: TextMessage,
  { name, settings }: DirectoryTenant,
  texts: Texts,
  issuer: string,
): string {
  const language = texts.forLanguage({ chosen: languages.join(' '), tenantDefault: settings.locale });
  const brand = settings.branding.displayName ?? name;
  return `${language.t(`code.${purpose}`, { brand, code })}\n\n@${new URL(issuer).hostname} #${code}`;
}
