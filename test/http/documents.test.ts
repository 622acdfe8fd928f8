import { request } from 'node:http';
import { expect } from 'chai';
import { aSite, type Site, startNode, type TestNode } from '../support/node.ts';

type Seen = { status: number; headers: Record<string, unknown>; body: string };

describe('public documents', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSite(node);
  });
  after(() => node.stop());

  function get(path: string, headers: Record<string, string> = {}): Promise<Seen> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { port: node.port, path, headers: { host: `localhost:${node.port}`, ...headers } },
        (answer) => {
          let body = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => {
            body += chunk;
          });
          answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }));
        },
      );
      outgoing.on('error', reject).end();
    });
  }

  const without = ({ headers: { date: _d, 'x-request-id': _r, ...headers }, ...rest }: Seen) => ({ ...rest, headers });

  for (const name of ['openid-configuration', 'jwks.json']) {
    it(`${name} is the same from memory as it was the first time, under a request id of its own`, async () => {
      const path = `/t/${site.slug}/.well-known/${name}`;
      const first = await get(path);
      const second = await get(path);

      expect(first.status).to.equal(200);
      expect(without(second)).to.deep.equal(without(first));
      expect(second.headers).to.include({ 'x-content-type-options': 'nosniff', 'access-control-allow-origin': '*' });
      expect(second.headers['x-request-id']).to.be.a('string').and.not.equal(first.headers['x-request-id']);
      expect((await get(path, { 'x-request-id': 'chosen-by-the-caller' })).headers['x-request-id']).to.equal(
        'chosen-by-the-caller',
      );
    });
  }

  it('are not given under a host that is not ours', async () => {
    const path = `/t/${site.slug}/.well-known/jwks.json`;
    await get(path);
    expect((await get(path, { host: 'other.example' })).status).to.equal(421);
  });

  it('leave a line in the log, from memory too', async () => {
    const path = `/t/${site.slug}/.well-known/jwks.json`;
    await get(path);
    await get(path, { 'x-request-id': 'find-me-in-the-log' });
    const line = node.logged
      .map((text) => JSON.parse(text))
      .find(({ requestId }) => requestId === 'find-me-in-the-log');
    expect(line).to.include({ msg: 'request', method: 'GET', path: '/t/:masked/.well-known/jwks.json', status: 200 });
  });

  it('end with the tenant', async () => {
    const other = await aSite(node);
    const path = `/t/${other.slug}/.well-known/openid-configuration`;
    expect((await get(path)).status).to.equal(200);
    const told = new Promise<void>((resolve) => {
      const off = node.house.changes.on(`tenant:${other.tenantId}`, () => {
        off();
        resolve();
      });
    });

    await node.house.services.tenants.suspend(other.call);
    await told;

    expect((await get(path)).status).to.equal(404);
  });
});
