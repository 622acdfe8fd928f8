import type { SignedIn } from './v1.ts';

type As = Pick<SignedIn, 'as'>;

/** A webhook that nothing ever reaches. */
export async function aWebhookOf({ as }: As): Promise<string> {
  const { body } = await as('POST', '/api/v1/webhooks', {
    body: { url: 'https://hooks.example/', events: ['role.*'] },
  });
  return body.id;
}

/** A delivery to it. */
export async function aDeliveryOf(who: As): Promise<{ id: string; deliveryId: string }> {
  const id = await aWebhookOf(who);
  return { id, deliveryId: (await who.as('POST', `/api/v1/webhooks/${id}/test`)).body.id };
}

/** A job, which no node does where the background is off. */
export async function aJobOf(who: As): Promise<string> {
  const { body } = await who.as('POST', `/api/v1/webhooks/${await aWebhookOf(who)}/redeliver`, {
    body: { since: new Date(0).toISOString() },
  });
  return body.jobId;
}
