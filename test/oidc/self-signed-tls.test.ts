import { createPublicKey, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { aCertificate } from '../support/certificate.ts';
import { API, aSite, type Site, startNode, type TestNode } from '../support/node.ts';
import { basic, introspect, post } from '../support/oauth.ts';

const MACHINE = { grant_type: 'client_credentials', resource: API, client_id: 'mutual' };

describe('a client with a certificate of its own (RFC 8705, RFC 9440)', () => {
  let behindProxy: TestNode;
  let direct: TestNode;
  let site: Site;
  const { cert } = aCertificate('client.test');
  const stranger = aCertificate('client.test').cert;
  before(async () => {
    behindProxy = await startNode({ settings: { TRUSTED_PROXIES: '127.0.0.1/32' } });
    direct = await startNode({ publicUrl: behindProxy.url });
    const jwk = {
      ...createPublicKey(cert).export({ format: 'jwk' }),
      kid: 'c',
      use: 'sig',
      x5c: [new X509Certificate(cert).raw.toString('base64')],
    };
    const mutual = {
      clientId: 'mutual',
      kind: 'service',
      tokenEndpointAuthMethod: 'self_signed_tls_client_auth',
      tlsClientCertificateBoundAccessTokens: true,
      jwks: { keys: [jwk] },
      scopes: ['read'],
    } as const;
    site = await aSite(behindProxy, { clients: [mutual] });
  });
  after(async () => {
    await direct.stop();
    await behindProxy.stop();
  });

  const shown = (pem: string) => ({ 'client-cert': `:${new X509Certificate(pem).raw.toString('base64')}:` });
  const ask = (node: TestNode, headers: Record<string, string>) => post(node, site, '/oauth/token', MACHINE, headers);

  it('gets in by what a trusted proxy saw, and its token is bound to the certificate', async () => {
    const { status, body } = await ask(behindProxy, shown(cert));
    expect(status).to.equal(200);
    const payload = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString());
    expect(payload.cnf).to.have.property('x5t#S256').that.is.a('string');
  });

  it('is not believed a header that it sends itself', async () => {
    const { status, body } = await ask(direct, shown(cert));
    expect([status, body.error]).to.deep.equal([401, 'invalid_client']);
  });

  it('is refused with another certificate, none, or what is no certificate', async () => {
    const wrong: Record<string, string>[] = [
      shown(stranger),
      {},
      { 'client-cert': '' },
      { 'client-cert': cert.replaceAll('\n', '') },
      { 'client-cert': ':!!!!:' },
      { 'client-cert': '::' },
      { 'client-cert': ':AAAA:' },
      { 'client-cert': `${shown(cert)['client-cert']}, :AAAA:` },
      { 'client-cert': `:${'A'.repeat(20_000)}:` },
      { 'x-client-cert': shown(cert)['client-cert'] },
      { 'x-ssl-client-cert': encodeURIComponent(cert) },
    ];
    for (const [index, headers] of wrong.entries()) {
      const { status } = await ask(behindProxy, headers);
      expect([index, status]).to.deep.equal([index, 401]);
    }
  });

  it('is not replaced by a secret', async () => {
    expect(
      (
        await post(
          behindProxy,
          site,
          '/oauth/token',
          { grant_type: 'client_credentials' },
          basic('mutual', 'x'.repeat(43)),
        )
      ).status,
    ).to.equal(401);
    expect((await introspect(behindProxy, site, 'x', basic('mutual', 'x'.repeat(43)))).status).to.equal(401);
  });
});
