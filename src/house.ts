import type { Knex } from 'knex';
import { eventFace } from './api/v1/event-body.ts';
import type { Config } from './config.ts';
import { type Changes, createChanges } from './database/changes.ts';
import { isExemptFromRowSecurity, migrate } from './database/migrate.ts';
import { createPool } from './database/pool.ts';
import { createServices, type Rooms } from './domain/services.ts';
import { createTenantDirectory, type TenantDirectory } from './domain/tenants/tenant-directory.ts';
import { createEgress, type Egress } from './http/egress.ts';
import { createTextResolver } from './http/egress-dns.ts';
import { createSocketEgress } from './http/egress-socket.ts';
import { createMetrics, type Metrics } from './http/metrics.ts';
import { createReceiverCalls } from './http/receiver-calls.ts';
import type { OperatorCall } from './kernel/call.ts';
import type { TenantId } from './kernel/ids.ts';
import { LIMITS } from './kernel/limits.ts';
import type { Log } from './kernel/log.ts';
import { createLetterWriter } from './mail/letter-writer.ts';
import { createMailSender, ehloName } from './mail/mail-sender.ts';
import { readMailUrl } from './mail/mail-server.ts';
import { createPostOffice, type PostOffice } from './mail/post-office.ts';
import { masterKeys } from './master-key.ts';
import { createMetadataValidator } from './oidc/metadata-validation.ts';
import { createSmsSender } from './sms/sms-gateway.ts';
import { createSmsOffice, type SmsOffice } from './sms/sms-office.ts';

/** Everything that stands before a request comes: the database, the rooms, and the news from other nodes. */
export type House = {
  config: Config;
  log: Log;
  db: Knex;
  /** A small pool of its own, for counters that must neither wait for a request nor be undone with it. */
  counters: Knex;
  databaseUrl: string;
  services: Rooms;
  directory: TenantDirectory;
  egress: Egress;
  /** Writes the letters of the outbox and sends them. */
  post: PostOffice;
  /** The same for text messages. */
  texting: SmsOffice;
  metrics: Metrics;
  changes: Changes;
  /** A call of the house itself, across tenants, at this moment. */
  operator(name: string): OperatorCall;
  close(): Promise<void>;
};

export type HouseOptions = { config: Config; log: Log; databaseUrl: string };

/** Opens the house on a database: brings the schema up to date and builds the rooms. Listens to nobody yet. */
export async function openHouse({ config, log, databaseUrl }: HouseOptions): Promise<House> {
  const db = createPool(databaseUrl, { max: config.DATABASE_POOL });
  // A pool of its own: what is counted there must not wait for, nor be undone with, a request's transaction.
  const counters = createPool(databaseUrl, { max: 3, name: 'gatehouse counters' });
  const close = async () => {
    await Promise.all([db.destroy(), counters.destroy()]);
  };
  try {
    const migrations = await migrate(db);
    if (migrations.length > 0) log.info({ migrations }, 'schema brought up to date');
    await refuseExemptRole(config, db);
    const egress = createEgress({ allowedCidrs: config.EGRESS_ALLOWED_CIDRS, log });
    const metrics = createMetrics();
    let hashes = 0;
    metrics.gauge('password_hashes', 'Password hashes computed since start.', () => hashes);
    const operator = (name: string): OperatorCall => ({ db, actor: { kind: 'system', name }, now: new Date() });
    const services = createServices({
      config: { ...config, masterKeys: masterKeys(config) },
      counters,
      fetchText: async (url, { timeoutMs, bodyBytes }) => (await egress.fetch(url, { timeoutMs, bodyBytes })).text(),
      postForm: async (url, form) => {
        const body = new URLSearchParams(form);
        return (await egress.fetch(url, { method: 'POST', body, bodyBytes: LIMITS.captchaAnswerBytes })).text();
      },
      ...{ resolveTexts: createTextResolver(config.DNS_RESOLVER), publicHost: new URL(config.PUBLIC_URL).hostname },
      directory: () => directory,
      onHash: () => {
        hashes += 1;
      },
      onSignIn: metrics.countSignIn,
      validateMetadata: createMetadataValidator(),
      eventFace,
      assertUrl: egress.assertUrl,
      sendToReceiver: createReceiverCalls({ allowedCidrs: config.EGRESS_ALLOWED_CIDRS, log }),
      onJobFault: (error, about) => log.error({ err: error, ...about }, 'a job met a fault'),
      platformTenant: async (call) => {
        const platform = await directory.bySlug(call, config.PLATFORM_SLUG);
        if (!platform) throw new Error('there is no platform tenant yet');
        return platform.id;
      },
    });
    const directory = createTenantDirectory({ tenantKeys: services.tenantKeys });
    const changes = createChanges({ address: databaseUrl, log });
    changes.on('tenant:', (topic) =>
      directory.forget(topic === undefined ? undefined : (topic.split(':')[1] as TenantId)),
    );
    changes.on('webhook:', (topic) =>
      services.webhooks.forget(topic === undefined ? undefined : (topic.split(':')[1] as TenantId)),
    );
    const post = createPost({ config, services, directory, operator });
    const texting = createSmsOffice({
      messages: services.textMessages,
      directory,
      sender: createSmsSender({ egress }),
      publicUrl: new URL(config.PUBLIC_URL),
      callIn: (tenantId) => ({ ...operator('sms'), tenantId }),
    });
    const rooms = { services, directory, egress, post, texting, metrics, changes, operator };
    return {
      ...{ config, log, db, counters, databaseUrl, ...rooms },
      async close() {
        post.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The way of a letter from the outbox to a mail server. */
function createPost({
  config,
  services,
  directory,
  operator,
}: Pick<House, 'config' | 'services' | 'directory' | 'operator'>) {
  const publicUrl = new URL(config.PUBLIC_URL);
  const { hostname } = publicUrl;
  return createPostOffice({
    letters: services.letters,
    directory,
    writer: createLetterWriter(),
    sender: createMailSender({
      egress: createSocketEgress({ allowedCidrs: config.EGRESS_ALLOWED_CIDRS }),
      hostname: ehloName(hostname),
    }),
    publicUrl,
    server: config.SMTP_URL === undefined ? undefined : readMailUrl(config.SMTP_URL),
    from: config.MAIL_FROM ?? `no-reply@${/^[\d.]+$|^\[/.test(hostname) ? 'localhost' : hostname}`,
    isShown: config.NODE_ENV === 'development',
    callIn: (tenantId) => ({ ...operator('mail'), tenantId }),
  });
}

/** Row-level security is one of the locks between tenants; a role that it does not bind would open it unnoticed. */
async function refuseExemptRole(config: Config, db: Knex): Promise<void> {
  if (config.NODE_ENV === 'production' && (await isExemptFromRowSecurity(db))) {
    throw new Error(
      'Refusing to start in production: the database role is a superuser or bypasses row-level security.',
    );
  }
}
