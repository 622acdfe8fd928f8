import { expect } from 'chai';
import type { WebhookBlueprint } from '../../../src/domain/blueprint/blueprint.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { blueprint, callIn, file, HOOK_SECRET } from '../../support/blueprints.ts';
import { toldIn, typesOf } from '../../support/events.ts';
import { expectFailure } from '../../support/expect.ts';
import { aSlug, operator, rooms } from '../../support/rooms.ts';

const URL = 'https://hooks.example/a';
const OTHER = `whsec_${Buffer.alloc(32, 'other').toString('base64')}`;

const apply = (slug: string, ...webhooks: WebhookBlueprint[]) =>
  blueprint().apply(operator(), file({ slug, webhooks }));
const listed = async (slug: string) => (await rooms().webhooks.list(await callIn(slug))).items;

describe('webhooks in a file', () => {
  it('are made, and changed, as it declares them; applied again, nothing is written', async () => {
    const slug = aSlug();
    await apply(slug, { url: URL, events: ['user.*'], description: 'Staff' });
    expect(await apply(slug, { url: URL, events: ['user.*'], description: 'Staff' })).to.deep.equal([]);
    expect(await apply(slug, { url: URL, events: ['user.*'] })).to.deep.equal([]);

    const changed = await apply(slug, { url: URL, events: ['role.*', 'user.*'], status: 'disabled' });
    expect(changed).to.deep.equal([
      { action: 'change', tenant: slug, kind: 'webhook', name: URL, fields: ['events', 'status'] },
    ]);
    const [webhook] = await listed(slug);
    expect(webhook).to.deep.include({ events: ['role.*', 'user.*'], description: 'Staff', disabledReason: 'manual' });
  });

  it('have the secret that stands there, and keep the one they have where none does', async () => {
    const slug = aSlug();
    await apply(slug, { url: URL, events: ['*'], secret: HOOK_SECRET });
    const call = await callIn(slug, new Date());
    const [webhook] = await listed(slug);
    const secrets = () => rooms().webhooks.secretsOf(call, webhook!.id);
    expect(await secrets()).to.deep.equal([HOOK_SECRET]);
    expect(await apply(slug, { url: URL, events: ['*'] })).to.deep.equal([]);
    expect(await apply(slug, { url: URL, events: ['*'], secret: HOOK_SECRET })).to.deep.equal([]);

    const { secret } = await rooms().webhooks.rotate(call, webhook!.id);
    expect(await secrets()).to.deep.equal([secret, HOOK_SECRET]);
    const [change] = await apply(slug, { url: URL, events: ['*'], secret: OTHER });
    expect(change).to.deep.include({ fields: ['secret'] });
    expect(await secrets()).to.deep.equal([OTHER]);
    expect(JSON.stringify(change)).not.to.include(OTHER);
  });

  it('are told with every mistake, and then nothing is made', async () => {
    const slug = aSlug();
    const { mistakes } = await expectFailure(
      'blueprint_invalid',
      apply(
        slug,
        { url: 'https://10.0.0.1/', events: ['*'] },
        { url: URL, events: ['user.born'] },
        { url: 'https://hooks.example/b', events: ['*'], secret: 'whsec_short' },
        { url: URL, events: ['*'] },
      ),
    );
    expect((mistakes as { path: string }[]).map(({ path }) => path)).to.have.members([
      'tenants[0].webhooks[0].url',
      'tenants[0].webhooks[1].events',
      'tenants[0].webhooks[2].secret',
      'tenants[0].webhooks[3]',
    ]);
    expect(await rooms().tenants.findBySlug(operator(), slug)).to.equal(undefined);
  });

  it('are no more than a tenant may have, with those that are there', async () => {
    const slug = aSlug();
    const many = (count: number, from = 0): WebhookBlueprint[] =>
      Array.from({ length: count }, (_, at) => ({ url: `${URL}/${from + at}`, events: ['*'] }));
    await apply(slug, ...many(LIMITS.webhooks));
    await apply(slug, ...many(LIMITS.webhooks));
    await expectFailure('blueprint_invalid', apply(slug, ...many(1, LIMITS.webhooks)));
  });

  it('hear of what later files change, and not of what came with themselves', async () => {
    const slug = aSlug();
    const users = [{ email: `ann@${slug}.example` }];
    await blueprint().apply(operator(), file({ slug, users, webhooks: [{ url: URL, events: ['user.*'] }] }));
    expect(await toldIn(await callIn(slug))).to.deep.equal([]);
    const more = [{ email: `ann@${slug}.example`, firstName: 'Ann' }, { email: `bob@${slug}.example` }];
    await blueprint().apply(operator(), file({ slug, users: more }));
    expect(typesOf(await toldIn(await callIn(slug)))).to.have.members(['user.updated', 'user.created']);
  });
});
